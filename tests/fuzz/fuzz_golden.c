// with: scorer/golden.c scorer/v2.c scorer/tally.c scorer/v2_parse.c scorer/v2_reply.c scorer/v2_tensor.c scorer/feature_index.c scorer/scan.c scorer/float_text.c scorer/model.c scorer/forest.c scorer/objective.c lib/err.c lib/json.c lib/mem.c lib/strbuf.c lib/utf8.c
/* Golden rows: they hold, or there is an error that names the line. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "scorer/golden.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const float base = 0.5f;
        struct model m = { .objective = objective_find("reg:squarederror"), .n_features = 2, .n_outputs = 1 };
        struct golden g;
        struct v2 v;
        struct err e = { 0 };

        m.forest = forest_new(2, 1, &base);
        forest_finish(m.forest);
        if (v2_open(&v, "m", "1", "predict", 16, &m, &e) == 0 && golden_check(&v, (const char *) data, size, &g, &e) == 0)
                assert(g.n_rows >= g.n_bodies && g.n_bodies > 0);
        else
                assert(e.kind == ERR_INVALID && strstr(e.msg, "golden rows"));
        golden_done(&g);
        v2_close(&v);
        return 0;
}
