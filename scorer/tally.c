/* Counting rows and predictions. */
#include "scorer/tally.h"

#include <string.h>

static const double probabilities[] = { .01, .02, .05, .1, .2, .3, .4, .5, .6, .7, .8, .9, .95, .98, .99 };
static const double anything[TALLY_EDGES_MAX] = {
        -1e5, -5e4, -2e4, -1e4, -5e3, -2e3, -1e3, -500, -200, -100, -50, -20, -10, -5,  -2,
        -1,   -.5,  -.2,  -.1,  -.05, -.02, -.01, 0,    .01,  .02,  .05, .1,  .2,  .5,  1,
        2,    5,    10,   20,   50,   100,  200,  500,  1e3,  2e3,  5e3, 1e4, 2e4, 5e4, 1e5,
};

struct tally_edges tally_edges(const struct model *m)
{
        if (m->objective->probabilities)
                return (struct tally_edges){ probabilities, sizeof probabilities / sizeof *probabilities };
        return (struct tally_edges){ anything, sizeof anything / sizeof *anything };
}

uint32_t tally_outputs(const struct model *m)
{
        return m->n_outputs < TALLY_OUTPUTS ? m->n_outputs : TALLY_OUTPUTS;
}

static size_t bucket_of(const struct tally_edges *edges, float v)
{
        size_t low = 0, high = edges->n;

        while (low < high) { /* the first edge that is not below v, as it is written: 0.1 and not the double of 0.1f */
                size_t middle = (low + high) / 2;

                if (v <= (float) edges->bounds[middle])
                        high = middle;
                else
                        low = middle + 1;
        }
        return low;
}

static void count_class(struct tally *t, const float *scores, uint32_t n)
{
        uint32_t best = 0;

        for (uint32_t i = 1; i < n; i++)
                if (scores[i] > scores[best])
                        best = i;
        t->classes[best < TALLY_CLASSES ? best : TALLY_CLASSES]++;
}

void tally_rows(struct tally *t, const struct model *m, const float *rows, size_t n_rows, const float *scores)
{
        const struct tally_edges edges = tally_edges(m);
        uint32_t outputs = tally_outputs(m);

        t->features = (uint64_t) n_rows * m->n_features;
        t->nulls = 0;
        for (size_t i = 0; i < t->features; i++)
                t->nulls += rows[i] != rows[i]; /* NaN */
        memset(t->hits, 0, outputs * sizeof *t->hits);
        memset(t->sum, 0, outputs * sizeof *t->sum);
        if (m->n_outputs > 1)
                memset(t->classes, 0, sizeof t->classes);
        for (size_t r = 0; r < n_rows; r++, scores += m->n_outputs) {
                for (uint32_t k = 0; k < outputs; k++) {
                        t->hits[k][bucket_of(&edges, scores[k])]++;
                        t->sum[k] += (double) scores[k];
                }
                if (m->n_outputs > 1)
                        count_class(t, scores, m->n_outputs);
        }
}
