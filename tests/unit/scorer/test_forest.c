/* The compiled forest answers as a plain walk through the trees does, bit for bit, whatever the trees and rows look like. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mem.h"
#include "scorer/forest.h"

enum { MAX_NODES = 2048 };

struct tree {
        int64_t left[MAX_NODES], right[MAX_NODES], feature[MAX_NODES], default_left[MAX_NODES];
        float value[MAX_NODES];
        struct forest_tree view;
};

static uint32_t seed = 1;

static uint32_t draw(uint32_t below)
{
        seed = seed * 1664525u + 1013904223u;
        return (uint32_t) (((uint64_t) seed * below) >> 32);
}

static float draw_value(void)
{
        return ((float) draw(2001) - 1000.0f) / 128.0f;
}

/* Grows by splitting a random leaf; node numbers are deliberately not in breadth-first order. */
static void grow(struct tree *t, uint32_t splits, uint32_t n_features, uint32_t group)
{
        uint32_t n = 1;

        for (uint32_t i = 0; i < MAX_NODES; i++) {
                t->left[i] = t->right[i] = -1;
                t->feature[i] = 0;
                t->default_left[i] = 0;
                t->value[i] = draw_value();
        }
        for (uint32_t s = 0; s < splits; s++) {
                uint32_t leaf;
                do
                        leaf = draw(n);
                while (t->left[leaf] != -1);
                t->left[leaf] = n + (s & 1);
                t->right[leaf] = n + !(s & 1);
                t->feature[leaf] = draw(n_features);
                t->default_left[leaf] = draw(2);
                if (draw(40) == 0)
                        t->value[leaf] = draw(2) ? -INFINITY : INFINITY;
                n += 2;
        }
        t->view = (struct forest_tree){ n, t->left, t->right, t->feature, t->default_left, t->value, group };
}

static float walk(const struct forest_tree *t, const float *row)
{
        int64_t i = 0;

        while (t->left[i] != -1) {
                float x = row[t->feature[i]];
                i = (isnan(x) ? t->default_left[i] : x < t->value[i]) ? t->left[i] : t->right[i];
        }
        return t->value[i];
}

static void compare(uint32_t n_trees, uint32_t splits, uint32_t n_features, uint32_t n_groups, size_t node_bytes)
{
        struct tree *trees = xcalloc(n_trees, sizeof *trees);
        float *base = xcalloc(n_groups, sizeof *base), *row = xcalloc(n_features, sizeof *row);
        float *want = xcalloc(n_groups, sizeof *want), *got = xcalloc(n_groups, sizeof *got);
        struct err e = { 0 };

        for (uint32_t g = 0; g < n_groups; g++)
                base[g] = draw_value();
        struct forest *f = forest_new(n_features, n_groups, base);
        for (uint32_t i = 0; i < n_trees; i++) {
                grow(&trees[i], draw(splits + 1), n_features, i % n_groups);
                assert_int_equal(forest_add(f, &trees[i].view, &e), 0);
        }
        forest_finish(f);
        assert_int_equal(forest_node_bytes(f), node_bytes);
        float *scratch = xcalloc(forest_scratch_len(f), sizeof *scratch);
        for (int r = 0; r < 400; r++) {
                for (uint32_t i = 0; i < n_features; i++)
                        row[i] = draw(4) == 0 ? NAN : draw(50) == 0 ? -FLT_MAX : draw_value();
                memcpy(want, base, n_groups * sizeof *want);
                for (uint32_t i = 0; i < n_trees; i++)
                        want[trees[i].view.group] += walk(&trees[i].view, row);
                forest_predict(f, row, scratch, got);
                assert_memory_equal(got, want, n_groups * sizeof *want);
        }
        forest_free(f);
        free(trees), free(base), free(row), free(want), free(got), free(scratch);
}

static void narrow_nodes_answer_like_a_plain_walk(void **state)
{
        (void) state;
        compare(1, 0, 1, 1, 8);
        compare(1, 1, 1, 1, 8);
        compare(15, 30, 7, 1, 8);
        compare(16, 63, 30, 3, 8);
        compare(100, 200, 2047, 1, 8);
        compare(33, 1000, 12, 2, 8);
}

static void wide_nodes_answer_like_a_plain_walk(void **state)
{
        (void) state;
        compare(1, 1, 2048, 1, 12);
        compare(40, 200, 5000, 3, 12);
}

static void a_forest_without_trees_answers_its_base(void **state)
{
        static const float base[2] = { 0.25f, -1.0f };
        float row[1] = { NAN }, scratch[3], got[2];
        struct forest *f = forest_new(1, 2, base);

        (void) state;
        forest_finish(f);
        forest_predict(f, row, scratch, got);
        assert_memory_equal(got, base, sizeof base);
        forest_free(f);
}

static void broken_trees_are_refused_by_field(void **state)
{
        enum { N = 5 };
        static const struct {
                const char *name;
                int node;
                int64_t left, right, feature, default_left;
                float value;
                const char *why;
        } cases[] = {
                { "child beyond the tree", 0, 1, 5, 0, 0, 1, "right_children[0] is 5, the tree has 5 nodes" },
                { "negative child", 0, -2, 2, 0, 0, 1, "left_children[0] is -2, the tree has 5 nodes" },
                { "half a leaf", 0, 1, -1, 0, 0, 1, "right_children[0] is -1, the tree has 5 nodes" },
                { "cycle to the root", 1, 0, 3, 0, 0, 1, "left_children[1] is 0, which is reached already" },
                { "node with two parents", 2, 3, 4, 0, 0, 1, "left_children[2] is 3, which is reached already" },
                { "own child", 0, 0, 1, 0, 0, 1, "left_children[0] is 0, which is reached already" },
                { "unknown feature", 0, 1, 2, 2, 0, 1, "split_indices[0] is 2, the model has 2 features" },
                { "negative feature", 0, 1, 2, -1, 0, 1, "split_indices[0] is -1, the model has 2 features" },
                { "odd direction", 0, 1, 2, 0, 2, 1, "default_left[0] is 2, it has to be 0 or 1" },
                { "threshold NaN", 0, 1, 2, 0, 0, NAN, "split_conditions[0] is NaN, a threshold must not be" },
                { "leaf NaN", 4, -1, -1, 0, 0, NAN, "split_conditions[4] is NaN, a leaf must not be" },
                { "leaf infinite", 4, -1, -1, 0, 0, INFINITY, "split_conditions[4] is infinite, a leaf must not be" },
        };

        (void) state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                int64_t left[N] = { 1, 3, -1, -1, -1 }, right[N] = { 2, 4, -1, -1, -1 }, feature[N] = { 0, 1 }, dir[N] = { 0 };
                float value[N] = { 1, 2, 3, 4, 5 }, base = 0;
                int n = cases[i].node;
                struct forest_tree t = { N, left, right, feature, dir, value, 0 };
                struct forest *f = forest_new(2, 1, &base);
                struct err e = { 0 };
                assert_int_equal(forest_add(f, &t, &e), 0);
                left[n] = cases[i].left, right[n] = cases[i].right, feature[n] = cases[i].feature;
                dir[n] = cases[i].default_left, value[n] = cases[i].value;
                print_message("  %s\n", cases[i].name);
                assert_int_equal(forest_add(f, &t, &e), -1);
                assert_string_equal(e.msg, cases[i].why);
                forest_free(f);
        }
}

static void a_tree_deeper_than_the_cap_is_refused(void **state)
{
        enum { N = 2 * FOREST_MAX_DEPTH + 3 };
        static int64_t left[N], right[N], feature[N], dir[N];
        static float value[N];
        struct forest_tree t = { N, left, right, feature, dir, value, 0 };
        float base = 0;
        struct forest *f = forest_new(1, 1, &base);
        struct err e = { 0 };

        (void) state;
        for (int i = 0; i < N; i += 2) {
                left[i] = i + 2 < N ? i + 1 : -1;
                right[i] = i + 2;
                if (i + 1 < N)
                        left[i + 1] = -1;
        }
        assert_int_equal(forest_add(f, &t, &e), -1);
        assert_string_equal(e.msg, "the tree is deeper than 1024 levels");
        forest_free(f);
}

static void nodes_that_nothing_reaches_are_not_looked_at(void **state)
{
        int64_t left[4] = { 1, -1, -1, 99 }, right[4] = { 2, -1, -1, -7 }, feature[4] = { 0, 0, 0, 2147483647 }, dir[4] = { 0 };
        float value[4] = { 0.5f, 1, 2, NAN }, base = 0, row = 0, scratch[3], got;
        struct forest_tree t = { 4, left, right, feature, dir, value, 0 };
        struct forest *f = forest_new(1, 1, &base);
        struct err e = { 0 };

        (void) state;
        assert_int_equal(forest_add(f, &t, &e), 0);
        forest_finish(f);
        forest_predict(f, &row, scratch, &got);
        assert_true(got == 1.0f);
        forest_free(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(narrow_nodes_answer_like_a_plain_walk),
                cmocka_unit_test(wide_nodes_answer_like_a_plain_walk),
                cmocka_unit_test(a_forest_without_trees_answers_its_base),
                cmocka_unit_test(broken_trees_are_refused_by_field),
                cmocka_unit_test(a_tree_deeper_than_the_cap_is_refused),
                cmocka_unit_test(nodes_that_nothing_reaches_are_not_looked_at),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
