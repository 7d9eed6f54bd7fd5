/* The load generator's histogram: nothing is lost, quantiles are close and never too low. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/load/hist.h"
#include "lib/auto.h"
#include "lib/mem.h"

static struct hist *hist_new(void)
{
        return xcalloc(1, sizeof(struct hist));
}

static void every_value_falls_into_the_bucket_that_spans_it(void **state)
{
        (void) state;
        for (int64_t us = 0; us < 1LL << 36; us += 1 + us / 50) {
                int b = hist_bucket(us);

                assert_in_range(b, 0, HIST_BUCKETS - 1);
                assert_true(hist_lowest(b) <= us && us <= hist_highest(b));
        }
        assert_int_equal(hist_bucket(-5), 0);
        assert_int_equal(hist_bucket(INT64_MAX), HIST_BUCKETS - 1);
}

static void buckets_follow_each_other_without_gaps(void **state)
{
        (void) state;
        for (int b = 1; b < HIST_BUCKETS; b++) {
                assert_int_equal(hist_lowest(b), hist_highest(b - 1) + 1);
                assert_true(hist_highest(b - 1) - hist_lowest(b - 1) <= hist_lowest(b - 1) / 128);
        }
}

static void quantiles_are_never_below_the_true_one_and_close_to_it(void **state)
{
        static const double shares[] = { 0.001, 0.5, 0.9, 0.99, 0.999, 1.0 };
        AUTO(str) memory = (char *) hist_new();
        struct hist *h = (struct hist *) memory;

        (void) state;
        for (int64_t us = 1; us <= 100000; us++)
                hist_add(h, us);
        for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
                int64_t truth = (int64_t) (shares[i] * 100000 + 0.5), q = hist_quantile(h, shares[i]);

                assert_true(q >= truth && q <= truth + truth / 128 + 1);
        }
        assert_int_equal(hist_quantile(h, 1.0), 100000);
}

static void an_empty_histogram_answers_zero(void **state)
{
        AUTO(str) memory = (char *) hist_new();

        (void) state;
        assert_int_equal(hist_quantile((struct hist *) memory, 0.99), 0);
        assert_int_equal(hist_count_upto((struct hist *) memory, 1000), 0);
}

static void counting_upto_a_limit_takes_whole_buckets(void **state)
{
        AUTO(str) memory = (char *) hist_new();
        struct hist *h = (struct hist *) memory;

        (void) state;
        hist_add(h, 10);
        hist_add(h, 49999);
        hist_add(h, 80000);
        assert_int_equal(hist_count_upto(h, 9), 0);
        assert_int_equal(hist_count_upto(h, 10), 1);
        assert_int_equal(hist_count_upto(h, 60000), 2);
        assert_int_equal(hist_count_upto(h, 80000), 3);
}

static void merging_is_as_if_all_values_had_gone_into_one(void **state)
{
        AUTO(str) first = (char *) hist_new();
        AUTO(str) second = (char *) hist_new();
        struct hist *a = (struct hist *) first, *b = (struct hist *) second;

        (void) state;
        hist_add(a, 100);
        hist_add(b, 3000);
        hist_add(b, 3000);
        hist_merge(a, b);
        assert_int_equal(a->total, 3);
        assert_int_equal(a->max_us, 3000);
        assert_int_equal(hist_quantile(a, 0.5), 3000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_value_falls_into_the_bucket_that_spans_it),
                cmocka_unit_test(buckets_follow_each_other_without_gaps),
                cmocka_unit_test(quantiles_are_never_below_the_true_one_and_close_to_it),
                cmocka_unit_test(an_empty_histogram_answers_zero),
                cmocka_unit_test(counting_upto_a_limit_takes_whole_buckets),
                cmocka_unit_test(merging_is_as_if_all_values_had_gone_into_one),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
