// with: scorer/feature_index.c scorer/scan.c scorer/v2_parse.c scorer/v2_tensor.c lib/err.c lib/json.c lib/mem.c lib/strbuf.c lib/utf8.c
/* Infer bodies: rows without infinities and an id that is JSON, or an error. The first byte chooses the model. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <jansson.h>

#include "scorer/v2_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static char *names[] = { (char *) "age", (char *) "income", (char *) "home" };
        struct feature_index features;
        struct err e = { 0 };
        struct v2_request rq;

        if (size == 0)
                return 0;
        uint32_t n = data[0] & 1 ? 3 : 1;
        (void) feature_index_init(&features, data[0] & 2 ? names : NULL, data[0] & 2 ? n : 0, &e);
        struct v2_schema schema = { .features = &features, .n_features = n, .output = "predict", .max_rows = 64 };
        if (v2_parse(&schema, (const char *) data + 1, size - 1, &rq, &e)) {
                assert(e.kind == ERR_INVALID && *e.msg && !rq.rows && !rq.id);
        } else {
                assert(rq.n_rows >= 1 && rq.n_rows <= 64);
                for (size_t i = 0; i < rq.n_rows * n; i++)
                        assert(!isinf(rq.rows[i]));
                json_t *id = rq.id ? json_loads(rq.id, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
                assert(!rq.id || id || strstr(rq.id, "\\u")); /* jansson refuses lone surrogates */
                json_decref(id);
                v2_request_done(&rq);
        }
        feature_index_done(&features);
        return 0;
}
