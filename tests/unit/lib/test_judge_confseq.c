/*
 * Confidence sequences and what they are made of, against judge_confseq_exact.py: with 50 digits from the formulas, and through it against
 * the values that confseq publishes, where there is a counterpart.
 */
#include "tests/unit/lib/unit.h"

#include <math.h>

#include "lib/judge_effect.h"
#include "lib/judge_mean.h"
#include "lib/judge_ratio.h"
#include "lib/judge_spread.h"

/* The table's rows, each kind for itself. */
#define MEAN(...)
#define LIMIT(...)
#define EFFECT(...)
#define SPREAD(...)
#define WILSON(...)

#undef MEAN
#define MEAN(name, n, by, relative, log_e, below, above, ...) { name, n, by, relative, log_e, below, above, { __VA_ARGS__ } },
static const struct mean_case {
        const char *name;
        int n;
        double by;
        bool relative;
        double log_e, below, above; /* of the interval's ends from the change seen */
        double pairs[16][2];
} means[] = {
#include "tests/unit/lib/judge_confseq_exact.table"
};
#undef MEAN
#define MEAN(...)

#undef LIMIT
#define LIMIT(n, share, log_e, half) { n, share, log_e, half },
static const struct {
        double n, share, log_e, half;
} limits[] = {
#include "tests/unit/lib/judge_confseq_exact.table"
};
#undef LIMIT
#define LIMIT(...)

#undef EFFECT
#define EFFECT(name, dispersion, n, low, best, high, ...) { name, dispersion, n, low, best, high, { __VA_ARGS__ } },
static const struct {
        const char *name;
        double dispersion;
        int n;
        double low, best, high;
        int64_t ticks[4][4]; /* n_A, x_A, n_B, x_B */
} effects[] = {
#include "tests/unit/lib/judge_confseq_exact.table"
};
#undef EFFECT
#define EFFECT(...)

#undef SPREAD
#define SPREAD(name, n, dispersion, ...) { name, n, dispersion, { __VA_ARGS__ } },
static const struct {
        const char *name;
        int n;
        double dispersion;
        int64_t ticks[8][2];
} spreads[] = {
#include "tests/unit/lib/judge_confseq_exact.table"
};
#undef SPREAD
#define SPREAD(...)

#undef WILSON
#define WILSON(x, n, z, low) { x, n, z, low },
static const struct {
        int64_t x, n;
        double z, low;
} wilsons[] = {
#include "tests/unit/lib/judge_confseq_exact.table"
};

static bool close_to(double v, double exact, double near)
{
        return v == exact || fabs(v - exact) <= near * fmax(1, fabs(exact));
}

/* The pairs as counters of two releases, a pair a look. */
static struct judge_mean counted(const struct mean_case *c)
{
        const struct judge_mean_limit limit = { .by = c->by, .on = true, .relative = c->relative };
        struct judge_mean_look now[ARM_COUNT] = { 0 };
        struct judge_mean m = { 0 };

        judge_mean_look(&m, &limit, &limit, now, true);
        for (int i = 0; i < c->n; i++) {
                for (int a = 0; a < ARM_COUNT; a++) {
                        now[a].of += JUDGE_MEAN_LEAST;
                        now[a].sum += JUDGE_MEAN_LEAST * c->pairs[i][a];
                }
                judge_mean_look(&m, &limit, &limit, now, true);
        }
        return m;
}

static void means_are_the_exact_ones(void **state)
{
        (void) state;
        for (size_t i = 0; i < LENGTH(means); i++) {
                const struct mean_case *c = &means[i];
                struct judge_mean m = counted(c);
                double side, low, high, seen = m.mean[ARM_CANDIDATE] - m.mean[ARM_STABLE];
                double log_e = judge_mean_log_e(&m, c->relative ? 1 + c->by : 1, c->relative ? 0 : c->by, &side);

                judge_mean_change(&m, .05, &low, &high);
                print_message("  %s: %.15g, %g to %g\n", c->name, log_e, low, high);
                assert_int_equal((int) m.n, c->n);
                assert_true(close_to(log_e, c->log_e, 1e-10));
                assert_true(close_to(seen - low, c->below, 1e-10) && close_to(high - seen, c->above, 1e-10));
        }
}

static void for_many_pairs_it_is_the_normal_mixture(void **state)
{
        (void) state;
        for (size_t i = 0; i < LENGTH(limits); i++) {
                double n = limits[i].n, side, low, high;
                const struct judge_mean m = { .n = n, .mean = { 0, limits[i].share / sqrt(n) }, .m2 = { 0, n } };

                assert_true(close_to(judge_mean_log_e(&m, 1, 0, &side), limits[i].log_e, 1e-4));
                judge_mean_change(&m, .05, &low, &high);
                assert_true(fabs((high - low) / 2 / limits[i].half - 1) < 1e-4);
        }
}

static void effects_are_the_exact_ones(void **state)
{
        (void) state;
        for (size_t i = 0; i < LENGTH(effects); i++) {
                struct judge_effect f = { 0 };
                struct judge_interval in;

                for (int k = 0; k < effects[i].n; k++) {
                        const int64_t *t = effects[i].ticks[k];

                        judge_effect_add(&f, effects[i].dispersion, t[0], t[1], t[2], t[3]);
                }
                judge_effect_interval(&f, .05, &in);
                print_message("  %s: %g, %g to %g\n", effects[i].name, in.best, in.low, in.high);
                assert_true(in.low == effects[i].low && in.best == effects[i].best && in.high == effects[i].high);
        }
}

static void clustering_is_the_exact_one(void **state)
{
        (void) state;
        for (size_t i = 0; i < LENGTH(spreads); i++) {
                struct judge_spread s = { 0 };

                for (int k = 0; k < spreads[i].n; k++)
                        judge_spread_add(&s, spreads[i].ticks[k][0], spreads[i].ticks[k][1]);
                print_message("  %s: %.9g\n", spreads[i].name, judge_spread_dispersion(&s));
                assert_true(close_to(judge_spread_dispersion(&s), spreads[i].dispersion, 1e-6)); /* kept in floats */
        }
}

static void wilsons_bound_solves_its_quadratic(void **state)
{
        (void) state;
        for (size_t i = 0; i < LENGTH(wilsons); i++)
                assert_true(close_to(judge_wilson_low(wilsons[i].x, wilsons[i].n, wilsons[i].z), wilsons[i].low, 1e-12));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(means_are_the_exact_ones),           cmocka_unit_test(for_many_pairs_it_is_the_normal_mixture),
                cmocka_unit_test(effects_are_the_exact_ones),         cmocka_unit_test(clustering_is_the_exact_one),
                cmocka_unit_test(wilsons_bound_solves_its_quadratic),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
