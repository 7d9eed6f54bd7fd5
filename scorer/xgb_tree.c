/* The members of a tree: what has to be there, what must be empty, and that all arrays are as long as the tree. */
#include "scorer/xgb_tree.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/auto.h"
#include "lib/mem.h"
#include "scorer/xgb_fields.h"

enum {
        ID,
        TREE_PARAM,
        LEFT,
        RIGHT,
        PARENTS,
        SPLIT_INDICES,
        SPLIT_CONDITIONS,
        DEFAULT_LEFT,
        SPLIT_TYPE,
        LOSS_CHANGES,
        SUM_HESSIAN,
        BASE_WEIGHTS,
        CATEGORIES,
        CATEGORIES_NODES,
        CATEGORIES_SEGMENTS,
        CATEGORIES_SIZES,
        LEAF_WEIGHTS,
        N_FIELDS
};

static const struct field tree_fields[N_FIELDS] = {
        [ID] = { "id", FIELD_INT, false },
        [TREE_PARAM] = { "tree_param", FIELD_OBJECT, false },
        [LEFT] = { "left_children", FIELD_INTS, false },
        [RIGHT] = { "right_children", FIELD_INTS, false },
        [PARENTS] = { "parents", FIELD_INTS, false },
        [SPLIT_INDICES] = { "split_indices", FIELD_INTS, false },
        [SPLIT_CONDITIONS] = { "split_conditions", FIELD_NUMBERS, false },
        [DEFAULT_LEFT] = { "default_left", FIELD_INTS, false },
        [SPLIT_TYPE] = { "split_type", FIELD_INTS, true },
        [LOSS_CHANGES] = { "loss_changes", FIELD_NUMBERS, true },
        [SUM_HESSIAN] = { "sum_hessian", FIELD_NUMBERS, true },
        [BASE_WEIGHTS] = { "base_weights", FIELD_NUMBERS, true },
        [CATEGORIES] = { "categories", FIELD_INTS, true },
        [CATEGORIES_NODES] = { "categories_nodes", FIELD_INTS, true },
        [CATEGORIES_SEGMENTS] = { "categories_segments", FIELD_INTS, true },
        [CATEGORIES_SIZES] = { "categories_sizes", FIELD_INTS, true },
        [LEAF_WEIGHTS] = { "leaf_weights", FIELD_NUMBERS, true },
};

enum { NUM_NODES, NUM_FEATURE, SIZE_LEAF_VECTOR, NUM_DELETED, N_PARAMS };

static const struct field param_fields[N_PARAMS] = {
        [NUM_NODES] = { "num_nodes", FIELD_TEXT, false },
        [NUM_FEATURE] = { "num_feature", FIELD_TEXT, false },
        [SIZE_LEAF_VECTOR] = { "size_leaf_vector", FIELD_TEXT, true },
        [NUM_DELETED] = { "num_deleted", FIELD_TEXT, true },
};

static int take_params(const struct doc_value *v, const char *tree, uint32_t n_features, int64_t *n_nodes, struct err *e)
{
        const struct doc_value *got[N_PARAMS];
        char path[160];
        int64_t ignored, vector = 0;

        (void) snprintf(path, sizeof path, "%s.tree_param", tree);
        if (fields_take(v, path, param_fields, N_PARAMS, got, e) ||
            field_int(got[NUM_NODES], path, 1, FOREST_MAX_NODES, n_nodes, e) ||
            field_int(got[NUM_FEATURE], path, 0, n_features, &ignored, e) ||
            (got[SIZE_LEAF_VECTOR] && field_int(got[SIZE_LEAF_VECTOR], path, 0, INT32_MAX, &vector, e)) ||
            (got[NUM_DELETED] && field_int(got[NUM_DELETED], path, 0, *n_nodes, &ignored, e)))
                return -1;
        if (vector > 1)
                return field_refuse(e, path, "size_leaf_vector", "leaves with %lld values are not supported", (long long) vector);
        return 0;
}

static int check_lengths(const struct doc_value *const *got, const char *path, int64_t n_nodes, struct err *e)
{
        for (int i = LEFT; i <= BASE_WEIGHTS; i++)
                if (got[i] && got[i]->count != n_nodes)
                        return field_refuse(e, path, tree_fields[i].name, "has %u elements, the tree has %lld nodes",
                                            got[i]->count, (long long) n_nodes);
        for (int i = CATEGORIES; i <= CATEGORIES_SIZES; i++)
                if (got[i] && got[i]->count > 0)
                        return field_refuse(e, path, tree_fields[i].name, "categorical splits are not supported");
        if (got[LEAF_WEIGHTS] && got[LEAF_WEIGHTS]->count > 0)
                return field_refuse(e, path, "leaf_weights", "leaves with several values are not supported");
        for (uint32_t i = 0; got[SPLIT_TYPE] && i < n_nodes; i++)
                if (got[SPLIT_TYPE]->ints[i] != 0) {
                        char name[48];
                        (void) snprintf(name, sizeof name, "split_type[%u]", i);
                        return field_refuse(e, path, name, "is %lld; only numeric splits (0) are supported",
                                            (long long) got[SPLIT_TYPE]->ints[i]);
                }
        return 0;
}

/* "left_children[5] is ..." becomes "learner.(...).trees[3].left_children[5] is ...". */
static int add_path(const char *path, struct err *e)
{
        struct err inner = { 0 };

        if (e)
                inner = *e;
        return err_set(e, inner.kind, "%.160s.%.300s", path, inner.msg);
}

int xgb_tree_add(struct forest *f, const struct doc_value *tree, const char *path, uint32_t index, uint32_t group, struct err *e)
{
        const struct doc_value *got[N_FIELDS];
        int64_t n_nodes;

        if (fields_take(tree, path, tree_fields, N_FIELDS, got, e))
                return -1;
        if (got[ID]->integer != index)
                return field_refuse(e, path, "id", "is %lld, it has to be %u", (long long) got[ID]->integer, index);
        if (take_params(got[TREE_PARAM], path, forest_n_features(f), &n_nodes, e) || check_lengths(got, path, n_nodes, e))
                return -1;
        float *values = xmalloc((size_t) n_nodes * sizeof *values);
        for (int64_t i = 0; i < n_nodes; i++)
                values[i] = doc_real(got[SPLIT_CONDITIONS], (size_t) i);
        struct forest_tree t = { .n_nodes = (uint32_t) n_nodes,
                                 .left = got[LEFT]->ints,
                                 .right = got[RIGHT]->ints,
                                 .feature = got[SPLIT_INDICES]->ints,
                                 .default_left = got[DEFAULT_LEFT]->ints,
                                 .value = values,
                                 .group = group };
        int r = forest_add(f, &t, e);
        free(values);
        return r ? add_path(path, e) : 0;
}
