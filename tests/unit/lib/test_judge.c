/* Verdicts: what each gate says, that missing data is never good or bad, and the error budget by simulation. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/judge.h"
#include "lib/judge_explain.h"

#define JUDGE __attribute__((cleanup(judge_done))) struct judge

static struct policy policy(void)
{
        struct policy p;

        policy_defaults(&p);
        strcpy(p.name, "test");
        p.steps[0] = (struct policy_step){ .weight_bp = 10000, .hold_ms = 0 };
        p.n_steps = 1;
        p.error_rate = (struct policy_share){ .on = true, .max_ratio = 1.5, .limit = .05 };
        p.latency = (struct policy_share){ .on = true, .max_ratio = 1.5, .limit = .2, .objective_ms = 50 };
        return p;
}

static struct verdict judge(const struct counts stable, const struct counts candidate, enum quality quality)
{
        struct policy p = policy();
        JUDGE j = { 0 };
        struct reading r = { .all = { stable, candidate }, .fresh = { stable, candidate } };
        struct verdict v;

        judge_add(&j, &p, &r, 1000);
        judge_decide(&j, &p, quality, "the reason", NULL, &v);
        return v;
}

static void counts_and_quality_give_a_verdict(void **state)
{
        static const struct {
                const char *name;
                struct counts stable, candidate;
                enum quality quality;
                enum verdict_state verdict;
                const char *gate;
        } cases[] = {
                { "equal and enough is healthy", { 2000, 4, 2000, 10 }, { 200, 0, 200, 1 }, QUALITY_GOOD, VERDICT_HEALTHY, "" },
                { "too few requests prove nothing",
                  { 2000, 0, 2000, 0 },
                  { 99, 0, 99, 0 },
                  QUALITY_GOOD,
                  VERDICT_NO_EVIDENCE,
                  "requests" },
                { "no requests prove nothing", { 0 }, { 0 }, QUALITY_GOOD, VERDICT_NO_EVIDENCE, "requests" },
                { "all failing breaks the limit",
                  { 2000, 4, 0, 0 },
                  { 20, 20, 0, 0 },
                  QUALITY_GOOD,
                  VERDICT_BREACH,
                  "error-limit" },
                { "four failures are no breach",
                  { 2000, 4, 0, 0 },
                  { 4, 4, 0, 0 },
                  QUALITY_GOOD,
                  VERDICT_NO_EVIDENCE,
                  "requests" },
                { "a breach stands with instances missing",
                  { 2000, 4, 0, 0 },
                  { 20, 20, 0, 0 },
                  QUALITY_MISSING,
                  VERDICT_BREACH,
                  "error-limit" },
                { "health does not", { 2000, 4, 2000, 0 }, { 200, 0, 200, 0 }, QUALITY_MISSING, VERDICT_NO_EVIDENCE, "missing" },
                { "stale is no evidence", { 2000, 4, 2000, 0 }, { 200, 0, 200, 0 }, QUALITY_STALE, VERDICT_NO_EVIDENCE, "stale" },
                { "unreachable is no evidence", { 0 }, { 0 }, QUALITY_UNREACHABLE, VERDICT_NO_EVIDENCE, "prometheus" },
                { "slow answers break the limit",
                  { 2000, 0, 2000, 0 },
                  { 200, 0, 200, 190 },
                  QUALITY_GOOD,
                  VERDICT_BREACH,
                  "latency-limit" },
                { "when both fail alike nobody is blamed",
                  { 1000, 500, 1000, 0 },
                  { 200, 100, 200, 0 },
                  QUALITY_GOOD,
                  VERDICT_NO_EVIDENCE,
                  "error-limit" },
                { "under all traffic there is no stable to compare with",
                  { 0 },
                  { 500, 2, 500, 3 },
                  QUALITY_GOOD,
                  VERDICT_HEALTHY,
                  "" },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct verdict v = judge(cases[i].stable, cases[i].candidate, cases[i].quality);

                print_message("  %s: %s\n", cases[i].name, v.reason);
                assert_int_equal(v.state, cases[i].verdict);
                assert_string_equal(v.gate, cases[i].gate);
        }
}

static void a_share_below_the_limit_can_still_be_a_breach(void **state)
{
        struct policy p = policy();
        JUDGE j = { 0 };
        struct verdict v;
        int ticks = 0;
        (void) state;

        do { /* 2 % instead of 0.1 %: below the limit of 5 %, but 20 times stable's */
                struct reading r = { .all = { { 2000, 2, 0, 0 }, { 200, 4, 0, 0 } } };

                judge_add(&j, &p, &r, 1000 * ++ticks);
                judge_decide(&j, &p, QUALITY_GOOD, "", NULL, &v);
        } while (v.state != VERDICT_BREACH && ticks < 100);
        assert_string_equal(v.gate, "error-rate");
        assert_true(ticks <= 5);
        assert_non_null(strstr(v.reason, "1.50 times stable's"));
}

static void one_tick_alone_never_decides_a_comparison(void **state)
{
        struct policy p = policy();
        JUDGE j = { 0 };
        struct reading r = { .all = { { 100000, 0, 0, 0 }, { 100000, 3000, 0, 0 } } };
        struct verdict v;
        (void) state;

        judge_add(&j, &p, &r, 1000);
        judge_decide(&j, &p, QUALITY_MISSING, "", NULL, &v);
        assert_int_equal(v.state, VERDICT_NO_EVIDENCE);
}

static void arms_scraped_in_turn_are_compared_all_the_same(void **state)
{
        struct policy p = policy();
        JUDGE j = { 0 };
        (void) state;

        for (int i = 0; i < 20; i++) {
                struct reading r = { 0 };

                r.all[i % 2] = i % 2 ? (struct counts){ 100, 4, 0, 0 } : (struct counts){ 1000, 1, 0, 0 };
                judge_add(&j, &p, &r, 1000 * i);
        }
        assert_true(j.errors.worse.peak > 5);
}

static uint64_t dice = 42;

static double uniform(void) /* splitmix64 */
{
        uint64_t z = (dice += 0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return (double) ((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static int64_t binomial(int n, double share)
{
        int64_t x = 0;

        while (n-- > 0)
                x += uniform() < share;
        return x;
}

/* Of 400 rollouts of 200 ticks, how many break the comparison; *ticks is the sum of ticks until then. */
static int broken(double stable, double candidate, double r0, double alpha, int *ticks)
{
        int n = 0;

        *ticks = 0;
        for (int run = 0; run < 400; run++) {
                struct judge_ratio t = { 0 };

                for (int tick = 0; tick < 200; tick++) {
                        judge_ratio_add(&t, JUDGE_ABOVE, r0, 1, 190, binomial(190, stable), 10, binomial(10, candidate));
                        if (t.peak >= -log(alpha)) {
                                n++;
                                *ticks += tick + 1;
                                break;
                        }
                }
        }
        return n;
}

static void looking_after_every_tick_keeps_the_error_budget(void **state)
{
        int ticks;
        (void) state;

        dice = 1;
        /* 5 % of 400 is 20; four standard deviations above it is 37. */
        assert_true(broken(.02, .02, 1, .05, &ticks) <= 37);
        assert_true(broken(.3, .3, 1, .05, &ticks) <= 37);
        assert_true(broken(.02, .03, 1.5, .05, &ticks) <= 37);
}

static void a_much_worse_candidate_is_found_soon(void **state)
{
        int ticks, n = broken(.01, .2, 1.5, .005, &ticks);
        (void) state;

        assert_int_equal(n, 400);
        assert_true(ticks / n < 10);
}

static void wilson_matches_known_values(void **state)
{
        (void) state;
        assert_true(judge_wilson_low(0, 0, 2) == 0);
        assert_true(judge_wilson_low(0, 100, 1.96) == 0);
        assert_true(fabs(judge_wilson_low(10, 100, 1.959964) - .0552291) < 1e-6); /* R: binom::binom.wilson(10, 100) */
        assert_true(fabs(judge_wilson_low(100, 100, 1.959964) - .9630065) < 1e-6);
}

static void promql_gates_speak_by_name(void **state)
{
        static const struct {
                struct gate_value value;
                enum verdict_state verdict;
                const char *says;
        } cases[] = {
                { { .known = true, .value = 1 }, VERDICT_HEALTHY, "failed" },
                { { .known = true, .value = 3 }, VERDICT_BREACH, "cost is 3, above 2" },
                { { .known = true, .value = -1 }, VERDICT_BREACH, "cost is -1, below 0" },
                { { .known = false, .why = "no result" }, VERDICT_NO_EVIDENCE, "cost: no result" },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct policy p = policy();
                struct reading r = { .fresh = { { 0 }, { 500, 0, 500, 0 } } };
                JUDGE j = { 0 };
                struct verdict v;

                p.n_queries = 1;
                p.queries[0] = (struct policy_query){ .name = "cost", .query = "x", .has_min = true, .has_max = true, .max = 2 };
                judge_add(&j, &p, &r, 1000);
                judge_decide(&j, &p, QUALITY_GOOD, "", &cases[i].value, &v);
                assert_int_equal(v.state, cases[i].verdict);
                assert_non_null(strstr(v.reason, cases[i].says));
        }
}

static void the_limits_look_at_the_last_two_minutes(void **state)
{
        struct policy p = policy();
        JUDGE j = { 0 };
        struct verdict v;
        (void) state;

        for (int i = 0; i < 600; i++) { /* ten good minutes */
                struct reading r = { .fresh = { { 0 }, { 100, 0, 0, 0 } }, .all = { { 0 }, { 100, 0, 0, 0 } } };

                judge_add(&j, &p, &r, 1000 * i);
        }
        for (int i = 600; i < 620; i++) { /* and twenty bad seconds */
                struct reading r = { .fresh = { { 0 }, { 100, 50, 0, 0 } }, .all = { { 0 }, { 100, 50, 0, 0 } } };

                judge_add(&j, &p, &r, 1000 * i);
        }
        judge_decide(&j, &p, QUALITY_GOOD, "", NULL, &v);
        assert_int_equal(v.state, VERDICT_BREACH);
        assert_string_equal(v.gate, "error-limit");
}

static void another_step_needs_its_own_requests(void **state)
{
        struct policy p = policy();
        JUDGE j = { 0 };
        struct reading r = { .fresh = { { 0 }, { 500, 0, 500, 0 } } };
        struct verdict v;
        (void) state;

        judge_add(&j, &p, &r, 1000);
        judge_decide(&j, &p, QUALITY_GOOD, "", NULL, &v);
        assert_int_equal(v.state, VERDICT_HEALTHY);
        judge_next_step(&j);
        judge_decide(&j, &p, QUALITY_GOOD, "", NULL, &v);
        assert_int_equal(v.state, VERDICT_NO_EVIDENCE);
}

static void traffic_is_checked_against_the_weight(void **state)
{
        static const struct {
                const char *name;
                int64_t stable, candidate;
                int weight_bp;
                int64_t elapsed_ms;
                bool matches;
        } cases[] = {
                { "exactly", 9500, 500, 500, 60000, true },
                { "within chance", 9540, 460, 500, 60000, true },
                { "half of what was asked", 9750, 250, 500, 60000, false },
                { "double", 9000, 1000, 500, 60000, false },
                { "nothing seen yet", 0, 0, 500, 60000, false },
                { "nothing reaches the candidate", 10000, 0, 500, 60000, false },
                { "all traffic", 0, 1000, 10000, 60000, true },
                { "all but what is still open", 3, 1000, 10000, 60000, true },
                { "a tenth still goes to stable", 100, 900, 10000, 60000, false },
                { "early, scrapes differ by one interval", 7000, 3000, 2500, 5000, true },
                { "late, they do not", 70000, 30000, 2500, 120000, false },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                const struct counts step[ARM_COUNT] = { { .requests = cases[i].stable }, { .requests = cases[i].candidate } };

                print_message("  %s\n", cases[i].name);
                assert_int_equal(judge_split_matches(step, cases[i].weight_bp, cases[i].elapsed_ms, 1000), cases[i].matches);
        }
}

/* Readings of equal ticks, five seconds apart. */
static void play(struct judge *j, const struct policy *p, int ticks, const struct counts stable, const struct counts candidate)
{
        for (int i = 0; i < ticks; i++) {
                const struct reading r = { .all = { stable, candidate }, .fresh = { stable, candidate } };

                judge_add(j, p, &r, j->last_ms + 5000);
        }
}

static void promotion_waits_for_its_proof(void **state)
{
        struct policy p = policy();
        JUDGE j = { 0 };
        struct verdict v;
        (void) state;

        p.error_rate.sound_ratio = 2;
        p.latency.on = false;
        play(&j, &p, 4, (struct counts){ 950, 10, 0, 0 }, (struct counts){ 50, 0, 0, 0 });
        judge_decide(&j, &p, QUALITY_GOOD, "", NULL, &v);
        print_message("  %s\n", v.reason);
        assert_int_equal(v.state, VERDICT_NO_EVIDENCE);
        assert_string_equal(v.gate, "promotion");
        assert_non_null(strstr(v.reason, "minutes"));
        play(&j, &p, 60, (struct counts){ 950, 10, 0, 0 }, (struct counts){ 50, 0, 0, 0 });
        judge_decide(&j, &p, QUALITY_GOOD, "", NULL, &v);
        assert_int_equal(v.state, VERDICT_HEALTHY);
}

static void a_proof_that_cannot_come_is_said_to_be_impossible(void **state)
{
        struct policy p = policy();
        JUDGE j = { 0 };
        struct verdict v;
        (void) state;

        p.error_rate = (struct policy_share){ .on = true, .sound_ratio = 1.5 };
        p.latency.on = false;
        play(&j, &p, 30, (struct counts){ 950, 10, 0, 0 }, (struct counts){ 50, 1, 0, 0 }); /* nearly twice as bad */
        judge_decide(&j, &p, QUALITY_GOOD, "", NULL, &v);
        assert_string_equal(v.gate, "promotion");
        assert_non_null(strstr(v.reason, "never"));
}

static void a_budget_that_burns_too_fast_is_a_breach_without_a_stable_version(void **state)
{
        struct policy p = policy();
        struct judge slow = { 0 }, fast = { 0 }, both = { 0 };
        struct verdict v;
        (void) state;

        p.error_rate = (struct policy_share){ .on = true, .budget = .001 };
        p.latency.on = false;
        play(&slow, &p, 700, (struct counts){ 0 }, (struct counts){ 500, 1, 0, 0 }); /* 0.2 %: twice the budget */
        judge_decide(&slow, &p, QUALITY_GOOD, "", NULL, &v);
        assert_int_equal(v.state, VERDICT_HEALTHY);
        play(&fast, &p, 12, (struct counts){ 0 }, (struct counts){ 500, 15, 0, 0 }); /* 3 %: thirty times */
        judge_decide(&fast, &p, QUALITY_GOOD, "", NULL, &v);
        assert_string_equal(v.gate, "error-budget");
        assert_int_equal(v.state, VERDICT_BREACH);
        play(&both, &p, 12, (struct counts){ 500, 15, 0, 0 }, (struct counts){ 500, 15, 0, 0 });
        judge_decide(&both, &p, QUALITY_GOOD, "", NULL, &v);
        assert_string_equal(v.gate, "error-budget");
        assert_int_equal(v.state, VERDICT_NO_EVIDENCE);
}

static void promql_gates_have_three_outcomes_and_patience(void **state)
{
        static const struct {
                const char *name;
                struct policy_query q;
                double values[4];
                int n;
                enum verdict_state verdict;
        } cases[] = {
                { "between good and bad",
                  { .has_min = true, .min = .99, .has_fail_below = true, .fail_below = .95, .failures = 1 },
                  { .97 },
                  1,
                  VERDICT_NO_EVIDENCE },
                { "at the bound of bad",
                  { .has_min = true, .min = .99, .has_fail_below = true, .fail_below = .95, .failures = 1 },
                  { .95 },
                  1,
                  VERDICT_NO_EVIDENCE },
                { "bad",
                  { .has_min = true, .min = .99, .has_fail_below = true, .fail_below = .95, .failures = 1 },
                  { .94 },
                  1,
                  VERDICT_BREACH },
                { "good",
                  { .has_min = true, .min = .99, .has_fail_below = true, .fail_below = .95, .failures = 1 },
                  { 1 },
                  1,
                  VERDICT_HEALTHY },
                { "bad once of three", { .has_max = true, .max = 2, .failures = 3 }, { 1, 1, 9 }, 3, VERDICT_NO_EVIDENCE },
                { "bad three times", { .has_max = true, .max = 2, .failures = 3 }, { 9, 9, 9 }, 3, VERDICT_BREACH },
                { "interrupted by a good one",
                  { .has_max = true, .max = 2, .failures = 3 },
                  { 9, 9, 1, 9 },
                  4,
                  VERDICT_NO_EVIDENCE },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct policy p = policy();
                JUDGE j = { 0 };
                struct verdict v = { 0 };

                p.n_queries = 1;
                p.queries[0] = cases[i].q;
                strcpy(p.queries[0].name, "cost");
                play(&j, &p, 1, (struct counts){ 0 }, (struct counts){ 500, 0, 500, 0 });
                for (int k = 0; k < cases[i].n; k++) {
                        const struct gate_value value = { .known = true, .value = cases[i].values[k] };

                        judge_answers(&j, &p, &value);
                        judge_decide(&j, &p, QUALITY_GOOD, "", &value, &v);
                }
                print_message("  %s: %s\n", cases[i].name, v.reason);
                assert_int_equal(v.state, cases[i].verdict);
        }
}

static void every_gate_is_explained(void **state)
{
        struct policy p = policy();
        struct judge_view w[JUDGE_VIEWS_MAX];
        JUDGE j = { 0 };
        int n;
        (void) state;

        p.error_rate.sound_ratio = 2;
        p.error_rate.budget = .001;
        p.n_queries = 1;
        p.queries[0] = (struct policy_query){ .name = "cost", .query = "x", .has_max = true, .max = 2 };
        n = judge_explain(&j, &p, NULL, w);
        assert_int_equal(n, 6);
        for (int i = 0; i < n; i++) /* nothing has been seen */
                assert_int_equal(w[i].state, VERDICT_NO_EVIDENCE);
        play(&j, &p, 40, (struct counts){ 950, 10, 950, 0 }, (struct counts){ 50, 3, 50, 0 });
        n = judge_explain(&j, &p, &(struct gate_value){ .known = true, .value = 1 }, w);
        assert_string_equal(w[0].gate, "error-rate");
        assert_int_equal(w[0].state, VERDICT_BREACH);
        assert_true(w[0].evidence > w[0].evidence_needed && w[0].always_valid_p < w[0].false_rollback);
        assert_true(fabs(w[0].false_rollback - p.false_rollback / 2) < 1e-9);
        assert_true(w[0].ratio.low >= 2 && w[0].ratio.high >= 5.7);
        assert_int_equal(w[0].bad[ARM_CANDIDATE], 120);
        assert_true(isinf(w[0].requests_missing));
        assert_string_equal(w[n - 1].gate, "cost");
        assert_int_equal(w[n - 1].state, VERDICT_HEALTHY);
}

static void shares_of_counters_are_tested_under_the_same_budget(void **state)
{
        struct policy p = policy();
        struct judge_view w[JUDGE_VIEWS_MAX];
        struct gate_value value = { .known = true };
        JUDGE j = { 0 };
        struct verdict v = { 0 };
        int looks = 0;
        (void) state;

        p.n_queries = 1;
        p.queries[0] = (struct policy_query){ .name = "shadow", .query = "x", .of = "y", .max_share = .01 };
        assert_int_equal(policy_comparisons(&p), 3);
        play(&j, &p, 1, (struct counts){ 0 }, (struct counts){ 500, 0, 500, 0 });
        judge_answers(&j, &p, &value);
        judge_decide(&j, &p, QUALITY_GOOD, "", &value, &v);
        assert_string_equal(v.gate, "shadow");
        assert_int_equal(v.state, VERDICT_NO_EVIDENCE); /* nothing has been counted yet */
        for (; v.state != VERDICT_BREACH && looks < 100; looks++) {
                value.value += 6;
                value.of += 200;
                judge_answers(&j, &p, &value);
                judge_decide(&j, &p, QUALITY_GOOD, "", &value, &v);
        }
        print_message("  %s\n", v.reason);
        assert_true(looks > 1 && looks < 6);
        assert_int_equal(judge_explain(&j, &p, &value, w), 5);
        assert_int_equal(w[4].kind, VIEW_SHARE);
        assert_true(w[4].evidence >= w[4].evidence_needed && w[4].state == VERDICT_BREACH);
}

static void a_share_of_more_bad_than_all_judges_nobody(void **state)
{
        struct policy p = policy();
        struct gate_value value = { .known = true };
        JUDGE j = { 0 };
        struct verdict v = { 0 };
        (void) state;

        p.n_queries = 1;
        p.queries[0] = (struct policy_query){ .name = "nulls", .query = "x", .of = "y", .max_share = .05 };
        play(&j, &p, 1, (struct counts){ 0 }, (struct counts){ 500, 0, 500, 0 });
        judge_answers(&j, &p, &value);
        for (int look = 0; look < 20; look++) {
                value.value += 400;
                value.of += 3;
                judge_answers(&j, &p, &value);
                judge_decide(&j, &p, QUALITY_GOOD, "", &value, &v);
                assert_int_equal(v.state, VERDICT_NO_EVIDENCE);
                assert_string_equal(v.reason, "nulls: more bad than all: are query and of swapped?");
        }
}

/* Errors and latency with everything there is but proofs, stable's median and p99, and a dozen PromQL gates. */
static void the_state_of_twenty_gates_is_below_a_kibibyte(void **state)
{
        const struct latency_histogram h = { 2, { 5000, 50000 }, { 600, 995 }, 1000 };
        struct gate_value values[POLICY_QUERIES_MAX] = { 0 };
        struct policy p = policy();
        JUDGE j = { 0 };
        (void) state;

        p.error_rate.budget = p.latency.budget = .01;
        p.latency.n_quantiles = 2;
        p.latency.quantiles[0] = .5;
        p.latency.quantiles[1] = .99;
        p.latency.objective_ms = 100;
        for (p.n_queries = 0; p.n_queries < 12; p.n_queries++)
                values[p.n_queries] = (struct gate_value){ .known = true };
        assert_int_equal(judge_bounds_choose(&j.bounds, &p.latency, &h, true), 2);
        judge_answers(&j, &p, values);
        judge_add(&j, &p, &(struct reading){ .all = { { 950, 1, 950, 1 }, { 50, 1, 50, 1 } } }, 5000);
        print_message("  %zu bytes\n", judge_bytes(&j));
        assert_true(judge_bytes(&j) < 1024);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(counts_and_quality_give_a_verdict),
                cmocka_unit_test(a_share_below_the_limit_can_still_be_a_breach),
                cmocka_unit_test(one_tick_alone_never_decides_a_comparison),
                cmocka_unit_test(arms_scraped_in_turn_are_compared_all_the_same),
                cmocka_unit_test(looking_after_every_tick_keeps_the_error_budget),
                cmocka_unit_test(a_much_worse_candidate_is_found_soon),
                cmocka_unit_test(wilson_matches_known_values),
                cmocka_unit_test(promql_gates_speak_by_name),
                cmocka_unit_test(the_limits_look_at_the_last_two_minutes),
                cmocka_unit_test(another_step_needs_its_own_requests),
                cmocka_unit_test(traffic_is_checked_against_the_weight),
                cmocka_unit_test(promotion_waits_for_its_proof),
                cmocka_unit_test(a_proof_that_cannot_come_is_said_to_be_impossible),
                cmocka_unit_test(a_budget_that_burns_too_fast_is_a_breach_without_a_stable_version),
                cmocka_unit_test(promql_gates_have_three_outcomes_and_patience),
                cmocka_unit_test(every_gate_is_explained),
                cmocka_unit_test(a_share_of_more_bad_than_all_judges_nobody),
                cmocka_unit_test(shares_of_counters_are_tested_under_the_same_budget),
                cmocka_unit_test(the_state_of_twenty_gates_is_below_a_kibibyte),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
