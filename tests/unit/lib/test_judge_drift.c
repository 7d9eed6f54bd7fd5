/* Bets on classes of predictions: values, classes, error rate, what is found. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/judge_drift.h"
#include "tests/unit/lib/dice.h"

static const struct exact {
        const char *name;
        double rho, slack;
        int n;
        double ticks[2][ARM_COUNT][3];
        double log_e;
} exact[] = {
#include "tests/unit/lib/judge_drift_exact.table"
};

/* Classes "a", "b", ... with these counts. */
static struct judge_table table(const double *counts, int n)
{
        struct judge_table t = { .n = n };

        for (int i = 0; i < n; i++) {
                (void) snprintf(t.rows[i].label, sizeof t.rows[i].label, "%c", 'a' + i);
                t.rows[i].value = counts[i];
        }
        return t;
}

static struct judge_table buckets(const char *const *bounds, const double *cumulative, int n)
{
        struct judge_table t = { .cumulative = true, .n = n };

        for (int i = 0; i < n; i++) {
                (void) snprintf(t.rows[i].label, sizeof t.rows[i].label, "%s", bounds[i]);
                t.rows[i].value = cumulative[i];
        }
        return t;
}

static int look(struct judge_drift *d, double rho, double slack, const struct judge_table *s, const struct judge_table *c)
{
        const struct judge_table *const now[] = { s, c };

        return judge_drift_look(d, rho, slack, now, true);
}

static void values_equal_the_exact_computation(void **state)
{
        (void) state;
        for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
                const struct exact *x = &exact[i];
                struct judge_drift d = { .spread = { 0, JUDGE_DRIFT_WATCH, 0, 0 } };
                double counts[ARM_COUNT][3] = { { 2, 1, 0 }, { 0 } };

                for (int t = 0; t <= x->n; t++) {
                        /* Stable has two classes; what the third one counts is of labels that it never gives. */
                        const struct judge_table s = table(counts[0], 2), c = table(counts[1], 3);

                        assert_int_equal(look(&d, x->rho, x->slack, &s, &c), 0);
                        for (int k = 0; t < x->n && k < 6; k++)
                                counts[k / 3][k % 3] += x->ticks[t][k / 3][k % 3];
                }
                print_message("  %s: %.9g\n", x->name, judge_drift_log_e(&d));
                assert_int_equal(d.ticks, x->n);
                assert_true(fabs(judge_drift_log_e(&d) - x->log_e) <= 2e-6 * fmax(1, fabs(x->log_e))); /* kept in seven digits */
        }
}

static void classes_are_fixed_from_stable(void **state)
{
        static const char *const bounds[] = { "+Inf", "0.5", "0.1" }, *const fewer[] = { "0.1", "+Inf" };
        const struct judge_table s = buckets(bounds, (const double[]){ 100, 90, 40 }, 3);
        const struct judge_table other = buckets(fewer, (const double[]){ 3, 4 }, 2);
        struct judge_drift d = { 0 };
        (void) state;

        assert_int_equal(look(&d, 2, 0, &s, &s), 0);
        assert_int_equal(d.n, 3);
        assert_string_equal(d.label[0], "0.1"); /* in order, whatever the answer's */
        assert_string_equal(d.label[2], "+Inf");
        assert_true(d.last[0][0] == 40 && d.last[0][1] == 50 && d.last[0][2] == 10);
        assert_int_equal(look(&d, 2, 0, &s, &other), -1);
        assert_true(d.lacking == ARM_CANDIDATE && strcmp(d.label[d.lacks - 1], "0.5") == 0);
        assert_int_equal(look(&d, 2, 0, &s, &s), 0);
        assert_int_equal(d.lacks, 0);
}

static void many_classes_become_sixteen(void **state)
{
        struct judge_table t = { .cumulative = true, .n = 40 }, words = { .n = 40 };
        struct judge_drift d = { 0 }, w = { 0 };
        (void) state;

        for (int i = 0; i < 40; i++) {
                (void) snprintf(t.rows[i].label, sizeof t.rows[i].label, "%d", i);
                (void) snprintf(words.rows[i].label, sizeof words.rows[i].label, "c-%d", i);
                t.rows[i].value = i < 20 ? 0 : 10 * (i - 19); /* half of the buckets are empty */
                words.rows[i].value = i;
        }
        assert_int_equal(look(&d, 2, 0, &t, &t), 0);
        assert_int_equal(d.n, JUDGE_CLASSES);
        assert_string_equal(d.label[JUDGE_CLASSES - 1], "39"); /* the last bound stays */
        for (int k = 0; k < d.n; k++)
                assert_true(d.last[0][k] <= 30); /* the empty ones were joined first */
        assert_int_equal(look(&w, 2, 0, &words, &words), 0);
        assert_string_equal(w.label[0], "c-39");
        assert_string_equal(w.label[JUDGE_CLASSES - 1], "");
        assert_true(w.last[1][JUDGE_CLASSES - 1] == 24 * 25 / 2); /* all others */
}

static void nobody_bets_before_the_spread_is_measured(void **state)
{
        double s[3] = { 1, 1, 1 }, c[3] = { 0 };
        struct judge_drift d = { 0 };
        int looks = 0;
        (void) state;

        while (d.ticks == 0 && looks < 20) {
                const struct judge_table stable = table(s, 3), candidate = table(c, 3);

                assert_int_equal(look(&d, 1.5, 0, &stable, &candidate), 0);
                for (int k = 0; k < 3; k++) {
                        s[k] += 100 + k + looks % 3;
                        c[k] += 10;
                }
                looks++;
        }
        assert_int_equal(looks, 7); /* a first one, a first increment, four pairs of two degrees, and the bet */
}

static void nothing_is_compared_before_stable_has_predicted(void **state)
{
        const double none[] = { 0, 0, 0 }, some[] = { 5, 5, 5 };
        const struct judge_table nothing = table(none, 3), now = table(some, 3);
        struct judge_drift d = { 0 };
        struct judge_drift_class worst;
        (void) state;

        assert_int_equal(look(&d, 2, 0, &nothing, &now), 0);
        assert_int_equal(d.n, 0);
        judge_drift_worst(&d, &worst);
        assert_true(*worst.text == '\0' && judge_drift_log_e(&d) == 0);
        assert_int_equal(look(&d, 2, 0, &now, &now), 0);
        assert_int_equal(d.ticks, 0); /* what was there before is not ours */
}

/* Predictions of 5 classes with these shares, `batch` like rows at a time, into counts. */
static void predict(double counts[5], const double share[5], int n, int batch)
{
        for (int i = 0; i < n; i++) {
                double u = uniform();
                int k = 0;

                while (k < 4 && u >= share[k])
                        u -= share[k++];
                counts[k] += batch;
        }
}

static int broken(const double stable[5], const double candidate[5], int batch, double rho, double slack, double alpha, int runs)
{
        int n = 0;

        dice = 11;
        for (int run = 0; run < runs; run++) {
                double counts[ARM_COUNT][5] = { { 1, 1, 1, 1, 1 } };
                struct judge_drift d = { 0 };

                for (int tick = 0; tick < 80; tick++) {
                        const struct judge_table s = table(counts[0], 5), c = table(counts[1], 5);

                        assert_int_equal(look(&d, rho, slack, &s, &c), 0);
                        predict(counts[0], stable, 60, batch);
                        predict(counts[1], candidate, 6, batch);
                }
                n += d.peak >= -log(alpha);
        }
        return n;
}

static const double usual[] = { .6, .25, .1, .04, .01 };

static void looking_often_keeps_the_error_rate(void **state)
{
        static const double at_the_edge[] = { .549, .3, .1, .04, .011 }; /* 1.2 times .25; rarer .6 within it */
        (void) state;

        assert_true(broken(usual, usual, 1, 1.05, 0, .05, 2000) <= 100 + 40); /* 5 % of 2,000, and four standard deviations */
        assert_true(broken(usual, at_the_edge, 1, 1.2, 0, .05, 2000) <= 100 + 40);
        assert_true(broken(usual, usual, 20, 1.05, 0, .05, 2000) <= 100 + 40); /* batches of like rows */
}

/* 16 classes; of the first, 2 in a hundred, twenty come at a time, and the others one by one. How many of so many runs break. */
static int broken_by_one_class(int runs, double alpha)
{
        int n = 0;

        dice = 5;
        for (int run = 0; run < runs; run++) {
                double counts[ARM_COUNT][JUDGE_CLASSES] = { { 0 } };
                struct judge_drift d = { 0 };

                for (int k = 0; k < JUDGE_CLASSES; k++)
                        counts[ARM_STABLE][k] = 1000;
                for (int tick = 0; tick < 120; tick++) {
                        const struct judge_table s = table(counts[0], JUDGE_CLASSES), c = table(counts[1], JUDGE_CLASSES);

                        assert_int_equal(look(&d, 1.1, 0, &s, &c), 0);
                        for (int i = 0; i < 1000; i++) {
                                enum arm a = i % 10 ? ARM_STABLE : ARM_CANDIDATE;
                                bool burst = uniform() < .02 / 20;

                                counts[a][burst ? 0 : 1 + (int) (15 * uniform())] += burst ? 20 : 1;
                        }
                }
                n += d.peak >= -log(alpha);
        }
        return n;
}

static void one_bursty_class_among_many_keeps_it_too(void **state)
{
        (void) state;
        assert_true(broken_by_one_class(200, .05) <= 10 + 12); /* 5 % of 200, and four standard deviations */
}

/* What waits for the candidate's next scrape is bet with bursts as they were before it. */
static void what_is_bet_on_is_not_measured_yet(void **state)
{
        struct judge_drift d = { .spread = { 0, JUDGE_DRIFT_WATCH, 0, 0 } };
        double s[3] = { 100, 100, 100 }, c[3] = { 0 };
        (void) state;

        for (int i = 0; i < 3; i++, s[0] += 500) {
                const struct judge_table stable = table(s, 3), candidate = table(c, 3);

                assert_int_equal(look(&d, 1.5, 0, &stable, &candidate), 0);
        }
        assert_true(d.ticks == 0 && d.of_class[0].last_n == 0);
        for (int k = 0; k < 3; k++)
                c[k] += 10;
        const struct judge_table stable = table(s, 3), candidate = table(c, 3);

        assert_int_equal(look(&d, 1.5, 0, &stable, &candidate), 0);
        assert_true(d.ticks == 1 && d.of_class[0].last_n == 1500);
}

static void the_slack_lets_small_classes_be(void **state)
{
        static const double a_bit[] = { .6, .245, .1, .04, .015 };
        (void) state;

        assert_true(broken(usual, a_bit, 1, 1.05, .01, .05, 500) <= 25 + 20);
}

static void another_distribution_is_found(void **state)
{
        static const double drifted[] = { .3, .25, .3, .1, .05 };
        (void) state;

        assert_true(broken(usual, drifted, 1, 1.5, .005, .005, 300) > 290);
}

static void the_class_with_the_evidence_is_named(void **state)
{
        static const char *const bounds[] = { "0.5", "0.9", "+Inf" };
        static const char *const says[] = { "up to 0.5", "0.5 to 0.9", "above 0.9" };
        (void) state;

        for (int moved = 0; moved < 3; moved++) {
                double s[3] = { 0 }, c[3] = { 0 };
                struct judge_drift d = { 0 };
                struct judge_drift_class worst;

                for (int tick = 0; tick < 20; tick++) {
                        double a[3] = { s[0] + 1, s[0] + s[1] + 2, s[0] + s[1] + s[2] + 3 },
                               b[3] = { c[0], c[0] + c[1], c[0] + c[1] + c[2] };
                        d.spread.weight = JUDGE_DRIFT_WATCH;
                        const struct judge_table stable = buckets(bounds, a, 3), candidate = buckets(bounds, b, 3);

                        assert_int_equal(look(&d, 1.5, .005, &stable, &candidate), 0);
                        for (int k = 0; k < 3; k++) {
                                s[k] += k == moved ? 20 : 290;
                                c[k] += k == moved ? 60 : 45;
                        }
                }
                judge_drift_worst(&d, &worst);
                assert_int_equal(worst.side, JUDGE_ABOVE);
                assert_string_equal(worst.text, says[moved]);
                assert_true(worst.of[ARM_STABLE] == 19 * 600 && worst.in[ARM_CANDIDATE] == 19 * 60);
        }
}

static void the_order_of_classes_does_not_matter(void **state)
{
        const double s[2][3] = { { 1, 1, 1 }, { 501, 301, 201 } }, c[2][3] = { { 0, 0, 0 }, { 20, 30, 50 } };
        struct judge_drift one = { .spread = { 0, JUDGE_DRIFT_WATCH, 0, 0 } }, two = one;
        (void) state;

        for (int i = 0; i < 2; i++) {
                struct judge_table a = table(s[i], 3), b = table(c[i], 3), ra = a, rb = b;

                for (int k = 0; k < 3; k++) {
                        ra.rows[k] = a.rows[2 - k];
                        rb.rows[k] = b.rows[(k + 1) % 3];
                }
                assert_int_equal(look(&one, 1.5, 0, &a, &b), 0);
                assert_int_equal(look(&two, 1.5, 0, &ra, &rb), 0);
        }
        assert_true(fabs(judge_drift_log_e(&one) - judge_drift_log_e(&two)) < 1e-6);
}

static void the_state_of_a_gate_stays_small(void **state)
{
        (void) state;
        assert_true(sizeof(struct judge_drift) <= 1700);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(values_equal_the_exact_computation),
                cmocka_unit_test(classes_are_fixed_from_stable),
                cmocka_unit_test(many_classes_become_sixteen),
                cmocka_unit_test(nobody_bets_before_the_spread_is_measured),
                cmocka_unit_test(nothing_is_compared_before_stable_has_predicted),
                cmocka_unit_test(looking_often_keeps_the_error_rate),
                cmocka_unit_test(one_bursty_class_among_many_keeps_it_too),
                cmocka_unit_test(what_is_bet_on_is_not_measured_yet),
                cmocka_unit_test(the_slack_lets_small_classes_be),
                cmocka_unit_test(another_distribution_is_found),
                cmocka_unit_test(the_class_with_the_evidence_is_named),
                cmocka_unit_test(the_order_of_classes_does_not_matter),
                cmocka_unit_test(the_state_of_a_gate_stays_small),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
