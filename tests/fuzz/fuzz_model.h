/* What the fuzz targets for models share: load, and score one row if that succeeds. */
#pragma once

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "scorer/doc.h"
#include "scorer/xgb_load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_FEATURES = 1 << 16, FUZZ_MEMORY = 4 << 20 };

static void fuzz_model(const uint8_t *data, size_t size)
{
        struct err e = { 0 };
        struct model m;

        if (xgb_load(data, size, FUZZ_MEMORY, &m, &e)) {
                assert(e.kind != ERR_NONE && *e.msg && !m.forest);
                return;
        }
        if (m.n_features <= FUZZ_FEATURES) {
                float *row = calloc(m.n_features, sizeof *row), *out = calloc(m.n_outputs, sizeof *out);
                for (uint32_t i = 0; i < m.n_features; i++)
                        row[i] = i % 3 ? (float) i : NAN;
                model_score(&m, row, 1, out);
                free(row);
                free(out);
        }
        model_done(&m);
}
