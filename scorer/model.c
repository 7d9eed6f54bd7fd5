/* From rows to outputs: the trees' sums, then the objective. */
#include "scorer/model.h"

#include <math.h>
#include <stdlib.h>

#include "lib/auto.h"
#include "lib/mem.h"

void model_done(struct model *m)
{
        forest_free(m->forest);
        for (uint32_t i = 0; m->feature_names && i < m->n_features; i++)
                free(m->feature_names[i]);
        free(m->feature_names);
        *m = (struct model){ 0 };
}

void model_score(const struct model *m, const float *rows, size_t n_rows, float *out)
{
        float *scratch = xmalloc(forest_scratch_len(m->forest) * sizeof *scratch);

        for (size_t r = 0; r < n_rows; r++) {
                float *sums = out + r * m->n_outputs;
                forest_predict(m->forest, rows + r * m->n_features, scratch, sums);
                objective_transform(m->objective, sums, m->n_outputs);
        }
        free(scratch);
}

int model_warm(const struct model *m, struct err *e)
{
        enum { ROWS = 64 };
        float *row = xmalloc(m->n_features * sizeof *row), *out = xmalloc(m->n_outputs * sizeof *out);
        uint32_t finite = 0;

        /* Different rows take different ways: from all missing over small and large values of both signs. */
        for (int r = 0; r < ROWS; r++) {
                for (uint32_t i = 0; i < m->n_features; i++)
                        row[i] = r == 0 ? NAN : ldexpf((i + (unsigned) r) % 2 ? 1.0f : -1.0f, r % 24 - 4);
                model_score(m, row, 1, out);
                for (uint32_t i = 0; i < m->n_outputs; i++)
                        finite += isfinite(out[i]) ? 1 : 0;
        }
        free(row);
        free(out);
        if (finite != ROWS * m->n_outputs)
                return err_set(e, ERR_INVALID, "the model answers made-up rows with something that is no finite number");
        return 0;
}
