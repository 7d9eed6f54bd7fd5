/* Means: values, error rate for normal and for skewed quantities, what is found. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/judge_mean.h"
#include "tests/unit/lib/dice.h"

static const struct exact {
        const char *name;
        double k, c;
        int n;
        double pairs[6][ARM_COUNT];
        double log_e;
} exact[] = {
#include "tests/unit/lib/judge_mean_exact.table"
};

static const struct judge_mean_limit off = { 0 };

static void values_equal_the_exact_computation(void **state)
{
        (void) state;
        for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
                const struct exact *x = &exact[i];
                struct judge_mean_look now[ARM_COUNT] = { 0 };
                struct judge_mean m = { 0 };
                double side;

                judge_mean_look(&m, &off, &off, now, true);
                for (int p = 0; p < x->n; p++) {
                        for (int a = 0; a < ARM_COUNT; a++) {
                                now[a].sum += x->pairs[p][a];
                                now[a].of += JUDGE_MEAN_LEAST;
                        }
                        judge_mean_look(&m, &off, &off, now, true);
                }
                double log_e = judge_mean_log_e(&m, x->k, x->c, &side);

                print_message("  %s: %.15g\n", x->name, log_e);
                assert_true(fabs(log_e - x->log_e) <= 1e-9);
        }
}

/* A look after which both releases have so many things more, of these means. */
static void add(struct judge_mean *m, struct judge_mean_look now[ARM_COUNT], const struct judge_mean_limit *most,
                const struct judge_mean_limit *least, double of, double stable, double candidate)
{
        now[ARM_STABLE].of += of;
        now[ARM_STABLE].sum += of * stable;
        now[ARM_CANDIDATE].of += of;
        now[ARM_CANDIDATE].sum += of * candidate;
        judge_mean_look(m, most, least, now, true);
}

static void a_pair_needs_enough_things_of_both(void **state)
{
        struct judge_mean_look now[ARM_COUNT] = { { 1000, 500 }, { 0, 0 } };
        struct judge_mean m = { 0 };
        double low, high;
        (void) state;

        judge_mean_look(&m, &off, &off, now, true);
        add(&m, now, &off, &off, 20, 2, 3);
        add(&m, now, &off, &off, 20, 2, 3);
        assert_true(m.n == 0);
        add(&m, now, &off, &off, 20, 2, 3);
        assert_true(m.n == 1 && m.mean[ARM_STABLE] == 2 && m.mean[ARM_CANDIDATE] == 3);
        assert_false(judge_mean_answers(&m));
        judge_mean_change(&m, .05, &low, &high);
        assert_true(isinf(low) && isinf(high));
}

static void what_is_no_sum_is_not_looked_at(void **state)
{
        struct judge_mean m = { 0 };
        (void) state;

        judge_mean_look(&m, &off, &off, (struct judge_mean_look[]){ { NAN, 100 }, { 1, 100 } }, true);
        judge_mean_look(&m, &off, &off, (struct judge_mean_look[]){ { 1, 100 }, { INFINITY, 100 } }, true);
        judge_mean_look(&m, &off, &off, (struct judge_mean_look[]){ { 1, -100 }, { 1, 100 } }, true);
        judge_mean_look(&m, &off, &off, (struct judge_mean_look[]){ { 1, 1e16 }, { 1, 100 } }, true);
        assert_true(m.meter[0].known == 0 && m.meter[1].known == 0);
        judge_mean_look(&m, &off, &off, (struct judge_mean_look[]){ { 5, 100 }, { 5, 100 } }, true);
        judge_mean_look(&m, &off, &off, (struct judge_mean_look[]){ { 3, 10 }, { 50, 200 } }, true); /* a restart of stable */
        judge_mean_look(&m, &off, &off, (struct judge_mean_look[]){ { 13, 60 }, { 60, 300 } }, true);
        assert_true(m.waiting[ARM_STABLE].of == 0 && m.meter[ARM_STABLE].passed_over >= 1);
}

static void equal_sums_prove_nothing_but_rounding(void **state)
{
        const struct judge_mean_limit most = { .on = true };
        struct judge_mean_look now[ARM_COUNT] = { 0 };
        struct judge_mean m = { 0 };
        (void) state;

        for (int i = 0; i < 500; i++)
                add(&m, now, &most, &off, 50 + i % 3, .1, .1 * (1 + 1e-13));
        assert_true(m.peak[0] == 0);
}

/* The sum of n of a quantity with this mean: normal of deviation 1, or log-normal with sigma 1. */
static double sum_of(bool skewed, double mean, int n)
{
        double sum = 0;

        if (!skewed)
                return n * mean + sqrt(n) * normal();
        for (int i = 0; i < n; i++)
                sum += mean * exp(normal() - .5);
        return sum;
}

static int broken(bool skewed, double stable, double candidate, const struct judge_mean_limit *most,
                  const struct judge_mean_limit *least, double alpha, int runs)
{
        int n = 0;

        dice = 3;
        for (int run = 0; run < runs; run++) {
                struct judge_mean_look now[ARM_COUNT] = { 0 };
                struct judge_mean m = { 0 };

                judge_mean_look(&m, most, least, now, true);
                for (int look = 0; look < 60; look++) {
                        double level = look < 30 ? 1 : 1.5; /* what hits both cancels out */

                        now[ARM_STABLE].of += 150;
                        now[ARM_STABLE].sum += sum_of(skewed, level * stable, 150);
                        now[ARM_CANDIDATE].of += 50;
                        now[ARM_CANDIDATE].sum += sum_of(skewed, level * candidate, 50);
                        judge_mean_look(&m, most, least, now, true);
                }
                n += m.peak[0] >= -log(alpha) || m.peak[1] >= -log(alpha);
        }
        return n;
}

static void looking_often_keeps_the_error_rate(void **state)
{
        const struct judge_mean_limit none = { .on = true }, more = { .on = true, .by = .5 }, less = { .on = true, .by = -.5 };
        const struct judge_mean_limit tenth = { .on = true, .relative = true, .by = .1 };
        (void) state;

        /* 5 % of 2,000, and four standard deviations. */
        assert_true(broken(false, 5, 5, &none, &off, .05, 2000) <= 100 + 40);
        assert_true(broken(false, 5, 5, &off, &none, .05, 2000) <= 100 + 40);
        assert_true(broken(false, 2, 2.3, &more, &less, .05, 2000) <= 100 + 40);
        assert_true(broken(false, 5, 5.5, &tenth, &off, .05, 2000) <= 100 + 40);
        assert_true(broken(true, 5, 5, &none, &off, .05, 1000) <= 50 + 28);
        assert_true(broken(true, 5, 5, &off, &none, .05, 1000) <= 50 + 28);
}

static void a_change_is_found_on_its_side(void **state)
{
        const struct judge_mean_limit most = { .on = true, .relative = true, .by = .05 },
                                      least = { .on = true, .relative = true, .by = -.05 };
        (void) state;

        assert_true(broken(false, 5, 6, &most, &off, .005, 300) > 295);
        assert_true(broken(false, 5, 4, &off, &least, .005, 300) > 295);
        assert_int_equal(broken(false, 5, 4, &most, &off, .005, 300), 0);
        assert_true(broken(false, -5, -4, &most, &off, .005, 300) > 295); /* a fifth of what stable has */
        assert_int_equal(broken(false, -5, -6, &most, &off, .005, 300), 0);
}

static void the_interval_covers_the_change(void **state)
{
        int missed = 0;
        (void) state;

        dice = 5;
        for (int run = 0; run < 1000; run++) {
                struct judge_mean_look now[ARM_COUNT] = { 0 };
                struct judge_mean m = { 0 };
                bool out = false;

                judge_mean_look(&m, &off, &off, now, true);
                for (int look = 0; look < 60; look++) {
                        double low, high;

                        add(&m, now, &off, &off, JUDGE_MEAN_LEAST, 3 + normal(), 5 + normal());
                        judge_mean_change(&m, .05, &low, &high);
                        out |= low > 2 || high < 2;
                }
                missed += out;
        }
        assert_true(missed <= 50 + 28);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(values_equal_the_exact_computation), cmocka_unit_test(a_pair_needs_enough_things_of_both),
                cmocka_unit_test(what_is_no_sum_is_not_looked_at),    cmocka_unit_test(equal_sums_prove_nothing_but_rounding),
                cmocka_unit_test(looking_often_keeps_the_error_rate), cmocka_unit_test(a_change_is_found_on_its_side),
                cmocka_unit_test(the_interval_covers_the_change),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
