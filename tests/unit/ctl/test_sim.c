/* Simulated rollouts: the dice, the rules of others, and that the same seed gives the same run. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/sim_latency.h"
#include "ctl/sim_oracle.h"
#include "ctl/sim_study.h"
#include "ctl/sim_svg.h"

static void draws_have_the_mean_and_variance_of_a_binomial(void **state)
{
        static const struct {
                int64_t n;
                double p;
        } cases[] = { { 5, .3 }, { 1000, .002 }, { 1000, .5 }, { 4750, .05 }, { 5000, .95 }, { 1000000, .3 } };
        struct dice d = { 11 };
        enum { DRAWS = 20000 };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                double n = (double) cases[i].n, p = cases[i].p, sum = 0, squares = 0, variance = n * p * (1 - p);

                for (int k = 0; k < DRAWS; k++) {
                        double x = (double) dice_binomial(&d, cases[i].n, p) - n * p;

                        sum += x;
                        squares += x * x;
                }
                assert_true(fabs(sum / DRAWS) < 4 * sqrt(variance / DRAWS));
                assert_true(fabs(squares / DRAWS / variance - 1) < .05);
        }
        assert_int_equal(dice_binomial(&d, 10, 0), 0);
        assert_int_equal(dice_binomial(&d, 10, 1), 10);
        assert_int_equal(dice_binomial(&d, 0, .5), 0);
}

static void traffic_keeps_its_rate_and_its_split(void **state)
{
        const struct sim_traffic t = { .rate = 100, .errors = { .01, .05 }, .burst = 3 };
        struct counts sum[ARM_COUNT] = { 0 };
        struct dice d = { 5 };
        (void) state;

        for (int i = 1; i <= 2000; i++) {
                struct counts tick[ARM_COUNT];

                sim_traffic_tick(&t, &d, 1000, i * SIM_TICK_MS, tick);
                for (int a = 0; a < ARM_COUNT; a++) {
                        assert_true(tick[a].errors <= tick[a].requests);
                        counts_add(&sum[a], &tick[a]);
                }
        }
        assert_int_equal(sum[0].requests + sum[1].requests, 1000000);
        assert_true(fabs((double) sum[1].requests - 100000) < 1500);
        assert_true(fabs((double) sum[0].errors / (double) sum[0].requests - .01) < .001);
        assert_true(fabs((double) sum[1].errors / (double) sum[1].requests - .05) < .005);
}

static void a_recording_is_split_without_loss(void **state)
{
        struct counts ticks[] = { { 500, 5, 500, 20 }, { 300, 0, 300, 0 } };
        const struct sim_record record = { ticks, 2 };
        const struct sim_traffic t = { .record = &record, .harm = 1, .burst = 1 };
        struct dice d = { 5 };
        (void) state;

        for (int64_t i = -4; i <= 4; i++) {
                const struct counts *all = &ticks[(i + 4) % 2];
                struct counts tick[ARM_COUNT];

                sim_traffic_tick(&t, &d, 2500, i * SIM_TICK_MS, tick);
                assert_int_equal(tick[0].requests + tick[1].requests, all->requests);
                assert_true(tick[1].errors <= all->errors && tick[1].slow <= all->slow);
        }
}

/* Minutes of so many errors in 100 requests of the candidate every five seconds. */
static void play(struct sim_rules *r, int minutes, int64_t errors)
{
        for (int i = 0; i < minutes * 12; i++) {
                const struct counts tick[ARM_COUNT] = { { 1900, 4, 0, 0 }, { 100, errors, 0, 0 } };

                sim_rules_tick(r, (int64_t) (r->ticks + 1) * SIM_TICK_MS, tick);
        }
}

static void the_rules_of_others_do_as_documented(void **state)
{
        struct sim_rules good = { 0 }, bad = { 0 };
        (void) state;

        play(&good, 30, 0);
        for (int i = 0; i < SIM_RULES; i++)
                assert_int_equal(good.rolled_back_ms[i], 0);
        play(&bad, 30, 5);
        assert_int_equal(bad.rolled_back_ms[SIM_ARGO], 30000);
        assert_int_equal(bad.rolled_back_ms[SIM_ARGO_3], 120000);    /* the fourth failure */
        assert_int_equal(bad.rolled_back_ms[SIM_FLAGGER], 120000);   /* the tick after the first */
        assert_int_equal(bad.rolled_back_ms[SIM_FLAGGER_5], 360000); /* the tick after the fifth */
        assert_int_equal(bad.rolled_back_ms[SIM_KAYENTA], 300000);
        assert_int_equal(bad.rolled_back_ms[SIM_ZTEST], 30000);
}

static struct policy policy(void)
{
        struct policy p;

        policy_defaults(&p);
        strcpy(p.name, "test");
        p.steps[0] = (struct policy_step){ .weight_bp = 500, .hold_ms = 300000 };
        p.steps[1] = (struct policy_step){ .weight_bp = 10000, .hold_ms = 60000 };
        p.n_steps = 2;
        p.error_rate = (struct policy_share){ .on = true, .max_ratio = 1 };
        return p;
}

static void latencies_have_their_median_and_their_tail(void **state)
{
        const double bursts[] = { 1, 7 };
        (void) state;

        for (int k = 0; k < 2; k++) {
                const struct sim_traffic t = { .median_ms = { 10, 20 }, .tail = 5, .burst = bursts[k] };
                struct latency_histogram h;
                struct dice d = { 5 };
                int64_t above_median = 0, above_p99 = 0;

                for (int i = 0; i < 400; i++) {
                        sim_latency_tick(&t, &d, ARM_STABLE, 1000, 5000, &h);
                        assert_int_equal(h.all, 1000);
                        for (int b = 1; b < h.n; b++)
                                assert_true(h.within[b] >= h.within[b - 1] && h.within[b] <= h.all);
                        above_median += sim_latency_above(&h, 10000);
                        above_p99 += sim_latency_above(&h, 50000);
                }
                assert_true(fabs((double) above_median / 400000 - .5) < .008);
                assert_true(fabs((double) above_p99 / 400000 - .01) < .002);
                assert_int_equal(sim_latency_above(&h, 12345), 0);
        }
}

static void a_median_that_doubles_is_found_and_an_equal_one_is_not(void **state)
{
        struct policy p = policy();
        struct sim_traffic t = { .rate = 100, .errors = { .002, .002 }, .median_ms = { 8, 8 }, .tail = 4, .burst = 1 };
        struct sim_outcome o;
        (void) state;

        p.latency = (struct policy_share){
                .on = true, .max_ratio = 1.2, .objective_ms = 100, .quantiles = { .5, .9, .99 }, .n_quantiles = 3
        };
        sim_judge(&p, &t, 1, 3600000, &o);
        assert_true(o.done && !o.rolled_back);
        t.incident = .05;
        t.incident_to_ms = 100000; /* both twice as slow */
        sim_judge(&p, &t, 1, 3600000, &o);
        assert_true(o.done && !o.rolled_back);
        t.incident = 0;
        t.median_ms[ARM_CANDIDATE] = 16;
        sim_judge(&p, &t, 1, 3600000, &o);
        assert_true(o.rolled_back && o.at_ms <= 60000);
        print_message("  after %lld s: %s\n", (long long) o.at_ms / 1000, o.verdict.reason);
        assert_true(strncmp(o.verdict.gate, "latency-p", 9) == 0);
        p.latency.n_quantiles = 0; /* what the objective alone does not see */
        sim_judge(&p, &t, 1, 3600000, &o);
        assert_false(o.rolled_back);
}

static void a_run_is_repeatable_and_ends_as_it_should(void **state)
{
        const struct sim_traffic good = { .rate = 200, .errors = { .002, .002 }, .burst = 1 };
        const struct sim_traffic bad = { .rate = 200, .errors = { .002, .2 }, .burst = 1 };
        struct policy p = policy();
        struct sim_outcome a, b;
        (void) state;

        sim_judge(&p, &good, 1, 3600000, &a);
        assert_true(a.done && !a.rolled_back);
        assert_int_equal(a.at_ms, 360000);
        sim_judge(&p, &bad, 1, 3600000, &a);
        sim_judge(&p, &bad, 1, 3600000, &b);
        assert_true(a.rolled_back && a.at_ms <= 30000 && a.exposure > 0);
        assert_string_equal(a.verdict.gate, "error-rate");
        assert_memory_equal(&a, &b, sizeof a);
        sim_judge(&p, &good, 1, 100000, &a);
        assert_true(!a.done && !a.rolled_back);
}

static void no_evidence_holds_or_rolls_back_as_the_policy_says(void **state)
{
        const struct sim_traffic thin = { .rate = .1, .errors = { 0, 0 }, .burst = 1 };
        struct policy p = policy();
        struct sim_outcome o;
        (void) state;

        sim_judge(&p, &thin, 1, 3600000, &o);
        assert_true(!o.done && !o.rolled_back);
        p.on_no_evidence = POLICY_ROLLBACK;
        sim_judge(&p, &thin, 1, 3600000, &o);
        assert_true(o.rolled_back);
        assert_int_equal(o.at_ms, p.max_hold_ms + SIM_TICK_MS);
}

static void good_and_bad_are_told_apart_in_a_study(void **state)
{
        const struct sim_scenario good = { "good", true, { .rate = 100, .errors = { .005, .005 }, .burst = 1 } };
        const struct sim_scenario bad = { "bad", false, { .rate = 100, .errors = { .002, .05 }, .burst = 1 } };
        struct policy p = policy();
        struct sim_study st[2];
        AUTO_STRBUF svg;
        (void) state;

        sim_study(&p, &good, 60, 7, 600000, &st[0]);
        sim_study(&p, &bad, 60, 7, 600000, &st[1]);
        assert_true(st[0].columns[SIM_JUDGE].rolled_back <= 4);
        assert_int_equal(st[0].bound_ms, 0);
        assert_int_equal(st[1].columns[SIM_JUDGE].rolled_back, 60);
        assert_true(st[1].columns[SIM_JUDGE].median_ms <= 30000);
        assert_true(st[1].bound_ms > 5000 && st[1].bound_ms < 20000);
        assert_int_equal(st[1].best.rolled_back, 60);
        assert_true(st[1].best.median_ms <= st[1].columns[SIM_JUDGE].median_ms);
        assert_int_equal(st[0].best.rolled_back, 0);
        strbuf_init(&svg, 1 << 20);
        sim_svg((const struct sim_scenario[]){ good, bad }, st, 2, &svg);
        assert_true(strbuf_ok(&svg));
        assert_non_null(strstr(strbuf_str(&svg), "</svg>"));
}

/* It is there to be measured against: at work where there is harm, later than at once, and nowhere else. */
static void the_oracle_finds_harm_and_nothing_else(void **state)
{
        const struct sim_traffic worse = { .rate = 100, .errors = { .002, .02 }, .burst = 1 };
        const struct sim_traffic bursts = { .rate = 100, .errors = { .002, .02 }, .burst = 5 };
        const struct sim_traffic same = { .rate = 100, .errors = { .005, .005 }, .burst = 1 };
        struct policy p = policy();
        (void) state;

        assert_true(sim_oracle_applies(&p, &worse));
        assert_false(sim_oracle_applies(&p, &same));
        assert_false(sim_oracle_applies(&p, &bursts));
        assert_true(sim_oracle_log_needed(&p) == -log(p.false_rollback / policy_comparisons(&p)));
        for (uint64_t seed = 1; seed <= 20; seed++) {
                struct sim_outcome o;

                sim_oracle(&p, &worse, seed, 1800000, &o);
                assert_true(o.rolled_back && o.at_ms < 600000);
                sim_oracle(&p, &worse, seed, 5000, &o); /* one tick is too early */
                assert_false(o.rolled_back);
        }
}

static void the_standard_scenarios_fit(void **state)
{
        struct sim_scenario s[SIM_SCENARIOS_MAX];
        int n;
        (void) state;

        n = sim_standard(true, s);
        assert_true(n > 0 && n + sim_standard(false, s + n) <= SIM_SCENARIOS_MAX);
        for (int i = 0; i < n; i++)
                assert_true(s[i].good && s[i].traffic.errors[0] == s[i].traffic.errors[1]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(draws_have_the_mean_and_variance_of_a_binomial),
                cmocka_unit_test(traffic_keeps_its_rate_and_its_split),
                cmocka_unit_test(a_recording_is_split_without_loss),
                cmocka_unit_test(the_rules_of_others_do_as_documented),
                cmocka_unit_test(latencies_have_their_median_and_their_tail),
                cmocka_unit_test(a_median_that_doubles_is_found_and_an_equal_one_is_not),
                cmocka_unit_test(a_run_is_repeatable_and_ends_as_it_should),
                cmocka_unit_test(no_evidence_holds_or_rolls_back_as_the_policy_says),
                cmocka_unit_test(good_and_bad_are_told_apart_in_a_study),
                cmocka_unit_test(the_oracle_finds_harm_and_nothing_else),
                cmocka_unit_test(the_standard_scenarios_fit),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
