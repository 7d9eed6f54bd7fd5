/* Counting between scrapes: resets, births, gaps, and every way in which evidence can be bad. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/sampler.h"
#include "tests/unit/lib/samples.h"

static const struct sampler_question question = {
        .version = { 1, 2 },
        .expected = { 1, 1 },
        .objective_ms = 50,
        .range_from_ms = NOW - 60000,
        .server_ms = NOW,
        .local_ms = NOW,
        .scrape_ms = SCRAPE,
};

static void a_new_instance_counts_from_its_first_scrape(void **state)
{
        SAMPLER s = { 0 };
        struct reading r;
        (void) state;

        READ(&s, &question, &r, UP("a", 1, 1, 1, 1), OK("a", 1, 100, 150, 180), UP("b", 2, 1, 1, 1), OK("b", 2, 7, 7, 9),
             BAD("b", 2, 1, 2, 4));
        assert_int_equal(r.quality, QUALITY_GOOD);
        assert_int_equal(r.all[ARM_STABLE].requests, 80);
        assert_int_equal(r.all[ARM_CANDIDATE].requests, 5);
        assert_int_equal(r.all[ARM_CANDIDATE].errors, 3);
        assert_int_equal(r.alive[ARM_CANDIDATE], 1);
}

static void nothing_is_counted_twice(void **state)
{
        SAMPLER s = { 0 };
        struct reading r;
        (void) state;

        READ(&s, &question, &r, UP("b", 2, 1, 1), OK("b", 2, 10, 20));
        assert_int_equal(r.all[ARM_CANDIDATE].requests, 10);
        READ(&s, &question, &r, UP("b", 2, 1, 1), OK("b", 2, 10, 20));
        assert_int_equal(r.all[ARM_CANDIDATE].requests, 0);
}

static void the_first_error_counts_although_its_series_is_new(void **state)
{
        SAMPLER s = { 0 };
        struct reading r;
        (void) state;

        READ(&s, &question, &r, UP("b", 2, 1, 1, 1), OK("b", 2, 10, 20, 30), BAD("b", 2, 6));
        assert_int_equal(r.all[ARM_CANDIDATE].errors, 6);
        assert_int_equal(r.all[ARM_CANDIDATE].requests, 26);
}

static void an_instance_scraped_before_its_first_request_loses_none(void **state)
{
        SAMPLER s = { 0 };
        struct reading r;
        (void) state;

        READ(&s, &question, &r, UP("b", 2, 1, 1, 1), OK("b", 2, 25));
        assert_int_equal(r.all[ARM_CANDIDATE].requests, 25);
}

static void a_reset_counter_counts_what_came_after(void **state)
{
        SAMPLER s = { 0 };
        struct reading r;
        (void) state;

        READ(&s, &question, &r, UP("b", 2, 1, 1, 1, 1), OK("b", 2, 1000, 1010, 4, 6));
        assert_int_equal(r.all[ARM_CANDIDATE].requests, 16);
}

static void slow_is_everything_above_the_objective(void **state)
{
        SAMPLER s = { 0 };
        struct reading r;
        (void) state;

        READ(&s, &question, &r, UP("b", 2, 1, 1), LE("b", 2, .01, 5, 8), LE("b", 2, .05, 10, 40), LE("b", 2, INFINITY, 10, 100));
        assert_int_equal(r.all[ARM_CANDIDATE].timed, 90);
        assert_int_equal(r.all[ARM_CANDIDATE].slow, 60);
}

static void fresh_counts_begin_after_the_weight_stood(void **state)
{
        struct sampler_question q = question;
        SAMPLER s = { 0 };
        struct reading r;
        (void) state;

        q.fresh_since_ms = NOW - 1000 - SCRAPE; /* exactly the last scrape but one */
        READ(&s, &q, &r, UP("b", 2, 1, 1, 1, 1), OK("b", 2, 10, 20, 40, 80));
        assert_int_equal(r.all[ARM_CANDIDATE].requests, 70);
        assert_int_equal(r.fresh[ARM_CANDIDATE].requests, 40);
}

static void after_a_gap_it_counts_from_what_is_left(void **state)
{
        SAMPLER s = { 0 };
        struct reading r;
        (void) state;

        *sampler_add(&s) = (struct sampler_mark){ .instance = "b", .version = 2, .until_ms = NOW - 600000 };
        READ(&s, &question, &r, UP("b", 2, 1, 1), OK("b", 2, 5000, 5010));
        assert_int_equal(r.all[ARM_CANDIDATE].requests, 10);
}

static void a_restart_of_ours_loses_nothing(void **state)
{
        SAMPLER s = { 0 };
        struct reading r;
        (void) state;

        READ(&s, &question, &r, UP("b", 2, 1), OK("b", 2, 100));
        s.marks[0].until_ms = NOW - 1000 - 2 * SCRAPE; /* as if that had been two scrapes ago */
        READ(&s, &question, &r, UP("b", 2, 1, 1, 1, 1), OK("b", 2, 90, 100, 130, 150), BAD("b", 2, 3, 3));
        assert_int_equal(r.all[ARM_CANDIDATE].requests, 53);
        assert_int_equal(r.all[ARM_CANDIDATE].errors, 3);
}

static void bad_evidence_is_recognised_and_named(void **state)
{
        static const struct sample old[] = { { NOW - 300000, 1 } };
        struct sampler_question q = question;
        SAMPLER s = { 0 };
        struct reading r;
        (void) state;

        READ(&s, &q, &r, UP("a", 1, 1, 1));
        assert_int_equal(r.quality, QUALITY_EMPTY);
        assert_non_null(strstr(r.reason, "no samples of the candidate version 2"));

        READ(&s, &q, &r, UP("a", 1, 1, 1), UP("b", 2, 0, 0));
        assert_int_equal(r.quality, QUALITY_EMPTY);

        READ(&s, &q, &r, UP("a", 1, 1, 1),
             { .kind = SERIES_UP, .instance = "b", .version = 2, .samples = (struct sample *) old, .n = 1 });
        assert_int_equal(r.quality, QUALITY_STALE);
        assert_non_null(strstr(r.reason, "300.0 s old"));

        q.expected[ARM_CANDIDATE] = 3;
        READ(&s, &q, &r, UP("a", 1, 1, 1), UP("b", 2, 1, 1), UP("c", 2, 1, 1));
        assert_int_equal(r.quality, QUALITY_MISSING);
        assert_non_null(strstr(r.reason, "2 of 3"));
        q.expected[ARM_CANDIDATE] = 1;

        READ(&s, &q, &r, UP("a", 1, 1, 1), UP("n", 2, 1, 1), OK("n", 2, 5, NAN));
        assert_int_equal(r.quality, QUALITY_NAN);

        READ(&s, &q, &r, UP("a", 1, 1, 1), UP("l", 2, 1, 1), LE("l", 2, .025, 5, 6), LE("l", 2, INFINITY, 5, 6));
        assert_int_equal(r.quality, QUALITY_NO_BUCKET);
        assert_non_null(strstr(r.reason, "50 ms"));

        q.local_ms = NOW - 6000;
        READ(&s, &q, &r, UP("a", 1, 1, 1), UP("b", 2, 1, 1));
        assert_int_equal(r.quality, QUALITY_SKEW);
}

static void odd_counters_are_named_or_counted(void **state)
{
        static const struct {
                const char *name;
                double values[4];
                enum quality quality;
                int64_t requests;
        } cases[] = {
                { "steady", { 10, 20, 30, 40 }, QUALITY_GOOD, 30 },
                { "going back to 5 after a restart", { 10, 20, 5, 8 }, QUALITY_GOOD, 18 },
                { "going back to 0", { 10, 20, 0, 0 }, QUALITY_GOOD, 10 },
                { "huge", { 1e15, 1e15 + 10, 1e15 + 20, 1e15 + 30 }, QUALITY_GOOD, 30 },
                { "negative for a moment", { 10, -1, 20, 30 }, QUALITY_NAN, 20 },
                { "infinite for a moment", { 10, INFINITY, 20, 30 }, QUALITY_NAN, 20 },
                { "no number for a moment", { 10, NAN, 20, 30 }, QUALITY_NAN, 20 },
                { "more than a counter can count", { 10, 1e17, 20, 30 }, QUALITY_NAN, 20 },
                { "no number at first", { NAN, 10, 20, 30 }, QUALITY_NAN, 20 },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                const double *v = cases[i].values;
                SAMPLER s = { 0 };
                struct reading r;

                READ(&s, &question, &r, UP("a", 1, 1, 1, 1, 1), UP("b", 2, 1, 1, 1, 1), OK("b", 2, v[0], v[1], v[2], v[3]));
                print_message("  %s: %lld\n", cases[i].name, (long long) r.all[ARM_CANDIDATE].requests);
                assert_int_equal(r.all[ARM_CANDIDATE].requests, cases[i].requests);
                assert_int_equal(r.quality, cases[i].quality);
        }
}

static void a_counter_that_vanishes_counts_nothing(void **state)
{
        SAMPLER s = { 0 };
        struct reading r;
        (void) state;

        READ(&s, &question, &r, UP("a", 1, 1, 1, 1), UP("b", 2, 1, 1, 1), OK("b", 2, 10, 20, 30));
        READ(&s, &question, &r, UP("a", 1, 1, 1, 1), UP("b", 2, 1, 1, 1));
        assert_int_equal(r.all[ARM_CANDIDATE].requests, 0);
        assert_int_equal(r.all[ARM_CANDIDATE].errors, 0);
}

static void an_arm_that_needs_no_traffic_is_not_missed(void **state)
{
        struct sampler_question q = question;
        SAMPLER s = { 0 };
        struct reading r;
        (void) state;

        q.expected[ARM_STABLE] = 0;
        READ(&s, &q, &r, UP("b", 2, 1, 1));
        assert_int_equal(r.quality, QUALITY_GOOD);
}

static void other_versions_do_not_count(void **state)
{
        SAMPLER s = { 0 };
        struct reading r;
        (void) state;

        READ(&s, &question, &r, UP("a", 1, 1, 1), UP("b", 2, 1, 1), UP("z", 9, 1, 1), OK("z", 9, 1, 500));
        assert_int_equal(r.all[ARM_STABLE].requests + r.all[ARM_CANDIDATE].requests, 0);
        assert_int_equal(s.n, 2);
}

static void the_range_reaches_back_to_the_oldest_mark(void **state)
{
        SAMPLER s = { 0 };
        (void) state;

        assert_int_equal(sampler_range_ms(&s, NOW, 15000, 300000), 15000);
        sampler_add(&s)->until_ms = NOW - 40000;
        sampler_add(&s)->until_ms = NOW - 9000000;
        assert_int_equal(sampler_range_ms(&s, NOW, 15000, 300000), 47500);
}

static void more_instances_than_fit_push_out_the_oldest(void **state)
{
        SAMPLER s = { 0 };
        struct reading r;
        (void) state;

        for (int i = 0; i < SAMPLER_INSTANCES_MAX + 5; i++) {
                struct sample one = { NOW - 100000 + i, 1 };
                struct series up = { .kind = SERIES_UP, .version = 1, .samples = &one, .n = 1 };

                snprintf(up.instance, sizeof up.instance, "10.0.0.1:%d", i);
                sampler_read(&s, &question, &up, 1, &r);
        }
        assert_int_equal(s.n, SAMPLER_INSTANCES_MAX);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_new_instance_counts_from_its_first_scrape),
                cmocka_unit_test(nothing_is_counted_twice),
                cmocka_unit_test(the_first_error_counts_although_its_series_is_new),
                cmocka_unit_test(an_instance_scraped_before_its_first_request_loses_none),
                cmocka_unit_test(a_reset_counter_counts_what_came_after),
                cmocka_unit_test(slow_is_everything_above_the_objective),
                cmocka_unit_test(fresh_counts_begin_after_the_weight_stood),
                cmocka_unit_test(after_a_gap_it_counts_from_what_is_left),
                cmocka_unit_test(a_restart_of_ours_loses_nothing),
                cmocka_unit_test(bad_evidence_is_recognised_and_named),
                cmocka_unit_test(odd_counters_are_named_or_counted),
                cmocka_unit_test(a_counter_that_vanishes_counts_nothing),
                cmocka_unit_test(an_arm_that_needs_no_traffic_is_not_missed),
                cmocka_unit_test(other_versions_do_not_count),
                cmocka_unit_test(the_range_reaches_back_to_the_oldest_mark),
                cmocka_unit_test(more_instances_than_fit_push_out_the_oldest),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
