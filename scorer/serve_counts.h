/* Metrics of what is scored: their cells, looked up once a model. */
#pragma once

#include "lib/metrics.h"
#include "scorer/tally.h"
#include "scorer/v2.h"

struct serve_counts {
        const struct model *model; /* NULL: nothing is scored yet */
        struct metric_cell *features, *null_features;
        struct metric_cell *predictions[TALLY_OUTPUTS], *classes[TALLY_CLASSES + 1];
};

/* Before the first request is scored. */
void serve_counts_init(struct serve_counts *c, struct metrics *m, const struct v2 *v2);
void serve_counts_add(const struct serve_counts *c, const struct tally *t);
