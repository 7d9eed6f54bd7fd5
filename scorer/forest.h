/*
 * Gradient-boosted trees compiled for one row at a time: 16 trees walk side by side without branches, so that their loads
 * overlap; a missing value costs nothing; leaves loop on themselves, so that every walk of a block has the same length.
 * Values and thresholds are float32 and leaves are added in tree order, which makes sums equal XGBoost's bit for bit.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

enum { FOREST_MAX_DEPTH = 1024, FOREST_MAX_FEATURES = 1 << 20, FOREST_MAX_GROUPS = 4096, FOREST_MAX_NODES = 1 << 30 };

/* One tree as XGBoost stores it; node 0 is the root. At a node, x[feature] < value goes left, everything else right, a
 * missing x[feature] where default_left says. A leaf has left == -1, and value is what it adds to its group's sum. */
struct forest_tree {
        uint32_t n_nodes;
        const int64_t *left, *right, *feature, *default_left;
        const float *value;
        uint32_t group;
};

struct forest;

/* base: one float per group, where its sum begins. */
struct forest *forest_new(uint32_t n_features, uint32_t n_groups, const float *base);
void forest_free(struct forest *f); /* NULL is fine */

/*
 * Check and compile one more tree. INVALID names the field: "left_children[5] is 99, the tree has 11 nodes". Children must be
 * in range and every node be reached at most once; features must exist; values must not be NaN, leaves also finite. Nodes
 * that cannot be reached (XGBoost's pruner leaves some behind) are not looked at.
 */
int forest_add(struct forest *f, const struct forest_tree *t, struct err *e);

/* After the last tree, once, before the first prediction: choose the node width. */
void forest_finish(struct forest *f);

/* Sums of one row: `row` has a float per feature, NaN where missing, no infinities; `sums` gets a float per group.
 * `scratch` has forest_scratch_len() floats. Any number of threads may predict with a finished forest. */
void forest_predict(const struct forest *f, const float *row, float *scratch, float *sums);
size_t forest_scratch_len(const struct forest *f);

uint32_t forest_n_features(const struct forest *f);
uint32_t forest_n_groups(const struct forest *f);
uint32_t forest_n_trees(const struct forest *f);
size_t forest_node_bytes(const struct forest *f); /* 8 or 12 */
