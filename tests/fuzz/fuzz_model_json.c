// with: scorer/doc.c scorer/doc_json.c scorer/doc_ubjson.c scorer/forest.c scorer/model.c scorer/objective.c scorer/xgb_fields.c scorer/xgb_load.c scorer/xgb_tree.c lib/err.c lib/json.c lib/mem.c lib/strbuf.c lib/utf8.c
/* JSON models: whatever the text, a model that scores a row or an error, within the memory that was allowed. */
#include "tests/fuzz/fuzz_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct doc_limits limits = { .max_bytes = 1 << 20, .max_values = 100000, .max_depth = 32 };
        struct err e = { 0 };
        struct doc d;

        if (doc_json_parse((const char *) data, size, &limits, &d, &e))
                assert(e.kind != ERR_NONE && *e.msg);
        else
                doc_done(&d);
        fuzz_model(data, size);
        return 0;
}
