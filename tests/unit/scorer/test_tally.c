/* What is counted of a request: nulls, predictions by edge, winning classes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mem.h"
#include "scorer/tally.h"

static struct model model(const char *objective, uint32_t n_outputs)
{
        return (struct model){ .objective = objective_find(objective), .n_features = 3, .n_outputs = n_outputs };
}

static void edges_ascend_for_every_kind(void **state)
{
        static const char *const kinds[] = { "binary:logistic", "reg:squarederror", "multi:softprob", "count:poisson" };
        (void) state;

        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
                const struct model m = model(kinds[i], 1);
                const struct tally_edges e = tally_edges(&m);

                assert_int_equal(e.n, i % 2 == 0 ? 15 : TALLY_EDGES_MAX);
                for (size_t k = 1; k < e.n; k++)
                        assert_true(e.bounds[k - 1] < e.bounds[k]);
        }
}

static void a_prediction_on_an_edge_is_in_the_bucket_below_it(void **state)
{
        static const struct {
                float value;
                size_t bucket;
        } cases[] = { { 0, 0 },        { .01f, 0 }, { .0100001f, 1 }, { .1f, 3 },     { .5f, 7 },
                      { .500001f, 8 }, { .9f, 11 }, { .99f, 14 },     { .9901f, 15 }, { 1, 15 } };
        const struct model m = model("binary:logistic", 1);
        const float row[] = { 1, 2, 3 };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct tally t;

                tally_rows(&t, &m, row, 1, &cases[i].value);
                for (size_t k = 0; k <= 15; k++)
                        assert_int_equal(t.hits[0][k], k == cases[i].bucket);
                assert_true(t.sum[0] == (double) cases[i].value);
        }
}

static void values_without_bounds_have_a_bucket_too(void **state)
{
        const struct model m = model("reg:squarederror", 1);
        const float rows[3 * 5] = { 0 }, scores[] = { -1e9f, 0, 3, 1e9f, INFINITY };
        struct tally t;
        (void) state;

        tally_rows(&t, &m, rows, 5, scores);
        assert_int_equal(t.hits[0][0], 1);
        assert_int_equal(t.hits[0][22], 1); /* up to 0 */
        assert_int_equal(t.hits[0][31], 1); /* 2 to 5 */
        assert_int_equal(t.hits[0][TALLY_EDGES_MAX], 2);
}

static void missing_values_are_counted_among_all(void **state)
{
        const struct model m = model("binary:logistic", 1);
        const float rows[] = { 1, NAN, 3, NAN, NAN, 6 }, scores[] = { .2f, .3f };
        struct tally t;
        (void) state;

        memset(&t, 0xff, sizeof t); /* what was there before does not count */
        tally_rows(&t, &m, rows, 2, scores);
        assert_int_equal(t.features, 6);
        assert_int_equal(t.nulls, 3);
        assert_int_equal(t.hits[0][4], 1);
        assert_int_equal(t.hits[0][5], 1);
}

static void the_highest_output_is_the_class(void **state)
{
        const struct model m = model("multi:softprob", 3), many = model("multi:softprob", 100);
        const float rows[6] = { 0 }, scores[] = { .2f, .7f, .1f, .4f, .2f, .4f };
        float *wide = xcalloc(100, sizeof *wide);
        struct tally t;
        (void) state;

        tally_rows(&t, &m, rows, 2, scores);
        assert_int_equal(t.classes[0], 1); /* the first of those that are equal */
        assert_int_equal(t.classes[1], 1);
        assert_int_equal(t.classes[2], 0);
        assert_int_equal(t.hits[2][3] + t.hits[2][6], 2);
        wide[80] = 1;
        tally_rows(&t, &many, rows, 1, wide);
        assert_int_equal(tally_outputs(&many), TALLY_OUTPUTS);
        assert_int_equal(t.classes[TALLY_CLASSES], 1);
        free(wide);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(edges_ascend_for_every_kind),
                cmocka_unit_test(a_prediction_on_an_edge_is_in_the_bucket_below_it),
                cmocka_unit_test(values_without_bounds_have_a_bucket_too),
                cmocka_unit_test(missing_values_are_counted_among_all),
                cmocka_unit_test(the_highest_output_is_the_class),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
