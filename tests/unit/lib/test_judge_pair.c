/* Counters of both releases: what an increment is, and the error rate of their comparison. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/judge_pair.h"
#include "tests/unit/lib/dice.h"

static void what_goes_back_is_passed_over_and_what_comes_back_too(void **state)
{
        static const struct {
                const char *name;
                double all;
                bool back, counts;
        } looks[] = {
                { "the first look", 1000, false, false }, { "an increase", 1100, false, true },
                { "nothing", 1100, false, true },         { "an instance is missed", 600, false, false },
                { "the others go on", 650, false, true }, { "it is back with all that it ever counted", 1250, false, false },
                { "and goes on", 1300, false, true },     { "another counter went back", 1310, true, false },
                { "a restart", 40, false, false },        { "an increase after it", 200, false, true },
                { "a jump", 1e15, false, false },         { "huge", 1e15 + 8, false, true },
        };
        struct judge_meter m = { 0 };
        (void) state;

        for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
                print_message("  %s\n", looks[i].name);
                assert_int_equal(judge_meter_look(&m, looks[i].all, looks[i].back), looks[i].counts);
        }
        assert_true(m.passed_over == 5);
}

static void only_what_is_a_count_is_looked_at(void **state)
{
        static const double bad[] = { NAN, INFINITY, -1, 1e16 };
        struct judge_pair p = { 0 };
        (void) state;

        for (size_t i = 0; i < 4 * sizeof bad / sizeof *bad; i++) {
                struct judge_pair_look now[] = { { 1, 100 }, { 1, 100 } };
                double *values[] = { &now[0].bad, &now[0].of, &now[1].bad, &now[1].of };

                *values[i % 4] = bad[i / 4];
                judge_pair_look(&p, 1.5, 0, now, true);
                assert_true(p.meter[0].known == 0 && p.meter[1].known == 0);
        }
        assert_true(judge_is_count(0) && judge_is_count(1e15));
}

static void an_increment_waits_for_the_other_release(void **state)
{
        struct judge_pair p = { .test.spread = { 0, JUDGE_SPREAD_KNOWN, 0, 0 } };
        (void) state;

        judge_pair_look(&p, 1.5, .5, (struct judge_pair_look[]){ { 10, 1000 }, { 0, 0 } }, true);
        judge_pair_look(&p, 1.5, .5, (struct judge_pair_look[]){ { 12, 1100 }, { 0, 0 } }, true);
        assert_int_equal(p.test.worse.ticks, 0);
        judge_pair_look(&p, 1.5, .5, (struct judge_pair_look[]){ { 12, 1100 }, { 1, 20 } }, true);
        assert_int_equal(p.test.worse.ticks, 1);
        assert_int_equal(judge_compare_sound(&p.test)->ticks, 1);
        assert_true(p.total[0].bad == 2 && p.total[0].of == 100 && p.total[1].bad == 1 && p.total[1].of == 20);
        judge_pair_look(&p, 1.5, .5, (struct judge_pair_look[]){ { 13, 1200 }, { 2, 40 } }, false); /* nothing to compare with */
        judge_pair_look(&p, 1.5, .5, (struct judge_pair_look[]){ { 14, 1300 }, { 90, 60 } }, true);
        assert_true(p.total[0].of == 200 && p.total[1].of == 40);
        assert_true(p.total[1].bad == 21); /* more bad ones than there were: all of them */
        judge_compare_done(&p.test);
}

static void bad_ones_may_be_ahead_by_a_scrape_and_no_more(void **state)
{
        static const struct {
                const char *name;
                double bad[6], all[6];
                bool much; /* in the end */
                double counts;
        } cases[] = {
                { "all are bad, seen a scrape later", { 200, 100, 100, 100, 100 }, { 100, 100, 100, 100, 100, 100 }, false, 600 },
                { "a few are bad", { 1, 0, 2 }, { 10, 10, 10 }, false, 3 },
                { "swapped", { 400 }, { 3 }, true, 3 },
                { "swapped, and of many", { 100, 100, 100, 100, 100, 100 }, { 60, 60, 60, 60, 60, 60 }, true, 360 },
                { "one more in a hundred", { 101, 101, 101, 101, 101, 101 }, { 100, 100, 100, 100, 100, 100 }, false, 600 },
                { "nothing", { 0 }, { 0 }, false, 0 },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct judge_surplus s = { 0 };
                double counts = 0;

                print_message("  %s\n", cases[i].name);
                for (int look = 0; look < 6; look++)
                        counts += judge_surplus_take(&s, cases[i].bad[look], cases[i].all[look]);
                assert_int_equal(judge_surplus_is_much(&s), cases[i].much);
                assert_true(counts == cases[i].counts);
        }
}

static void how_stable_clusters_is_measured_first(void **state)
{
        struct judge_pair_look now[ARM_COUNT] = { 0 };
        struct judge_pair p = { 0 };
        (void) state;

        judge_pair_look(&p, 1, 0, now, false);
        for (int i = 0; i < JUDGE_SPREAD_KNOWN + 2; i++) { /* one has no neighbour yet, and a pair weighs less than 1 */
                now[ARM_STABLE].of += 1000;
                now[ARM_STABLE].bad += i % 2 ? 60 : 0; /* in batches */
                now[ARM_CANDIDATE].of += 50;
                judge_pair_look(&p, 1, 0, now, i > 2);
        }
        assert_int_equal(p.test.worse.ticks, 0);
        assert_true(judge_spread_dispersion(&p.test.spread) > 5);
        assert_true(p.usual.bad == 60 * 5 && p.usual.of == 10000);
        for (int a = 0; a < ARM_COUNT; a++)
                now[a].of += 50;
        judge_pair_look(&p, 1, 0, now, true);
        assert_int_equal(p.test.worse.ticks, 1);
}

static void where_nothing_is_bad_it_begins_after_a_while_and_is_careful(void **state)
{
        struct judge_pair_look now[ARM_COUNT] = { 0 };
        struct judge_pair p = { 0 };
        int looks = 0;
        (void) state;

        for (; p.test.worse.ticks == 0 && looks < 100; looks++) {
                judge_pair_look(&p, 1.5, 0, now, true);
                now[ARM_STABLE].of += 1000;
                now[ARM_CANDIDATE].of += 1000;
        }
        assert_int_equal(looks, JUDGE_PAIR_WATCH + 2);
        for (int i = 0; i < 3; i++) { /* a burst or two is no evidence */
                now[ARM_STABLE].of += 1000;
                now[ARM_CANDIDATE].of += 1000;
                now[ARM_CANDIDATE].bad += 8;
                judge_pair_look(&p, 1.5, 0, now, true);
        }
        assert_true(p.test.worse.peak < -log(.005));
        for (int i = 0; i < 30; i++) { /* many are */
                now[ARM_STABLE].of += 1000;
                now[ARM_CANDIDATE].of += 1000;
                now[ARM_CANDIDATE].bad += 8;
                judge_pair_look(&p, 1.5, 0, now, true);
        }
        assert_true(p.test.worse.peak >= -log(.005));
}

/* A share of .001 in bursts of 20: most looks have none at all. */
static void rare_bursts_keep_the_error_rate(void **state)
{
        int n = 0;
        (void) state;

        dice = 3;
        for (int run = 0; run < 2000; run++) {
                struct judge_pair p = { 0 };
                struct judge_pair_look now[ARM_COUNT] = { 0 };

                judge_pair_look(&p, 1.5, 0, now, true);
                for (int look = 0; look < 200; look++) {
                        for (int a = 0; a < ARM_COUNT; a++) {
                                now[a].of += 1000;
                                for (int i = 0; i < 10; i++)
                                        now[a].bad += uniform() < .005 ? 20 : 0; /* a burst in twenty looks */
                        }
                        judge_pair_look(&p, 1.5, 0, now, true);
                }
                n += p.test.worse.peak >= -log(.01);
        }
        print_message("  %d of 2000\n", n);
        assert_true(n <= 20 + 18); /* 1 %, and four standard deviations */
}

/* How many of 2,000 rollouts of 120 looks, with shares stable and candidate, so many alike at a time, reach 1/alpha on either side. */
static int broken(double stable, double candidate, int batch, double most, double least, double alpha)
{
        int n = 0;

        dice = 7;
        for (int run = 0; run < 2000; run++) {
                struct judge_pair p = { 0 };
                struct judge_pair_look now[ARM_COUNT] = { 0 };

                judge_pair_look(&p, most, least, now, true);
                for (int look = 0; look < 120; look++) {
                        for (int i = 0; i < 80; i++) {
                                enum arm a = i < 8 ? ARM_CANDIDATE : ARM_STABLE;

                                now[a].bad += uniform() < (a == ARM_CANDIDATE ? candidate : stable) ? batch : 0;
                                now[a].of += batch;
                        }
                        judge_pair_look(&p, most, least, now, true);
                }
                n += (most > 0 && p.test.worse.peak >= -log(alpha)) ||
                     (least > 0 && judge_compare_sound(&p.test)->peak >= -log(alpha));
                judge_compare_done(&p.test);
        }
        return n;
}

static void looking_often_keeps_the_error_rate(void **state)
{
        (void) state;
        assert_true(broken(.03, .03, 1, 1, 0, .05) <= 100 + 40); /* 5 % of 2,000, and four standard deviations */
        assert_true(broken(.03, .045, 1, 1.5, 0, .05) <= 100 + 40);
        assert_true(broken(.4, .4, 1, 1, 0, .05) <= 100 + 40); /* common ones too */
        assert_true(broken(.4, .4, 1, 0, 1, .05) <= 100 + 40);
        assert_true(broken(.1, .08, 1, 0, .8, .05) <= 100 + 40);
        assert_true(broken(.1, .1, 20, 1, 0, .05) <= 100 + 40); /* batches of like ones */
        assert_true(broken(.5, .5, 20, 1, 1, .05) <= 200 + 54); /* two parts */
}

static void a_share_that_rose_or_fell_is_found(void **state)
{
        (void) state;
        assert_true(broken(.03, .12, 1, 1.5, 0, .005) > 1990);
        assert_true(broken(.5, .25, 1, 0, .8, .005) > 1800); /* a catch rate */
        assert_true(broken(.9, .5, 1, 0, .9, .005) > 1800);  /* and a high one */
}

/* Many things: a true ratio that is not far beyond the limit shows. */
static void a_tight_limit_is_tight(void **state)
{
        static const struct {
                const char *name;
                double stable, candidate, most, least;
        } cases[] = {
                { "1.15 times, at most 1.05", .1, .115, 1.05, 0 },
                { "10 % missed, then 20", .1, .2, 1.5, 0 },
                { "90 %, then 72 %", .9, .72, 0, .9 },
                { "95 %, then 85 %", .95, .85, 0, .95 },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                double share[] = { cases[i].stable, cases[i].candidate };
                struct judge_pair p = { 0 };
                struct judge_pair_look now[ARM_COUNT] = { 0 };

                print_message("  %s\n", cases[i].name);
                for (int look = 0; look < 120; look++) {
                        judge_pair_look(&p, cases[i].most, cases[i].least, now, true);
                        for (int a = 0; a < ARM_COUNT; a++) {
                                double things = a == ARM_STABLE ? 9000 : 1000;

                                now[a].of += things;
                                now[a].bad +=
                                        round(things * share[a] + sqrt(things * share[a] * (1 - share[a])) * (look % 3 - 1));
                        }
                }
                assert_true(fmax(p.test.worse.peak, judge_compare_sound(&p.test)->peak) >= -log(.001));
                judge_compare_done(&p.test);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_goes_back_is_passed_over_and_what_comes_back_too),
                cmocka_unit_test(only_what_is_a_count_is_looked_at),
                cmocka_unit_test(an_increment_waits_for_the_other_release),
                cmocka_unit_test(bad_ones_may_be_ahead_by_a_scrape_and_no_more),
                cmocka_unit_test(how_stable_clusters_is_measured_first),
                cmocka_unit_test(where_nothing_is_bad_it_begins_after_a_while_and_is_careful),
                cmocka_unit_test(rare_bursts_keep_the_error_rate),
                cmocka_unit_test(looking_often_keeps_the_error_rate),
                cmocka_unit_test(a_share_that_rose_or_fell_is_found),
                cmocka_unit_test(a_tight_limit_is_tight),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
