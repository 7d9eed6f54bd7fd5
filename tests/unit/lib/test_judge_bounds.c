/* Latency against stable's own quantiles: which bounds are chosen and when, what is found, and what holds. */
#include "tests/unit/lib/unit.h"

#include <math.h>

#include "lib/judge.h"
#include "lib/judge_explain.h"

#define JUDGE __attribute__((cleanup(judge_done))) struct judge

static struct policy policy(void)
{
        struct policy p;

        policy_defaults(&p);
        strcpy(p.name, "test");
        p.steps[0] = (struct policy_step){ .weight_bp = 500, .hold_ms = 60000 };
        p.steps[1] = (struct policy_step){ .weight_bp = 10000, .hold_ms = 60000 };
        p.n_steps = 2;
        p.latency = (struct policy_share){
                .on = true, .max_ratio = 1.5, .objective_ms = 100, .quantiles = { .5, .9, .99 }, .n_quantiles = 3
        };
        return p;
}

/* 1000 requests: 40 % within 5 ms, 60 % within 10, 95 % within 25, 99.5 % within 50, all within 100. */
static const struct latency_histogram usual = {
        .n = 5, .us = { 5000, 10000, 25000, 50000, 100000 }, .within = { 400, 600, 950, 995, 1000 }, .all = 1000
};

static void the_bound_nearest_above_each_quantile_is_chosen(void **state)
{
        struct policy p = policy();
        JUDGE j = { 0 };
        (void) state;

        assert_true(judge_bounds_wanted(&j.bounds, &p.latency));
        assert_int_equal(judge_bounds_choose(&j.bounds, &p.latency, &usual, true), 3);
        assert_false(judge_bounds_wanted(&j.bounds, &p.latency));
        assert_int_equal(j.bounds.list[0].us, 10000);
        assert_int_equal(j.bounds.list[1].us, 25000);
        assert_int_equal(j.bounds.list[2].us, 50000);
        assert_true(fabs(j.bounds.list[0].usual - .4) < 1e-6);
        assert_int_equal(judge_comparisons(&j, &p), 4); /* and the objective */
}

static void what_is_chosen_is_frozen(void **state)
{
        struct latency_histogram slower = usual;
        struct policy p = policy();
        JUDGE j = { 0 };
        (void) state;

        (void) judge_bounds_choose(&j.bounds, &p.latency, &usual, true);
        for (int i = 0; i < slower.n; i++)
                slower.us[i] *= 3;
        assert_int_equal(judge_bounds_choose(&j.bounds, &p.latency, &slower, false), 0);
        assert_int_equal(j.bounds.list[0].us, 10000);
        judge_watch_again(&j); /* only before the candidate has traffic */
        assert_int_equal(judge_bounds_choose(&j.bounds, &p.latency, &slower, true), 3);
        assert_int_equal(j.bounds.list[0].us, 30000);
}

static void bounds_that_are_the_same_are_one_comparison(void **state)
{
        static const struct {
                const char *name;
                struct latency_histogram h;
                int n, comparisons;
                uint32_t at_objective;
        } cases[] = {
                { "p50 and p90 alike", { 3, { 5000, 10000, 50000 }, { 10, 950, 1000 }, 1000 }, 2, 3, 0 },
                { "all three alike", { 2, { 5000, 10000 }, { 999, 1000 }, 1000 }, 1, 2, 0 },
                { "p99 at the objective", { 3, { 5000, 10000, 100000 }, { 600, 900, 1000 }, 1000 }, 2, 3, 4 },
                { "all at the objective", { 2, { 5000, 100000 }, { 10, 1000 }, 1000 }, 0, 1, 7 },
                { "slower than every bound", { 2, { 5000, 10000 }, { 1, 2 }, 1000 }, 1, 2, 0 },
        };
        struct policy p = policy();
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                JUDGE early = { 0 }, late = { 0 };

                print_message("  %s\n", cases[i].name);
                assert_int_equal(judge_bounds_choose(&early.bounds, &p.latency, &cases[i].h, true), cases[i].n);
                assert_int_equal(judge_comparisons(&early, &p), cases[i].comparisons);
                assert_int_equal(early.bounds.at_objective, cases[i].at_objective);
                /* When something has been compared already its part of false_rollback is not made larger. */
                assert_int_equal(judge_bounds_choose(&late.bounds, &p.latency, &cases[i].h, false), cases[i].n);
                assert_int_equal(judge_comparisons(&late, &p), 4);
        }
}

static void a_quantile_needs_requests_above_it(void **state)
{
        struct latency_histogram few = { 2, { 5000, 10000 }, { 30, 45 }, 49 };
        struct policy p = policy();
        struct verdict v = { 0 };
        JUDGE j = { 0 };
        (void) state;

        assert_int_equal(judge_bounds_choose(&j.bounds, &p.latency, &few, true), 1); /* p50 alone */
        assert_true(judge_bounds_open(&j.bounds, &p.latency, &v));
        assert_string_equal(v.gate, "latency-p90");
        assert_string_equal(v.reason, "stable's p90 is not known yet: of the 50 requests that it takes 49 have been watched");
        few.all = few.within[1] = 50;
        assert_int_equal(judge_bounds_choose(&j.bounds, &p.latency, &few, false), 1);
        assert_true(judge_bounds_open(&j.bounds, &p.latency, &v));
        assert_string_equal(v.gate, "latency-p99");
        assert_int_equal(judge_bounds_choose(&j.bounds, &p.latency, &usual, false), 1);
        assert_false(judge_bounds_open(&j.bounds, &p.latency, &v));
        assert_int_equal(j.bounds.list[0].us, 5000);
        assert_int_equal(j.bounds.list[2].us, 50000);
}

static void nothing_watched_chooses_nothing(void **state)
{
        const struct latency_histogram nothing = { 0 }, no_bounds = { .all = 100000 };
        struct policy p = policy();
        JUDGE j = { 0 };
        (void) state;

        assert_int_equal(judge_bounds_choose(&j.bounds, &p.latency, &nothing, true), 0);
        assert_int_equal(judge_bounds_choose(&j.bounds, &p.latency, &no_bounds, true), 0);
        assert_true(judge_bounds_wanted(&j.bounds, &p.latency));
}

/* --- a rollout --- */

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

/* A tick in which each arm is above the three bounds with these shares, and nobody above the objective. */
static void tick(struct judge *j, const struct policy *p, const double stable[3], const double candidate[3], int64_t at_ms)
{
        struct reading r = { .all = { { 950, 0, 950, 0 }, { 50, 0, 50, 0 } }, .fresh = { { 950, 0, 950, 0 }, { 50, 0, 50, 0 } } };

        for (int i = 0; i < 3; i++) {
                r.bounds[ARM_STABLE][i] = (struct tail){ 950, binomial(950, stable[i]) };
                r.bounds[ARM_CANDIDATE][i] = (struct tail){ 50, binomial(50, candidate[i]) };
        }
        judge_add(j, p, &r, at_ms);
}

static const double shares[3] = { .4, .05, .005 };

/* Looked at after each of many ticks; returns how many until there is a breach, 0 if none. */
static int ticks_until_breach(const double candidate[3], int most, struct verdict *v)
{
        struct policy p = policy();
        JUDGE j = { 0 };

        (void) judge_bounds_choose(&j.bounds, &p.latency, &usual, true);
        for (int i = 1; i <= most; i++) {
                tick(&j, &p, shares, candidate, 5000LL * i);
                judge_decide(&j, &p, QUALITY_GOOD, "", NULL, v);
                if (v->state == VERDICT_BREACH)
                        return i;
        }
        return 0;
}

static void a_candidate_whose_median_doubles_within_the_objective_is_found(void **state)
{
        static const struct {
                const char *name;
                double candidate[3];
                const char *gate;
                int most;
        } cases[] = {
                { "everything twice as slow", { .85, .35, .08 }, "latency-p50", 6 },
                { "the median alone", { .85, .05, .005 }, "latency-p50", 8 },
                { "one in five takes long", { .45, .2, .005 }, "latency-p90", 25 },
                { "the slowest alone", { .4, .05, .05 }, "latency-p99", 60 },
        };
        (void) state;

        dice = 3;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct verdict v = { 0 };
                int ticks = ticks_until_breach(cases[i].candidate, 200, &v);

                print_message("  %s: %d ticks: %s\n", cases[i].name, ticks, v.reason);
                assert_true(ticks > 1 && ticks <= cases[i].most);
                assert_string_equal(v.gate, cases[i].gate);
                assert_contains(v.reason, "to 1 is enough"); /* the sentence is whole */
        }
}

static void a_candidate_within_the_tolerance_is_left_alone(void **state)
{
        static const double candidates[][3] = { { .4, .05, .005 }, { .48, .07, .007 }, { .3, .04, .003 } };
        int back = 0;
        (void) state;

        dice = 5;
        for (size_t i = 0; i < LENGTH(candidates); i++)
                for (int run = 0; run < 60; run++) {
                        struct verdict v = { 0 };

                        back += ticks_until_breach(candidates[i], 60, &v) > 0;
                }
        print_message("  %d of 180 rolled back\n", back);
        assert_true(back <= 4); /* at most 1 % each: 1.8 expected at worst */
}

/* Both are slower every other minute, but the candidate is scraped half a tick later: at each edge the arms seem to differ. */
static void a_shared_swing_that_is_scraped_at_different_moments_blames_nobody(void **state)
{
        static const double levels[2] = { .3, .6 };
        struct policy p = policy();
        int back = 0;
        (void) state;

        dice = 9;
        for (int run = 0; run < 40; run++) {
                JUDGE j = { 0 };
                struct verdict v = { 0 };

                (void) judge_bounds_choose(&j.bounds, &p.latency, &usual, true);
                for (int i = 1; i <= 240 && v.state != VERDICT_BREACH; i++) {
                        double now = levels[i / 12 % 2], before = levels[(i - 1) / 12 % 2];
                        struct reading r = { 0 };

                        r.bounds[ARM_STABLE][0] = (struct tail){ 1900, binomial(1900, now) };
                        r.bounds[ARM_CANDIDATE][0] = (struct tail){ 100, binomial(100, (now + before) / 2) };
                        judge_add(&j, &p, &r, 5000LL * i);
                        judge_decide(&j, &p, QUALITY_GOOD, "", NULL, &v);
                }
                back += v.state == VERDICT_BREACH;
        }
        print_message("  %d of 40 rolled back\n", back);
        assert_true(back <= 1);
}

static void an_unknown_quantile_holds_where_there_is_something_to_compare(void **state)
{
        const struct latency_histogram few = { 2, { 5000, 10000 }, { 30, 45 }, 60 };
        struct policy p = policy();
        struct verdict v;
        JUDGE j = { 0 };
        (void) state;

        (void) judge_bounds_choose(&j.bounds, &p.latency, &few, true);
        for (int i = 1; i <= 4; i++)
                tick(&j, &p, shares, shares, 5000LL * i);
        judge_decide(&j, &p, QUALITY_GOOD, "", NULL, &v);
        assert_int_equal(v.state, VERDICT_NO_EVIDENCE);
        assert_string_equal(v.gate, "latency-p99");

        assert_int_equal(judge_bounds_choose(&j.bounds, &p.latency, &usual, false), 1);
        judge_decide(&j, &p, QUALITY_GOOD, "", NULL, &v);
        assert_int_equal(v.state, VERDICT_HEALTHY);
        assert_int_equal(j.bounds.list[2].total[ARM_STABLE].of, 0); /* what came before the choice is no evidence */
}

static void under_all_traffic_nothing_waits_for_a_quantile(void **state)
{
        struct reading alone = { .all = { { 0 }, { 500, 0, 500, 0 } }, .fresh = { { 0 }, { 500, 0, 500, 0 } } };
        struct policy p = policy();
        struct verdict v;
        JUDGE j = { 0 };
        (void) state;

        judge_add(&j, &p, &alone, 5000);
        judge_decide(&j, &p, QUALITY_GOOD, "", NULL, &v);
        assert_int_equal(v.state, VERDICT_HEALTHY);
}

static void arms_scraped_in_turn_are_compared_all_the_same(void **state)
{
        struct policy p = policy();
        JUDGE j = { 0 };
        (void) state;

        (void) judge_bounds_choose(&j.bounds, &p.latency, &usual, true);
        for (int i = 0; i < 4; i++) {
                enum arm a = i % 2 ? ARM_CANDIDATE : ARM_STABLE;
                struct reading r = { 0 };

                r.bounds[a][0] = (struct tail){ 100, 40 };
                judge_add(&j, &p, &r, 1000LL * (i + 1));
        }
        assert_int_equal(j.bounds.list[0].worse.ticks, 2);
        assert_int_equal(j.bounds.list[0].total[ARM_CANDIDATE].above, 80);
        assert_int_equal(j.bounds.list[1].worse.ticks, 0);
}

static void bounds_are_explained(void **state)
{
        struct latency_histogram at_objective = usual;
        struct judge_view w[JUDGE_VIEWS_MAX];
        struct policy p = policy();
        JUDGE j = { 0 };
        (void) state;

        assert_int_equal(judge_explain(&j, &p, NULL, w), 2); /* the objective, and what is awaited */
        assert_string_equal(w[1].gate, "latency-p50");
        assert_int_equal(w[1].state, VERDICT_NO_EVIDENCE);
        assert_contains(w[1].says, "not known yet");

        at_objective.us[3] = 100000;
        at_objective.us[4] = 200000;
        (void) judge_bounds_choose(&j.bounds, &p.latency, &at_objective, true);
        tick(&j, &p, shares, shares, 5000);
        assert_int_equal(judge_explain(&j, &p, NULL, w), 3);
        assert_string_equal(w[0].gate, "latency");
        assert_string_equal(w[0].quantiles.text, "p99");
        assert_string_equal(w[1].gate, "latency-p50");
        assert_true(w[1].bound_ms == 10 && fabs(w[1].share_ratio - 1.25) < 1e-6 && w[1].limit == 1.5);
        assert_true(fabs(w[1].false_rollback - .01 / 3) < 1e-12);
        assert_int_equal(w[1].of[ARM_CANDIDATE], 50);
        assert_string_equal(w[2].quantiles.text, "p90");
}

static void huge_and_empty_counts_keep_the_evidence_a_number(void **state)
{
        static const struct tail odd[][2] = { { { 0, 0 }, { 0, 0 } },
                                              { { 1000000000000000, 1000000000000000 }, { 1000000000000000, 0 } },
                                              { { 1, 0 }, { 1000000000000000, 1000000000000000 } },
                                              { { 10, 10 }, { 10, 10 } } };
        struct policy p = policy();
        JUDGE j = { 0 };
        (void) state;

        (void) judge_bounds_choose(&j.bounds, &p.latency, &usual, true);
        for (size_t i = 0; i < LENGTH(odd); i++) {
                struct reading r = { 0 };

                r.bounds[ARM_STABLE][0] = odd[i][0];
                r.bounds[ARM_CANDIDATE][0] = odd[i][1];
                judge_add(&j, &p, &r, 5000LL * (int64_t) (i + 1));
                assert_true(isfinite(judge_ratio_log_e(&j.bounds.list[0].worse)));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_bound_nearest_above_each_quantile_is_chosen),
                cmocka_unit_test(what_is_chosen_is_frozen),
                cmocka_unit_test(bounds_that_are_the_same_are_one_comparison),
                cmocka_unit_test(a_quantile_needs_requests_above_it),
                cmocka_unit_test(nothing_watched_chooses_nothing),
                cmocka_unit_test(a_candidate_whose_median_doubles_within_the_objective_is_found),
                cmocka_unit_test(a_candidate_within_the_tolerance_is_left_alone),
                cmocka_unit_test(a_shared_swing_that_is_scraped_at_different_moments_blames_nobody),
                cmocka_unit_test(an_unknown_quantile_holds_where_there_is_something_to_compare),
                cmocka_unit_test(under_all_traffic_nothing_waits_for_a_quantile),
                cmocka_unit_test(arms_scraped_in_turn_are_compared_all_the_same),
                cmocka_unit_test(bounds_are_explained),
                cmocka_unit_test(huge_and_empty_counts_keep_the_evidence_a_number),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
