/* Compiling trees into blocks of 16 and walking a row through them. */
#include "scorer/forest.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/mem.h"

/*
 * The row is laid out twice, then one NaN: plane 0 as it is, plane 1 with -INF for missing values. `y[feature] < cond` is
 * false for NaN, so a node that sends missing values right looks at plane 0 and one that sends them left at plane 1.
 * Children are adjacent, right = left + 1: the next node is left + !(y[feature] < cond). A leaf keeps its value in cond,
 * compares with the NaN, and has itself as the right child.
 */
struct wide_node {
        float cond;
        uint32_t left; /* counted from the block's first node */
        uint32_t feature;
};

/* The same in 8 bytes: left << 12 | feature. */
struct node {
        float cond;
        uint32_t word;
};

enum { FEATURE_BITS = 12, NARROW_FEATURES = 1 << FEATURE_BITS, NARROW_NODES = 1 << (32 - FEATURE_BITS) };
enum { TREES = 16, PADDING = 1 /* the block's node that stands in for absent trees: a leaf of its own */ };

struct block {
        size_t first; /* of its nodes in the array */
        uint32_t n_nodes, n_trees, depth;
        uint32_t root[TREES], group[TREES];
};

struct forest {
        uint32_t n_features, n_groups, n_trees;
        float *base;
        struct block *blocks;
        size_t n_blocks;
        struct wide_node *wide; /* NULL after forest_finish() when narrow nodes do */
        struct node *narrow;
        size_t n_nodes, cap_nodes;
};

struct forest *forest_new(uint32_t n_features, uint32_t n_groups, const float *base)
{
        struct forest *f = xcalloc(1, sizeof *f);

        f->n_features = n_features;
        f->n_groups = n_groups;
        f->base = xmemdup(base, n_groups * sizeof *base);
        return f;
}

void forest_free(struct forest *f)
{
        if (!f)
                return;
        free(f->base);
        free(f->blocks);
        free(f->wide);
        free(f->narrow);
        free(f);
}

static uint32_t no_feature(const struct forest *f)
{
        return 2 * f->n_features; /* the NaN after the planes */
}

static uint32_t add_node(struct forest *f, struct block *b, struct wide_node n)
{
        if (f->n_nodes == f->cap_nodes) {
                f->cap_nodes = f->cap_nodes ? f->cap_nodes * 2 : 256;
                f->wide = xrealloc(f->wide, f->cap_nodes, sizeof *f->wide);
        }
        f->wide[f->n_nodes++] = n;
        return b->n_nodes++;
}

static struct block *block_for_next_tree(struct forest *f)
{
        struct block *b = f->n_blocks ? &f->blocks[f->n_blocks - 1] : NULL;

        if (b && b->n_trees < TREES)
                return b;
        f->blocks = xrealloc(f->blocks, f->n_blocks + 1, sizeof *f->blocks);
        b = &f->blocks[f->n_blocks++];
        *b = (struct block){ .first = f->n_nodes };
        (void) add_node(f, b, (struct wide_node){ 0 });
        (void) add_node(f, b, (struct wide_node){ .left = PADDING - 1, .feature = no_feature(f) });
        for (int i = 0; i < TREES; i++)
                b->root[i] = PADDING;
        return b;
}

static int check_children(const struct forest_tree *t, int64_t i, unsigned char *reached, struct err *e)
{
        const struct {
                const char *name;
                int64_t child;
        } sides[] = { { "left_children", t->left[i] }, { "right_children", t->right[i] } };

        for (int s = 0; s < 2; s++) {
                int64_t child = sides[s].child;
                if (child < 0 || child >= t->n_nodes)
                        return err_set(e, ERR_INVALID, "%s[%lld] is %lld, the tree has %u nodes", sides[s].name, (long long) i,
                                       (long long) child, t->n_nodes);
                if (reached[child])
                        return err_set(e, ERR_INVALID, "%s[%lld] is %lld, which is reached already", sides[s].name, (long long) i,
                                       (long long) child);
                reached[child] = 1;
        }
        return 0;
}

static int check_node(const struct forest *f, const struct forest_tree *t, int64_t i, unsigned char *reached, struct err *e)
{
        bool leaf = t->left[i] == -1;
        float value = t->value[i];

        if (leaf ? !isfinite(value) : isnan(value))
                return err_set(e, ERR_INVALID, "split_conditions[%lld] is %s, %s must not be", (long long) i,
                               isnan(value) ? "NaN" : "infinite", leaf ? "a leaf" : "a threshold");
        if (leaf)
                return 0;
        if (t->feature[i] < 0 || t->feature[i] >= f->n_features)
                return err_set(e, ERR_INVALID, "split_indices[%lld] is %lld, the model has %u features", (long long) i,
                               (long long) t->feature[i], f->n_features);
        if (t->default_left[i] != 0 && t->default_left[i] != 1)
                return err_set(e, ERR_INVALID, "default_left[%lld] is %lld, it has to be 0 or 1", (long long) i,
                               (long long) t->default_left[i]);
        return check_children(t, i, reached, e);
}

/* Breadth-first order into queue[], which has room for every node; depth of the tree in *depth. Returns the count or -1. */
static int64_t order_nodes(const struct forest *f, const struct forest_tree *t, int64_t *queue, uint32_t *depth, struct err *e)
{
        AUTO(str) reached = xcalloc(t->n_nodes, 1);
        int64_t n = 1, level_end = 1;

        reached[0] = 1;
        queue[0] = 0;
        *depth = 0;
        for (int64_t at = 0; at < n; at++) {
                if (at == level_end) {
                        level_end = n;
                        if (++*depth > FOREST_MAX_DEPTH)
                                return err_set(e, ERR_INVALID, "the tree is deeper than %d levels", FOREST_MAX_DEPTH);
                }
                int64_t i = queue[at];
                if (check_node(f, t, i, (unsigned char *) reached, e))
                        return -1;
                if (t->left[i] == -1)
                        continue;
                queue[n++] = t->left[i];
                queue[n++] = t->right[i];
        }
        return n;
}

/* A present value is finite, so never below -INF, and never below -FLT_MAX either; but a missing one (-INF) then is. */
static float threshold(float value)
{
        return value == -INFINITY ? -FLT_MAX : value;
}

int forest_add(struct forest *f, const struct forest_tree *t, struct err *e)
{
        uint32_t depth;

        if (t->n_nodes == 0 || t->n_nodes > FOREST_MAX_NODES)
                return err_set(e, ERR_INVALID, "a tree of %u nodes", t->n_nodes);
        AUTO(str) memory = xmalloc(t->n_nodes * sizeof(int64_t));
        int64_t *queue = (int64_t *) memory;
        int64_t n = order_nodes(f, t, queue, &depth, e);
        if (n < 0)
                return -1;
        if (f->n_nodes + (size_t) n > FOREST_MAX_NODES)
                return err_set(e, ERR_INVALID, "the model has more than %d nodes", FOREST_MAX_NODES);
        struct block *b = block_for_next_tree(f);
        uint32_t root = b->n_nodes, next = root + 1;
        for (int64_t at = 0; at < n; at++) {
                int64_t i = queue[at];
                struct wide_node node = { t->value[i], b->n_nodes - 1, no_feature(f) };
                if (t->left[i] != -1) {
                        uint32_t feature = (uint32_t) t->feature[i];
                        node = (struct wide_node){ threshold(t->value[i]), next,
                                                   feature + (t->default_left[i] ? f->n_features : 0) };
                        next += 2;
                }
                (void) add_node(f, b, node);
        }
        b->root[b->n_trees] = root;
        b->group[b->n_trees++] = t->group;
        b->depth = depth > b->depth ? depth : b->depth;
        f->n_trees++;
        return 0;
}

void forest_finish(struct forest *f)
{
        if (no_feature(f) >= NARROW_FEATURES || !f->wide)
                return;
        for (size_t i = 0; i < f->n_blocks; i++)
                if (f->blocks[i].n_nodes > NARROW_NODES)
                        return;
        f->narrow = xmalloc(f->n_nodes * sizeof *f->narrow);
        for (size_t i = 0; i < f->n_nodes; i++)
                f->narrow[i] = (struct node){ f->wide[i].cond, f->wide[i].left << FEATURE_BITS | f->wide[i].feature };
        free(f->wide);
        f->wide = NULL;
}

static void walk_narrow(const struct node *nodes, const struct block *b, const float *y, float leaf[static TREES])
{
        uint32_t at[TREES];

        memcpy(at, b->root, sizeof at);
        for (uint32_t level = 0; level < b->depth; level++) {
#pragma GCC unroll 16
                for (int k = 0; k < TREES; k++) {
                        struct node n = nodes[at[k]];
                        at[k] = (n.word >> FEATURE_BITS) + !(y[n.word & (NARROW_FEATURES - 1)] < n.cond);
                }
        }
        for (int k = 0; k < TREES; k++)
                leaf[k] = nodes[at[k]].cond;
}

static void walk_wide(const struct wide_node *nodes, const struct block *b, const float *y, float leaf[static TREES])
{
        uint32_t at[TREES];

        memcpy(at, b->root, sizeof at);
        for (uint32_t level = 0; level < b->depth; level++) {
#pragma GCC unroll 16
                for (int k = 0; k < TREES; k++) {
                        const struct wide_node *n = &nodes[at[k]];
                        at[k] = n->left + !(y[n->feature] < n->cond);
                }
        }
        for (int k = 0; k < TREES; k++)
                leaf[k] = nodes[at[k]].cond;
}

void forest_predict(const struct forest *f, const float *row, float *scratch, float *sums)
{
        uint32_t n = f->n_features;
        float leaf[TREES];

        for (uint32_t i = 0; i < n; i++) {
                scratch[i] = row[i];
                scratch[n + i] = isnan(row[i]) ? -INFINITY : row[i];
        }
        scratch[no_feature(f)] = NAN;
        memcpy(sums, f->base, f->n_groups * sizeof *sums);
        for (const struct block *b = f->blocks; b < f->blocks + f->n_blocks; b++) {
                if (f->narrow)
                        walk_narrow(f->narrow + b->first, b, scratch, leaf);
                else
                        walk_wide(f->wide + b->first, b, scratch, leaf);
                for (uint32_t k = 0; k < b->n_trees; k++)
                        sums[b->group[k]] += leaf[k];
        }
}

size_t forest_scratch_len(const struct forest *f)
{
        return 2 * (size_t) f->n_features + 1;
}

uint32_t forest_n_features(const struct forest *f)
{
        return f->n_features;
}

uint32_t forest_n_groups(const struct forest *f)
{
        return f->n_groups;
}

uint32_t forest_n_trees(const struct forest *f)
{
        return f->n_trees;
}

size_t forest_node_bytes(const struct forest *f)
{
        return f->narrow ? sizeof *f->narrow : sizeof *f->wide;
}
