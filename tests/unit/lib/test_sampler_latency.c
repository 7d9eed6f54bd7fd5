/* Histograms: several bounds at once, every way in which buckets can be bad, and what bounds are chosen from. */
#include "tests/unit/lib/unit.h"

#include <math.h>

#include "lib/sampler_histogram.h"
#include "tests/unit/lib/samples.h"

static const struct sampler_question question = {
        .version = { 1, 2 },
        .expected = { 1, 1 },
        .objective_ms = 50,
        .bounds_us = { 5000, 10000 },
        .n_bounds = 2,
        .range_from_ms = NOW - 60000,
        .server_ms = NOW,
        .local_ms = NOW,
        .scrape_ms = SCRAPE,
};

static void each_bound_is_counted_exactly(void **state)
{
        SAMPLER s = { 0 };
        struct reading r;
        (void) state;

        READ(&s, &question, &r, UP("a", 1, 1, 1, 1), LE("a", 1, .005, 10, 20, 50), LE("a", 1, .01, 10, 25, 70),
             LE("a", 1, .05, 10, 30, 105), LE("a", 1, INFINITY, 10, 30, 110), UP("b", 2, 1, 1), LE("b", 2, .005, 0, 1),
             LE("b", 2, .01, 0, 5), LE("b", 2, .05, 0, 9), LE("b", 2, INFINITY, 0, 9));
        assert_int_equal(r.quality, QUALITY_GOOD);
        assert_int_equal(r.bounds[ARM_STABLE][0].of, 100);
        assert_int_equal(r.bounds[ARM_STABLE][0].above, 60);
        assert_int_equal(r.bounds[ARM_STABLE][1].above, 40);
        assert_int_equal(r.all[ARM_STABLE].slow, 5);
        assert_int_equal(r.bounds[ARM_CANDIDATE][0].above, 8);
        assert_int_equal(r.bounds[ARM_CANDIDATE][1].above, 4);
}

/* The candidate's bound at 5 ms is bad in one way or another: it is named, and nothing is counted there, slow or fast. */
static void a_bad_bucket_is_named_and_counts_nothing(void **state)
{
        static struct sample gap[] = { { NOW - 1000 - 2 * SCRAPE, 10 }, { NOW - 1000, 60 } };
        static struct sample late[] = { { NOW - 1000 - 2 * SCRAPE, 10 }, { NOW - 1000 - SCRAPE, 30 } };
        static const struct {
                const char *name;
                double values[3];
                struct sample *samples; /* instead */
                enum quality quality;
                const char *says;
                int64_t of, above;
        } cases[] = {
                { "good", { 10, 30, 60 }, NULL, QUALITY_GOOD, "", 90, 40 },
                { "going back by itself", { 10, 30, 7 }, NULL, QUALITY_HISTOGRAM, "within 5 ms than in all", 0, 0 },
                { "no number now", { 10, 30, NAN }, NULL, QUALITY_NAN, "not a number", 0, 0 },
                { "no number for a moment", { 10, NAN, 60 }, NULL, QUALITY_NAN, "not a number", 0, 0 },
                { "no number at first", { NAN, 30, 60 }, NULL, QUALITY_NAN, "not a number", 0, 0 },
                { "negative", { 10, 30, -1 }, NULL, QUALITY_NAN, "not a number", 0, 0 },
                { "infinite", { 10, 30, INFINITY }, NULL, QUALITY_NAN, "not a number", 0, 0 },
                { "more than all", { 10, 30, 1000 }, NULL, QUALITY_HISTOGRAM, "more requests", 0, 0 },
                { "missing from the newest scrape", { 0 }, late, QUALITY_NO_BUCKET, "in some scrapes", 0, 0 },
                { "missing from one in between", { 0 }, gap, QUALITY_GOOD, "", 90, 40 },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct series bucket = { .kind = SERIES_BUCKET, .instance = "b", .version = 2, .le_s = .005, .n = 2 };
                SAMPLER s = { 0 };
                struct reading r;
                bool by_itself = i == 1;
                struct series rows[] = { UP("a", 1, 1, 1, 1),
                                         UP("b", 2, 1, 1, 1),
                                         LE("b", 2, .01, 10, 40, 80),
                                         LE("b", 2, .05, 10, 50, 90),
                                         LE("b", 2, INFINITY, 10, 50, 100),
                                         bucket };

                if (by_itself) /* the others do not, and it is above the total */
                        rows[4] = (struct series) LE("b", 2, INFINITY, 10, 30, 32);
                if (by_itself)
                        rows[3] = rows[2] = rows[4], rows[2].le_s = .01, rows[3].le_s = .05;
                rows[5].samples = cases[i].samples ? cases[i].samples : at(cases[i].values, 3);
                rows[5].n = cases[i].samples ? 2 : 3;
                sampler_read(&s, &question, rows, LENGTH(rows), &r);
                print_message("  %s: %s\n", cases[i].name, r.reason);
                assert_int_equal(r.quality, cases[i].quality);
                assert_non_null(strstr(r.reason, cases[i].says));
                assert_int_equal(r.bounds[ARM_CANDIDATE][0].of, cases[i].of);
                assert_int_equal(r.bounds[ARM_CANDIDATE][0].above, cases[i].above);
                assert_true(r.bounds[ARM_CANDIDATE][1].of > 0); /* the other bound is none the worse */
        }
}

static void a_restart_of_the_instance_is_no_bad_bucket(void **state)
{
        SAMPLER s = { 0 };
        struct reading r;
        (void) state;

        READ(&s, &question, &r, UP("a", 1, 1, 1), UP("b", 2, 1, 1, 1), LE("b", 2, .005, 100, 200, 7),
             LE("b", 2, .01, 100, 300, 8), LE("b", 2, .05, 100, 300, 9), LE("b", 2, INFINITY, 100, 300, 9));
        assert_int_equal(r.quality, QUALITY_GOOD);
        assert_int_equal(r.bounds[ARM_CANDIDATE][0].of, 209);
        assert_int_equal(r.bounds[ARM_CANDIDATE][0].above, 102);
}

static void arms_with_other_bounds_are_not_compared_there(void **state)
{
        SAMPLER s = { 0 };
        struct reading r;
        (void) state;

        READ(&s, &question, &r, UP("a", 1, 1, 1), LE("a", 1, .005, 0, 50), LE("a", 1, .01, 0, 60), LE("a", 1, .05, 0, 70),
             LE("a", 1, INFINITY, 0, 100), UP("b", 2, 1, 1), LE("b", 2, .004, 0, 5), LE("b", 2, .05, 0, 9),
             LE("b", 2, INFINITY, 0, 10));
        assert_int_equal(r.quality, QUALITY_NO_BUCKET);
        assert_string_equal(r.reason, "the latency histogram of b has no bound at 5 ms");
        assert_int_equal(r.bounds[ARM_STABLE][0].of, 100);
        assert_int_equal(r.bounds[ARM_CANDIDATE][0].of, 0);
        assert_int_equal(r.all[ARM_CANDIDATE].timed, 10); /* at the objective they are */
}

static void a_histogram_without_a_total_is_named(void **state)
{
        SAMPLER s = { 0 };
        struct reading r;
        (void) state;

        READ(&s, &question, &r, UP("a", 1, 1, 1), UP("b", 2, 1, 1), LE("b", 2, .005, 0, 5), LE("b", 2, .05, 0, 9));
        assert_int_equal(r.quality, QUALITY_NO_BUCKET);
        assert_non_null(strstr(r.reason, "+Inf"));
        assert_int_equal(r.all[ARM_CANDIDATE].timed, 0);
}

/* --- what bounds are chosen from --- */

static bool look(const struct series *rows, size_t n, struct latency_histogram *h, struct reading *r)
{
        *r = (struct reading){ 0 };
        return sampler_histogram(&question, rows, n, h, r);
}

static void a_histogram_adds_up_stables_instances(void **state)
{
        const struct series rows[] = { LE("a", 1, .01, 0, 30, 60),
                                       LE("a", 1, .005, 0, 10, 50),
                                       LE("a", 1, INFINITY, 0, 40, 100),
                                       LE("c", 1, .005, 100, 110, 5),
                                       LE("c", 1, .01, 100, 120, 6),
                                       LE("c", 1, INFINITY, 100, 120, 6),
                                       LE("b", 2, .005, 0, 9),
                                       LE("b", 2, .01, 0, 9),
                                       LE("b", 2, INFINITY, 0, 9),
                                       LE("z", 3, .001, 0, 9),
                                       UP("a", 1, 1) };
        struct latency_histogram h;
        struct reading r;
        (void) state;

        assert_true(look(rows, LENGTH(rows), &h, &r));
        assert_int_equal(r.quality, QUALITY_GOOD);
        assert_int_equal(h.n, 2);
        assert_int_equal(h.us[0], 5000);
        assert_int_equal(h.us[1], 10000);
        assert_int_equal(h.within[0], 50 + 15);
        assert_int_equal(h.within[1], 60 + 26);
        assert_int_equal(h.all, 100 + 26);
}

static void only_bounds_that_both_versions_have_can_be_chosen(void **state)
{
        const struct series rows[] = { LE("a", 1, .005, 0, 50),      LE("a", 1, .01, 0, 60), LE("a", 1, .025, 0, 70),
                                       LE("a", 1, INFINITY, 0, 100), LE("b", 2, .004, 0, 1), LE("b", 2, .01, 0, 2),
                                       LE("b", 2, INFINITY, 0, 2) };
        struct latency_histogram h;
        struct reading r;
        (void) state;

        assert_true(look(rows, LENGTH(rows), &h, &r));
        assert_int_equal(h.n, 1);
        assert_int_equal(h.us[0], 10000);

        const struct series apart[] = { rows[0], rows[3], rows[4], rows[6] };
        assert_false(look(apart, LENGTH(apart), &h, &r));
        assert_int_equal(r.quality, QUALITY_NO_BUCKET);
        assert_non_null(strstr(r.reason, "no bound in common"));
}

static void a_histogram_that_contradicts_itself_is_named(void **state)
{
        const struct series descending[] = { LE("a", 1, .005, 0, 50), LE("a", 1, .01, 0, 40), LE("a", 1, INFINITY, 0, 100) };
        const struct series above_all[] = { LE("a", 1, .005, 0, 50), LE("a", 1, INFINITY, 0, 40) };
        const struct series numbers[] = { LE("a", 1, .005, NAN, 10, NAN, 30), LE("a", 1, INFINITY, NAN, 10, 20, 40) };
        struct series many[LATENCY_BOUNDS_MAX + 2];
        struct latency_histogram h;
        struct reading r;
        (void) state;

        assert_false(look(descending, LENGTH(descending), &h, &r));
        assert_int_equal(r.quality, QUALITY_HISTOGRAM);
        assert_false(look(above_all, LENGTH(above_all), &h, &r));
        assert_int_equal(r.quality, QUALITY_HISTOGRAM);
        assert_true(look(numbers, LENGTH(numbers), &h, &r)); /* what is no number is passed over */
        assert_int_equal(h.within[0], 20);
        for (size_t i = 0; i < LENGTH(many); i++)
                many[i] = (struct series) LE("a", 1, .001 * (double) (i + 1), 0, 1);
        many[0].le_s = INFINITY;
        assert_false(look(many, LENGTH(many), &h, &r));
        assert_non_null(strstr(r.reason, "more than 64 bounds"));
}

static void odd_bounds_are_passed_over(void **state)
{
        const struct series rows[] = { LE("a", 1, -1, 0, 0),      LE("a", 1, 0, 0, 0),         LE("a", 1, 1.5e-7, 0, 1),
                                       LE("a", 1, 1e9, 0, 9),     LE("a", 1, -INFINITY, 0, 0), LE("a", 1, .0005, 0, 7),
                                       LE("a", 1, INFINITY, 0, 9) };
        struct latency_histogram h;
        struct reading r;
        (void) state;

        (void) look(rows, LENGTH(rows), &h, &r);
        assert_int_equal(h.n, 1);
        assert_int_equal(h.us[0], 500);
        assert_true(look(rows, 0, &h, &r)); /* nothing yet is nothing wrong */
        assert_int_equal(h.all, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_bound_is_counted_exactly),
                cmocka_unit_test(a_bad_bucket_is_named_and_counts_nothing),
                cmocka_unit_test(a_restart_of_the_instance_is_no_bad_bucket),
                cmocka_unit_test(arms_with_other_bounds_are_not_compared_there),
                cmocka_unit_test(a_histogram_without_a_total_is_named),
                cmocka_unit_test(a_histogram_adds_up_stables_instances),
                cmocka_unit_test(only_bounds_that_both_versions_have_can_be_chosen),
                cmocka_unit_test(a_histogram_that_contradicts_itself_is_named),
                cmocka_unit_test(odd_bounds_are_passed_over),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
