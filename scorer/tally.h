/*
 * What a request had in it and what was predicted, counted on the stack of its thread: metrics are touched once a request, not once a
 * row. The edges are the same for every model of a kind, so that versions can be compared.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "scorer/model.h"

enum {
        TALLY_OUTPUTS = 16, /* outputs whose values are counted */
        TALLY_CLASSES = 64, /* classes that are counted by themselves; one more for the others */
        TALLY_EDGES_MAX = 45,
};

struct tally_edges { /* upper bounds, ascending; above the last is a bucket of its own */
        const double *bounds;
        size_t n;
};

/* Of probabilities, close at both ends: 0.01 to 0.99; of anything else: 1, 2 and 5 times powers of ten from 0.01 to 100000, both signs, and 0. */
struct tally_edges tally_edges(const struct model *m);

struct tally { /* of one request; tally_rows() begins it */
        uint64_t features, nulls;
        uint32_t hits[TALLY_OUTPUTS][TALLY_EDGES_MAX + 1];
        double sum[TALLY_OUTPUTS];
        uint32_t classes[TALLY_CLASSES + 1]; /* rows by the highest output, the last are the others; with several outputs only */
};

/* As model_score() has them: n_rows rows with their scores. Only what the model's outputs need is written. */
void tally_rows(struct tally *t, const struct model *m, const float *rows, size_t n_rows, const float *scores);

uint32_t tally_outputs(const struct model *m); /* how many of hits and sum count */
