/* Rank sums and Kayenta's judge against the numbers that Kayenta's own tests publish. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/judge_kayenta.h"
#include "lib/judge_rank.h"
#include "tests/unit/lib/kayenta_problem.h"

enum { VECTOR_MAX = 1000 };

static size_t expand(const struct vector_run *runs, double *out)
{
        size_t n = 0;

        for (; runs && runs->times; runs++)
                for (int i = 0; i < runs->times; i++)
                        out[n++] = runs->value;
        return n;
}

static void intervals_are_those_of_r_and_kayenta(void **state)
{
        static const struct vector_run tens[] = { { 10, 1 }, { 20, 1 }, { 30, 1 }, { 40, 1 }, { 0, 0 } };
        static const struct vector_run ones[] = { { 1, 1 }, { 2, 1 }, { 3, 1 }, { 4, 1 }, { 0, 0 } };
        static const struct {
                const char *name;
                const struct vector_run *x, *y;
                double confidence, low, high, estimate, near;
        } cases[] = {
                { "ten times as much", tens, ones, .98, 6, 39, 22.5, 1e-6 },
                { "many ties", ties_x, ties_y, .95, -.500002521696696, -3.486287505871302e-5, -.4999393907180323, 1e-4 },
                { "more of them", more_ties_x, more_ties_y, .98, -.4999173250549087, -6.912685789769486e-6, -3.45044082729315e-5,
                  1e-4 },
                { "850 that are nearly all alike", problem_x, problem_y, .98, -1.4808028936386108e-5, 1.808255910873413e-5,
                  1.808255910873413e-5, 1e-6 },
                { "mostly zeros", often_not_zero, mostly_zero, .95, 3.521755377702165e-5, 2.02456461662334e-5,
                  2.6279243045155653e-5, 1e-6 },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                double x[VECTOR_MAX], y[VECTOR_MAX];
                size_t m = expand(cases[i].x, x), n = expand(cases[i].y, y);
                struct judge_shift s;

                judge_rank_shift(x, m, y, n, cases[i].confidence, &s);
                print_message("  %s: %g to %g, %g\n", cases[i].name, s.low, s.high, s.estimate);
                assert_true(fabs(s.low - cases[i].low) < 1e-6);
                assert_true(fabs(s.high - cases[i].high) < 1e-6);
                assert_true(fabs(s.estimate - cases[i].estimate) < cases[i].near);
        }
}

static void intermediate_values_are_those_of_r(void **state)
{
        double x[VECTOR_MAX], y[VECTOR_MAX];
        size_t m = expand(often_not_zero, x), n = expand(mostly_zero, y);
        double low = -3.124999999999986, high = 5.555555555555557, z = 1.9599639845400536;
        (void) state;

        assert_true(fabs(judge_normal_quantile(.975) - z) < 1e-9);
        assert_true(fabs(judge_normal_quantile(.01) + 2.326348) < 1e-6);
        assert_true(fabs(judge_rank_w(low, z, x, m, y, n) - 17.090968923762254) < 1e-6);
        assert_true(fabs(judge_rank_w(high, z, x, m, y, n) + 20.997687930433106) < 1e-6);
        assert_true(fabs(judge_rank_w(low, -z, x, m, y, n) - 21.01089689284236) < 1e-6);
        assert_true(fabs(judge_rank_w(high, -z, x, m, y, n) + 17.077759961353) < 1e-6);
}

/* wilcoxonDiff() of MannWhitneySuite, which gives six digits. */
static void the_statistic_is_kayentas(void **state)
{
        double x[VECTOR_MAX], y[VECTOR_MAX];
        size_t m = expand(problem_x, x), n = expand(problem_y, y);
        (void) state;

        assert_true(fabs(judge_rank_w(0, 0, x, m, y, n) + 1.229416) < 1e-6);
        assert_true(fabs(judge_rank_w(5, 0, x, m, y, n) + 35.80606) < 1e-5);
}

/* StatisticSuite. */
static void shares_of_pairs_are_kayentas(void **state)
{
        static const struct {
                const struct vector_run *x, *y;
                double share, near;
        } cases[] = {
                { pairs_high_x, pairs_high_y, .771, .001 },
                { pairs_low_x, pairs_low_y, .12, 1e-12 },
                { pairs_apart_x, pairs_apart_y, 0, 1e-12 },
                { pairs_high_x, pairs_high_x, .5, 1e-12 },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                double x[VECTOR_MAX], y[VECTOR_MAX];
                size_t m = expand(cases[i].x, x), n = expand(cases[i].y, y);

                assert_true(fabs(judge_rank_higher(x, m, y, n) - cases[i].share) < cases[i].near);
        }
}

static void percentiles_are_kayentas(void **state)
{
        static const double eight[] = { 0, .5, 1, 1.5, 2, 2.5, 3, 3.5 };
        static const double ten[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };
        static const double nist[] = { 95.0610, 95.0925, 95.1195, 95.1442, 95.1567, 95.1591,
                                       95.1682, 95.1772, 95.1772, 95.1937, 95.1959, 95.1990 };
        double v[VECTOR_MAX];
        size_t n = expand(percentiles, v);
        const struct {
                const double *sorted;
                size_t n;
                double p, value, near;
        } cases[] = {
                { eight, 8, .05, .175, 1e-4 }, { eight, 8, .5, 1.75, 1e-12 },    { eight, 8, 1, 3.5, 1e-12 },
                { ten, 10, .5, 4.5, 1e-12 },   { nist, 12, .9, 95.19568, 1e-9 }, { ten + 1, 1, 1, 1, 1e-12 },
                { v, n, .25, 0, 1e-12 },       { v, n, .75, .0416, 1e-4 },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                assert_true(fabs(kayenta_quantile(cases[i].sorted, cases[i].n, cases[i].p) - cases[i].value) < cases[i].near);
}

/* TransformSuite and DetectorSuite: what is left of a sample. */
static void outliers_and_nans_are_those_of_kayenta(void **state)
{
        static const double eight[] = { 21, 23, 24, 25, 50, 29, 23, 21 }, two[] = { 1, 1, 1, 5, -1, -1, -1, -5 };
        static const double nans[] = { NAN, 10.1, 20.2, 30.3, NAN, 40.4 }, all[] = { NAN, NAN, NAN };
        double nist[VECTOR_MAX], out[VECTOR_MAX];
        size_t n = expand(iqr_nist, nist);
        const struct kayenta_rule keep = { .outlier_factor = 1.5 };
        const struct kayenta_rule drop = { .outlier_factor = 1.5, .drop_outliers = true };
        const struct kayenta_rule zero = { .outlier_factor = 1.5, .nan_is_zero = true };
        const struct {
                const struct kayenta_rule *rule;
                const double *v;
                size_t n, left;
                double first, last;
        } cases[] = {
                { &drop, eight, 8, 7, 21, 21 },      { &drop, two, 8, 6, 1, -1 },       { &drop, two, 0, 0, 0, 0 },
                { &drop, nist, n, n - 1, 30, 1068 }, { &keep, nans, 6, 4, 10.1, 40.4 }, { &zero, nans, 6, 6, 0, 40.4 },
                { &keep, all, 3, 0, 0, 0 },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                size_t left = kayenta_prepare(cases[i].rule, cases[i].v, cases[i].n, out);

                assert_int_equal(left, cases[i].left);
                if (left)
                        assert_true(out[0] == cases[i].first && out[left - 1] == cases[i].last);
        }
}

#define SMALL(...)                                                                                                               \
        (const struct vector_run[])                                                                                              \
        {                                                                                                                        \
                __VA_ARGS__,                                                                                                     \
                {                                                                                                                \
                        0, 0                                                                                                     \
                }                                                                                                                \
        }

static void metrics_are_classified_as_kayenta_does(void **state)
{
        const struct vector_run *high = SMALL({ 20, 1 }, { 22, 1 }, { 21, 1 }, { 25, 1 }, { 30, 1 });
        const struct vector_run *low = SMALL({ 1, 1 }, { 2.2, 1 }, { 1.1, 1 }, { 2.5, 1 }, { 3, 1 });
        const struct vector_run *five = SMALL({ 1, 1 }, { 2, 1 }, { 3, 1 }, { 4, 1 }, { 5, 1 });
        const struct vector_run *ones = SMALL({ 1, 5 }), *zeros = SMALL({ 0, 5 }), *ten = SMALL({ 10, 5 });
        const struct vector_run *fifty = SMALL({ 54.9, 1 }, { 54.5, 1 }, { 55.1, 1 }, { 55.6, 1 }, { 57.4, 1 });
        const struct kayenta_rule base = { .outlier_factor = 3,
                                           .allowed_increase = 1,
                                           .allowed_decrease = 1,
                                           .critical_increase = 1,
                                           .critical_decrease = 1,
                                           .tolerance = .1,
                                           .confidence = .95 };
#define RULE(...)                                                                                                                \
        ({                                                                                                                       \
                struct kayenta_rule r_ = base;                                                                                   \
                __VA_ARGS__;                                                                                                     \
                r_;                                                                                                              \
        })
        const struct kayenta_rule plain = base, critical = RULE(r_.critical = true);
        const struct kayenta_rule up = RULE(r_.direction = KAYENTA_INCREASE), down = RULE(r_.direction = KAYENTA_DECREASE);
        const struct kayenta_rule twenty = RULE(r_.allowed_decrease = .8, r_.allowed_increase = 1.2);
        const struct kayenta_rule cles =
                RULE(r_.cles = true, r_.tolerance = .2, r_.confidence = .98, r_.allowed_decrease = .2, r_.allowed_increase = .8);
        const struct {
                const char *name;
                struct kayenta_rule rule;
                const struct vector_run *x, *y; /* experiment, control */
                enum kayenta_label label;
                bool critical;
        } cases[] = {
                { "much the same", plain, around_ten, also_around_ten, KAYENTA_PASS, false },
                { "twice as high", plain, around_twenty, also_around_ten, KAYENTA_HIGH, false },
                { "half as high", plain, around_ten, also_around_twenty, KAYENTA_LOW, false },
                { "half, looking for more", up, around_ten, also_around_twenty, KAYENTA_PASS, false },
                { "twice, looking for less", down, around_twenty, also_around_ten, KAYENTA_PASS, false },
                { "twice, looking for more", up, around_twenty, also_around_ten, KAYENTA_HIGH, false },
                { "half, looking for less", down, around_ten, also_around_twenty, KAYENTA_LOW, false },
                { "mostly zeros", plain, often_not_zero, mostly_zero, KAYENTA_HIGH, false },
                { "mostly zeros, less than five times", RULE(r_.allowed_increase = 5), often_not_zero, mostly_zero, KAYENTA_PASS,
                  false },
                { "more than a fifth above", twenty, high, low, KAYENTA_HIGH, false },
                { "pairs: as often as allowed", RULE(r_ = cles, r_.allowed_decrease = .5), cles_pass_x, cles_pass_y, KAYENTA_PASS,
                  false },
                { "pairs: nearly always higher", cles, cles_high_x, cles_high_y, KAYENTA_HIGH, false },
                { "pairs: nearly always lower", cles, cles_low_x, cles_low_y, KAYENTA_LOW, false },
                { "critical and high", RULE(r_ = critical, r_.critical_increase = 1.2), high, low, KAYENTA_HIGH, true },
                { "critical and low", RULE(r_ = critical, r_.critical_decrease = 1, r_.critical_increase = 1.2),
                  SMALL({ 2, 4 }, { 3, 1 }), SMALL({ 10, 1 }, { 20.2, 1 }, { 10.1, 1 }, { 20.5, 1 }, { 30, 1 }), KAYENTA_LOW,
                  true },
                { "high, but not critically", RULE(r_ = critical, r_.allowed_increase = 5, r_.critical_increase = 13), high, low,
                  KAYENTA_HIGH, false },
                { "within what is allowed", RULE(r_ = critical, r_.allowed_increase = 13, r_.critical_increase = 15), high, low,
                  KAYENTA_PASS, false },
                { "all tied", down, SMALL({ 1, 3 }), SMALL({ 1, 2 }), KAYENTA_PASS, false },
                { "identical", down, five, five, KAYENTA_PASS, false },
                { "one zero among ones", down, SMALL({ 0, 1 }, { 1, 4 }), ones, KAYENTA_PASS, false },
                { "one ten among ones", plain, SMALL({ 1, 4 }, { 10, 1 }), ones, KAYENTA_PASS, false },
                { "no data", down, NULL, five, KAYENTA_NODATA, false },
                { "no critical data", RULE(r_ = critical, r_.direction = KAYENTA_DECREASE), NULL, five, KAYENTA_NODATA, true },
                { "no data where there must be", RULE(r_.must_have_data = true), NULL, five, KAYENTA_NODATA_FAIL, false },
                { "no data where that is zero", RULE(r_.nan_is_zero = true), NULL, five, KAYENTA_PASS, false },
                { "tens against ones", plain, ten, ones, KAYENTA_HIGH, false },
                { "tens against zeros", plain, ten, zeros, KAYENTA_HIGH, false },
                { "a mean of zero, high", twenty, fifty, zeros, KAYENTA_HIGH, false },
                { "a mean of zero, low", twenty, zeros, fifty, KAYENTA_LOW, false },
                { "a mean of zero, critical",
                  RULE(r_ = critical, r_.critical_decrease = .8, r_.critical_increase = 1.2, r_.nan_is_zero = true),
                  SMALL({ 0.05000000074505806, 3 }, { 0.01666666753590107, 3 }, { 0.03333333507180214, 1 },
                        { 0.05000000260770321, 2 }, { 0.13333333656191826, 1 }),
                  SMALL({ 0, 10 }), KAYENTA_HIGH, true },
                { "nothing but zeros", twenty, zeros, zeros, KAYENTA_PASS, false },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                double x[VECTOR_MAX], y[VECTOR_MAX];
                size_t m = expand(cases[i].x, x), n = expand(cases[i].y, y);
                struct kayenta_result r;

                kayenta_classify(&cases[i].rule, y, n, x, m, &r);
                print_message("  %s\n", cases[i].name);
                assert_int_equal(r.label, cases[i].label);
                assert_int_equal(r.critical, cases[i].critical);
        }
}

static void odd_values_are_dropped_or_replaced(void **state)
{
        const double nans[] = { NAN, 10, NAN, 11, 12, 13, 14, 1000 }, ones[] = { 10, 11, 12, 13, 14 };
        struct kayenta_rule r;
        struct kayenta_result out;
        (void) state;

        kayenta_defaults(&r);
        r.drop_outliers = true;
        kayenta_classify(&r, ones, 5, nans, 8, &out);
        assert_int_equal(out.label, KAYENTA_PASS);
        r.drop_outliers = false;
        kayenta_classify(&r, ones, 5, nans, 2, &out); /* one value is left */
        assert_int_equal(out.label, KAYENTA_PASS);
        kayenta_classify(&r, ones, 5, nans, 1, &out);
        assert_int_equal(out.label, KAYENTA_NODATA);
}

static void scores_are_kayentas(void **state)
{
        static const struct {
                const char *name;
                struct kayenta_metric metrics[4];
                size_t n;
                double weights[2];
                int n_groups;
                double score;
        } cases[] = {
                { "one passes", { { KAYENTA_PASS, false, -1 } }, 1, { 0 }, 0, 100 },
                { "one fails", { { KAYENTA_HIGH, false, -1 } }, 1, { 0 }, 0, 0 },
                { "no data at all", { { KAYENTA_NODATA, false, -1 } }, 1, { 0 }, 0, 0 },
                { "two groups, one without data",
                  { { KAYENTA_PASS, false, -1 }, { KAYENTA_PASS, false, -1 }, { KAYENTA_NODATA, false, -2 } },
                  3,
                  { 0 },
                  0,
                  100 },
                { "half", { { KAYENTA_PASS, false, -1 }, { KAYENTA_HIGH, false, -1 } }, 2, { 0 }, 0, 50 },
                { "a third",
                  { { KAYENTA_PASS, false, -1 }, { KAYENTA_HIGH, false, -1 }, { KAYENTA_LOW, false, -1 } },
                  3,
                  { 0 },
                  0,
                  33.33 },
                { "weights",
                  { { KAYENTA_PASS, false, 0 }, { KAYENTA_PASS, false, 0 }, { KAYENTA_HIGH, false, 1 } },
                  3,
                  { 75, 25 },
                  2,
                  75 },
                { "equal weights",
                  { { KAYENTA_PASS, false, 0 }, { KAYENTA_HIGH, false, 0 }, { KAYENTA_HIGH, false, 1 } },
                  3,
                  { 50, 50 },
                  2,
                  25 },
                { "equal weights, one without data",
                  { { KAYENTA_PASS, false, 0 }, { KAYENTA_NODATA, false, 0 }, { KAYENTA_HIGH, false, 1 } },
                  3,
                  { 50, 50 },
                  2,
                  50 },
                { "a critical failure", { { KAYENTA_PASS, false, -1 }, { KAYENTA_HIGH, true, -1 } }, 2, { 0 }, 0, 0 },
                { "a critical pass", { { KAYENTA_LOW, false, -1 }, { KAYENTA_PASS, true, -1 } }, 2, { 0 }, 0, 50 },
                { "no critical data", { { KAYENTA_PASS, false, -1 }, { KAYENTA_NODATA, true, -1 } }, 2, { 0 }, 0, 0 },
                { "unequal weights",
                  { { KAYENTA_HIGH, false, 0 },
                    { KAYENTA_LOW, false, 0 },
                    { KAYENTA_PASS, false, 0 },
                    { KAYENTA_HIGH, false, 1 } },
                  4,
                  { 15, 85 },
                  2,
                  5 },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                print_message("  %s\n", cases[i].name);
                assert_true(kayenta_score(cases[i].metrics, cases[i].n, cases[i].weights, cases[i].n_groups) == cases[i].score);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(intervals_are_those_of_r_and_kayenta),
                cmocka_unit_test(intermediate_values_are_those_of_r),
                cmocka_unit_test(the_statistic_is_kayentas),
                cmocka_unit_test(shares_of_pairs_are_kayentas),
                cmocka_unit_test(percentiles_are_kayentas),
                cmocka_unit_test(outliers_and_nans_are_those_of_kayenta),
                cmocka_unit_test(metrics_are_classified_as_kayenta_does),
                cmocka_unit_test(odd_values_are_dropped_or_replaced),
                cmocka_unit_test(scores_are_kayentas),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
