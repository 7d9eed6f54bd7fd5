/* The sequential comparison: its values, what bounds them, and its error rate by simulation with fixed seeds. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/judge_compare.h"

#define COMPARE __attribute__((cleanup(judge_compare_done))) struct judge_compare

/*
 * Independently computed with 50 digits by tests/unit/lib/judge_exact.py, which prints this table: for a list of ticks the log
 * evidence after the last one.
 */
static const struct exact {
        const char *name;
        enum judge_side side;
        double r0, burst, usual;
        int64_t ticks[4][4]; /* n_A, x_A, n_B, x_B; ended by zeros */
        double log_e;
} exact[] = {
#include "tests/unit/lib/judge_exact.table"
};

static struct judge_ratio run(const struct exact *c)
{
        struct judge_ratio t = { 0 };

        for (int i = 0; i < 4 && c->ticks[i][0]; i++)
                judge_ratio_add_usual(&t, c->side, c->r0, c->usual, c->burst, c->ticks[i][0], c->ticks[i][1], c->ticks[i][2],
                                      c->ticks[i][3]);
        return t;
}

static void values_equal_the_exact_computation(void **state)
{
        (void) state;
        for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
                struct judge_ratio t = run(&exact[i]);
                double log_e = judge_ratio_log_e(&t);

                print_message("  %s: %.15g\n", exact[i].name, log_e);
                assert_true(fabs(log_e - exact[i].log_e) <= 1e-10 * fmax(1, fabs(exact[i].log_e)));
        }
}

/* --- randomness for the properties --- */

static uint64_t dice;

static double uniform(void) /* splitmix64 */
{
        uint64_t z = (dice += 0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return (double) ((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static int64_t binomial(int64_t n, double p)
{
        int64_t x = 0;

        while (n-- > 0)
                x += uniform() < p;
        return x;
}

/* Causes at rate p/burst, each of geometric size with mean burst. */
static int64_t bursts(int64_t n, double p, double burst)
{
        int64_t x = 0;

        for (int64_t causes = binomial(n, p / burst); causes > 0; causes--)
                do
                        x++;
                while (uniform() < 1 - 1 / burst);
        return x;
}

static double mean_e(enum judge_side side, double r0, double usual, double burst, double p_a, double p_b, int64_t n_a,
                     int64_t n_b)
{
        double sum = 0;
        enum { RUNS = 20000 };

        for (int i = 0; i < RUNS; i++) {
                struct judge_ratio t = { 0 };

                for (int tick = 0; tick < 3; tick++)
                        judge_ratio_add_usual(&t, side, r0, usual, burst, n_a, bursts(n_a, p_a, burst), n_b,
                                              bursts(n_b, p_b, burst));
                sum += exp(judge_ratio_log_e(&t));
        }
        return sum / RUNS;
}

/* Expectation at most 1 under the null, whatever the level; e-values of few requests have a modest variance. */
static void evidence_does_not_grow_by_chance(void **state)
{
        static const struct {
                const char *name;
                enum judge_side side;
                double r0, burst, p_a, p_b;
                int64_t n_a, n_b;
                double usual;
        } cases[] = {
                { "rare and equal", JUDGE_ABOVE, 1, 1, .02, .02, 95, 5, 0 },
                { "frequent and equal", JUDGE_ABOVE, 1, 1, .5, .5, 20, 5, 0 },
                { "at the tolerated harm", JUDGE_ABOVE, 1.5, 1, .02, .03, 95, 5, 0 },
                { "at the tolerated harm, frequent", JUDGE_ABOVE, 1.5, 1, .4, .6, 20, 5, 0 },
                { "far below the null", JUDGE_ABOVE, 1, 1, .2, .05, 20, 5, 0 },
                { "bursts of the assumed size", JUDGE_ABOVE, 1, 3, .06, .06, 95, 5, 0 },
                { "not worse, at its bound", JUDGE_BELOW, 2, 1, .05, .1, 40, 10, 0 },
                { "not worse, at its bound, in bursts", JUDGE_BELOW, 2, 3, .05, .1, 40, 10, 0 },
                { "above the median, equal", JUDGE_ABOVE, 1, 1, .5, .5, 20, 5, .5 },
                { "above the median, at the tolerated odds", JUDGE_ABOVE, 1.5, 1, .5, .6, 20, 5, .5 },
                { "above the median, when all are slower than usual", JUDGE_ABOVE, 1.5, 1, .8, .96, 20, 5, .5 },
                { "above the median, when all are faster", JUDGE_ABOVE, 1.5, 1, .1, .12, 40, 10, .5 },
                { "above the median, in bursts", JUDGE_ABOVE, 1.2, 3, .3, .3, 60, 10, .5 },
        };
        (void) state;

        dice = 7;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                double e = mean_e(cases[i].side, cases[i].r0, cases[i].usual, cases[i].burst, cases[i].p_a, cases[i].p_b,
                                  cases[i].n_a, cases[i].n_b);

                print_message("  %s: mean E %.3f\n", cases[i].name, e);
                assert_true(e < 1.03);
        }
}

static void more_bad_requests_of_the_candidate_are_more_evidence(void **state)
{
        double before = -INFINITY;
        (void) state;

        for (int64_t x = 0; x <= 20; x++) {
                struct judge_ratio t = { 0 };

                judge_ratio_add(&t, JUDGE_ABOVE, 1, 1, 1000, 4, 1000, x);
                assert_true(judge_ratio_log_e(&t) >= before);
                before = judge_ratio_log_e(&t);
        }
        for (int64_t x = 0; x <= 20; x++) { /* and of stable: less */
                struct judge_ratio t = { 0 };

                judge_ratio_add(&t, JUDGE_ABOVE, 1, 1, 1000, x, 1000, 4);
                assert_true(judge_ratio_log_e(&t) <= before);
                before = judge_ratio_log_e(&t);
        }
}

static void evidence_that_is_all_staked_does_not_depend_on_the_order(void **state)
{
        static const int64_t ticks[3][4] = { { 950, 3, 50, 1 }, { 700, 0, 300, 2 }, { 990, 9, 10, 0 } };
        struct judge_effect f[2] = { 0 };
        (void) state;

        for (int i = 0; i < 3; i++) {
                const int64_t *a = ticks[i], *b = ticks[2 - i];

                judge_effect_add(&f[0], 1, a[0], a[1], a[2], a[3]);
                judge_effect_add(&f[1], 1, b[0], b[1], b[2], b[3]);
        }
        for (int k = 0; k < JUDGE_EFFECTS; k++)
                assert_true(fabs(f[0].log_l[k] - f[1].log_l[k]) < 1e-5);
}

static void ticks_may_be_split_or_joined(void **state)
{
        struct judge_effect once = { 0 }, twice = { 0 };
        (void) state;

        judge_effect_add(&once, 1, 1900, 5, 100, 3);
        judge_effect_add(&twice, 1, 950, 1, 50, 3);
        judge_effect_add(&twice, 1, 950, 4, 50, 0);
        for (int k = 0; k < JUDGE_EFFECTS; k++)
                assert_true(fabs(once.log_l[k] - twice.log_l[k]) < 1e-5);
}

static void one_tick_adds_at_most_twenty_to_one(void **state)
{
        struct judge_ratio t = { 0 };
        (void) state;

        judge_ratio_add(&t, JUDGE_ABOVE, 1, 1, 1000000, 0, 1000000, 1000000);
        assert_true(judge_ratio_log_e(&t) <= log(20) + 1e-12);
}

/* Half of stable's requests are slower than its median; of a candidate with twice the median nearly all. */
static void a_common_share_that_grows_is_found(void **state)
{
        struct judge_ratio rare = { 0 }, usual = { 0 };
        int ticks = 0;
        (void) state;

        dice = 11;
        while (usual.peak < log(400) && ticks < 1000) {
                int64_t x_a = binomial(475, .5), x_b = binomial(25, .92);

                judge_ratio_add(&rare, JUDGE_ABOVE, 1.5, 1, 475, x_a, 25, x_b);
                judge_ratio_add_usual(&usual, JUDGE_ABOVE, 1.5, .5, 1, 475, x_a, 25, x_b);
                ticks++;
        }
        print_message("  after %d ticks of 500 requests, log E %.2f; by the ratio of shares alone %.2f\n", ticks,
                      judge_ratio_log_e(&usual), judge_ratio_log_e(&rare));
        assert_true(ticks < 15);
        assert_true(judge_ratio_log_e(&rare) < judge_ratio_log_e(&usual));
        for (double odds = 1; odds < 1000; odds *= 1.7) /* every alternative is a share that there can be */
                assert_true(.5 * judge_ratio_of_odds(odds, .5) < 1);
}

static void odd_counts_keep_the_evidence_a_number(void **state)
{
        static const struct {
                const char *name;
                int64_t n_a, x_a, n_b, x_b;
        } cases[] = {
                { "no traffic at all", 0, 0, 0, 0 },
                { "none on stable", 0, 0, 50, 50 },
                { "none on the candidate", 50, 50, 0, 0 },
                { "all errors", 1000, 1000, 1000, 1000 },
                { "no errors", 1000, 0, 1000, 0 },
                { "more bad requests than requests", 10, 20, 10, 30 },
                { "huge", 1000000000000000, 1000000000000, 1000000000000000, 1000000000000 },
                { "huge against one", 1000000000000000, 0, 1, 1 },
                { "one against huge", 1, 1, 1000000000000000, 1000000000000000 },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                COMPARE c = { 0 };
                struct judge_interval in;

                for (int tick = 0; tick < 50; tick++)
                        judge_compare_add(&c, 1, 2, cases[i].n_a, cases[i].x_a, cases[i].n_b, cases[i].x_b);
                judge_effect_interval(&c.effect, .05, &in);
                print_message("  %s: %g, %g to %g\n", cases[i].name, judge_ratio_log_e(&c.worse), in.low, in.high);
                assert_true(isfinite(judge_ratio_log_e(&c.worse)) && isfinite(judge_ratio_log_e(judge_compare_sound(&c))));
                assert_true(in.low <= 1 || cases[i].x_b * cases[i].n_a > cases[i].x_a * cases[i].n_b);
                assert_true(judge_spread_burst(&c.spread) >= 1);
        }
}

/* --- whole rollouts --- */

struct traffic {
        double p_a, p_b, burst;
        int64_t n_a, n_b;
        int bad_from; /* tick from which p_b holds; before, the candidate is as good as stable */
};

/* Of 400 rollouts of 300 ticks, how many reach 1/alpha; *ticks is the sum of ticks from bad_from until then. */
static int found(const struct traffic *f, double r0, double alpha, int *ticks)
{
        int n = 0;

        *ticks = 0;
        for (int i = 0; i < 400; i++) {
                COMPARE c = { 0 };

                for (int tick = 0; tick < 60; tick++) /* stable is watched before the candidate has traffic */
                        judge_spread_add(&c.spread, f->n_a, bursts(f->n_a, f->p_a, f->burst));
                for (int tick = 0; tick < 300; tick++) {
                        double p_b = tick < f->bad_from ? f->p_a : f->p_b;

                        judge_compare_add(&c, r0, 0, f->n_a, bursts(f->n_a, f->p_a, f->burst), f->n_b,
                                          bursts(f->n_b, p_b, f->burst));
                        if (c.worse.peak >= -log(alpha)) {
                                n++;
                                *ticks += tick + 1 - f->bad_from;
                                break;
                        }
                }
        }
        return n;
}

static void looking_after_every_tick_keeps_the_error_budget(void **state)
{
        static const struct {
                const char *name;
                struct traffic f;
                double r0;
        } cases[] = {
                { "independent", { .02, .02, 1, 190, 10, 0 }, 1 },
                { "frequent", { .3, .3, 1, 190, 10, 0 }, 1 },
                { "at the tolerated harm", { .02, .03, 1, 190, 10, 0 }, 1.5 },
                { "in bursts of three", { .02, .02, 3, 190, 10, 0 }, 1 },
                { "in bursts of six", { .02, .02, 6, 190, 10, 0 }, 1 },
        };
        int ticks;
        (void) state;

        dice = 1;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                int n = found(&cases[i].f, cases[i].r0, .05, &ticks);

                print_message("  %s: %d of 400\n", cases[i].name, n);
                assert_true(n <= 37); /* 5 % of 400 is 20, and four standard deviations */
        }
}

static void a_much_worse_candidate_is_found_soon(void **state)
{
        const struct traffic f = { .01, .2, 1, 190, 10, 0 };
        int ticks, n;
        (void) state;

        dice = 2;
        n = found(&f, 1.5, .005, &ticks);
        assert_int_equal(n, 400);
        assert_true(ticks / n < 10);
}

static void a_candidate_that_goes_bad_late_is_found_too(void **state)
{
        const struct traffic f = { .01, .2, 1, 190, 10, 200 };
        int ticks, n;
        (void) state;

        dice = 3;
        n = found(&f, 1, .01, &ticks);
        print_message("  %d of 400, after %d ticks\n", n, ticks / n);
        assert_true(n >= 396);
        assert_true(ticks / n < 25);
}

static void bursts_are_measured_and_incidents_are_not_bursts(void **state)
{
        struct judge_spread same = { 0 }, clustered = { 0 }, incident = { 0 };
        (void) state;

        dice = 4;
        for (int tick = 0; tick < 200; tick++) {
                judge_spread_add(&same, 500, binomial(500, .02));
                judge_spread_add(&clustered, 500, bursts(500, .02, 4));
                judge_spread_add(&incident, 500, binomial(500, tick / 50 % 2 ? .2 : .005));
        }
        assert_true(judge_spread_burst(&same) < 1.3);
        assert_true(judge_spread_burst(&clustered) > 3 && judge_spread_burst(&clustered) < 7);
        assert_true(judge_spread_burst(&incident) < 1.6);
}

static void the_interval_covers_the_ratio_at_every_tick(void **state)
{
        static const double ratios[] = { .5, 1, 2, 5 };
        (void) state;

        dice = 5;
        for (size_t i = 0; i < sizeof ratios / sizeof *ratios; i++) {
                int missed = 0;
                struct judge_interval in = { 0 };

                for (int r = 0; r < 200; r++) {
                        struct judge_effect f = { 0 };
                        bool out = false;

                        for (int tick = 0; tick < 200; tick++) {
                                judge_effect_add(&f, 1, 95, binomial(95, .05), 20, binomial(20, .05 * ratios[i]));
                                judge_effect_interval(&f, .1, &in);
                                out |= ratios[i] < in.low || ratios[i] > in.high;
                        }
                        missed += out;
                }
                print_message("  ratio %g: %d of 200 missed; last one %g to %g\n", ratios[i], missed, in.low, in.high);
                assert_true(missed <= 37); /* 10 % of 200, and four standard deviations */
                assert_true(in.high < 8 * ratios[i]);
        }
}

static void how_much_is_missing_is_about_what_it_takes(void **state)
{
        const int64_t n[2] = { 95000, 5000 }, x[2] = { 950, 50 };
        COMPARE c = { 0 };
        double missing = judge_compare_missing(&c, 2, log(20), .05, n, x), took = 0;
        (void) state;

        dice = 6;
        for (int i = 0; i < 50; i++) {
                COMPARE fresh = { 0 };

                while (judge_compare_sound(&fresh)->peak < log(20)) {
                        judge_compare_add(&fresh, 0, 2, 950, binomial(950, .01), 50, binomial(50, .01));
                        took += 1000 / 50.0;
                }
        }
        print_message("  said %.0f requests, took %.0f\n", missing, took);
        assert_true(took > missing / 2 && took < missing * 3);
        assert_true(isinf(judge_compare_missing(&c, 1, log(20), .05, n, x)));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(values_equal_the_exact_computation),
                cmocka_unit_test(evidence_does_not_grow_by_chance),
                cmocka_unit_test(more_bad_requests_of_the_candidate_are_more_evidence),
                cmocka_unit_test(evidence_that_is_all_staked_does_not_depend_on_the_order),
                cmocka_unit_test(ticks_may_be_split_or_joined),
                cmocka_unit_test(one_tick_adds_at_most_twenty_to_one),
                cmocka_unit_test(a_common_share_that_grows_is_found),
                cmocka_unit_test(odd_counts_keep_the_evidence_a_number),
                cmocka_unit_test(looking_after_every_tick_keeps_the_error_budget),
                cmocka_unit_test(a_much_worse_candidate_is_found_soon),
                cmocka_unit_test(a_candidate_that_goes_bad_late_is_found_too),
                cmocka_unit_test(bursts_are_measured_and_incidents_are_not_bursts),
                cmocka_unit_test(the_interval_covers_the_ratio_at_every_tick),
                cmocka_unit_test(how_much_is_missing_is_about_what_it_takes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
