/* A model that can score: trees, objective, the names of its features. Immutable once loaded; threads share it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "scorer/forest.h"
#include "scorer/objective.h"

struct model { /* zeroed: none */
        struct forest *forest;
        const struct objective *objective;
        char **feature_names; /* n_features of them, or NULL: the model has no names */
        uint32_t n_features;
        uint32_t n_outputs;  /* per row */
        int xgboost_version; /* of the writer, major * 100 + minor */
};

void model_done(struct model *m);

/* n_rows * n_features values, NaN where missing, no infinities; n_rows * n_outputs values out. */
void model_score(const struct model *m, const float *rows, size_t n_rows, float *out);

/* Score made-up rows until the nodes are in the caches, and see that something finite comes out. INVALID if not. */
int model_warm(const struct model *m, struct err *e);
