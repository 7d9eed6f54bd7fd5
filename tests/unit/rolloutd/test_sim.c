/* The real controller in a simulated world: plain stories. test_sim_schedules.c has the wild ones. */
#include "tests/unit/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "rolloutd/rollout_json.h"
#include "tests/unit/rolloutd/sim.h"

static struct sim sim; /* large */

static enum phase phase(const struct sim *s)
{
        return s->target->now.phase;
}

static void holds(const struct sim *s)
{
        if (*s->why)
                fail_msg("%s", s->why);
}

/* Version 1 serves. */
static void begin(struct sim *s, uint64_t seed)
{
        sim_init(s, seed);
        assert_int_equal(sim_ask(s, ASK_START, 1), 0);
        sim_pass(s, 8000);
        assert_int_equal(phase(s), PHASE_DONE);
        assert_int_equal(s->versions[1].weight_bp, WEIGHT_ALL);
        holds(s);
}

static void pass_until(struct sim *s, enum phase p, int64_t most_ms)
{
        for (int64_t until_ms = s->now_ms + most_ms; phase(s) != p && s->now_ms < until_ms && !*s->why;)
                sim_pass(s, 20);
        holds(s);
        if (phase(s) != p) {
                char message[600];

                target_message(s->target, message, sizeof message);
                fail_msg("%s, not %s: %s", phase_name(phase(s)), phase_name(p), message);
        }
}

static void a_good_version_goes_all_the_way(void **state)
{
        (void) state;
        begin(&sim, 1);
        sim.versions[1].error_share = sim.versions[2].error_share = .002;
        assert_int_equal(sim_ask(&sim, ASK_START, 2), 0);
        pass_until(&sim, PHASE_CANARY, 10000);
        sim_pass(&sim, 1000);
        assert_int_equal(sim.versions[2].weight_bp, 500);
        pass_until(&sim, PHASE_DONE, 60000);
        assert_int_equal(sim.versions[2].weight_bp, WEIGHT_ALL);
        assert_int_equal(sim.target->now.stable.version, 2);
        sim_pass(&sim, 150000);
        assert_int_equal(sim.versions[1].wanted, 0); /* the window is over */
        sim_done(&sim);
}

static void a_bad_version_is_out_within_a_tick(void **state)
{
        int64_t seen_ms;
        (void) state;

        for (uint64_t seed = 1; seed <= 50; seed++) {
                begin(&sim, seed);
                sim.versions[2].error_share = 1;
                assert_int_equal(sim_ask(&sim, ASK_START, 2), 0);
                pass_until(&sim, PHASE_CANARY, 10000);
                while (sim.versions[2].bad < 5) /* fewer could be chance */
                        sim_pass(&sim, 1);
                seen_ms = sim.now_ms;
                pass_until(&sim, PHASE_ROLLED_BACK, 10000);
                assert_int_equal(sim.versions[2].weight_bp, 0);
                /* To the next scrape, to the next tick, the query, and the route. */
                assert_in_range(sim.now_ms - seen_ms, 0, SIM_SCRAPE_MS + SIM_TICK_MS + 4 * 50 + 50);
                assert_in_range(sim.routed_back_most_ms, 0, 51);
                assert_int_equal(sim.versions[2].wanted, 1); /* kept for inspection */
                sim_done(&sim);
        }
}

static void a_rollback_needs_nothing_but_the_router(void **state)
{
        (void) state;
        begin(&sim, 3);
        assert_int_equal(sim_ask(&sim, ASK_START, 2), 0);
        pass_until(&sim, PHASE_CANARY, 10000);
        sim_pass(&sim, 1500);
        sim.silence = 1;
        sim.versions[1].dead = true;
        assert_int_equal(sim_ask(&sim, ASK_ROLLBACK, 0), 0);
        sim_pass(&sim, 60);
        assert_int_equal(sim.versions[2].weight_bp, 0);
        assert_int_equal(sim.versions[1].weight_bp, WEIGHT_ALL);
        sim_done(&sim);
}

static void a_rollback_waits_for_the_router(void **state)
{
        (void) state;
        begin(&sim, 4);
        assert_int_equal(sim_ask(&sim, ASK_START, 2), 0);
        pass_until(&sim, PHASE_CANARY, 10000);
        sim_pass(&sim, 1500);
        sim.router_down = true;
        assert_int_equal(sim_ask(&sim, ASK_ABORT, 0), 0);
        sim_pass(&sim, 20000);
        assert_int_equal(phase(&sim), PHASE_ROLLING_BACK);
        sim.router_down = false;
        sim_pass(&sim, 5100); /* the longest wait between two attempts */
        assert_int_equal(phase(&sim), PHASE_ROLLED_BACK);
        sim_done(&sim);
}

static void going_back_when_done(void **state)
{
        (void) state;
        begin(&sim, 5);
        assert_int_equal(sim_ask(&sim, ASK_START, 2), 0);
        pass_until(&sim, PHASE_DONE, 60000);
        assert_int_equal(sim_ask(&sim, ASK_ROLLBACK, 0), 0);
        sim_pass(&sim, 200);
        assert_int_equal(phase(&sim), PHASE_ROLLED_BACK);
        assert_int_equal(sim.versions[1].weight_bp, WEIGHT_ALL);
        assert_int_equal(sim_ask(&sim, ASK_ROLLBACK, 2), 0); /* and forth */
        sim_pass(&sim, 200);
        assert_int_equal(sim.versions[2].weight_bp, WEIGHT_ALL);
        holds(&sim);
        sim_done(&sim);
}

static void without_evidence_it_holds_and_says_so(void **state)
{
        struct policy p = sim_policy();
        char message[600];
        (void) state;

        p.max_hold_ms = 45000;
        begin(&sim, 6);
        assert_int_equal(sim_ask_with(&sim, ASK_START, 2, &p), 0);
        pass_until(&sim, PHASE_CANARY, 10000);
        sim.silence = 1;
        sim_pass(&sim, 30000);
        target_message(sim.target, message, sizeof message);
        assert_contains(message, "no evidence: ");
        sim_pass(&sim, 30000);
        target_message(sim.target, message, sizeof message);
        assert_contains(message, " minutes, and the policy says to hold: ");
        assert_int_equal(phase(&sim), PHASE_CANARY);
        assert_int_equal(sim.target->now.step, 0);
        assert_int_equal(sim.versions[2].weight_bp, 500);
        assert_string_equal(sim.target->now.verdict.gate, "prometheus");
        sim.silence = 0;
        pass_until(&sim, PHASE_DONE, 60000);
        sim_done(&sim);
}

static void without_evidence_for_too_long_the_policy_decides(void **state)
{
        struct policy p = sim_policy();
        (void) state;

        p.on_no_evidence = POLICY_ROLLBACK;
        p.max_hold_ms = 15000;
        begin(&sim, 7);
        assert_int_equal(sim_ask_with(&sim, ASK_START, 2, &p), 0);
        pass_until(&sim, PHASE_CANARY, 10000);
        sim.silence = 1;
        sim_pass(&sim, 10000);
        assert_int_equal(phase(&sim), PHASE_CANARY);
        pass_until(&sim, PHASE_ROLLED_BACK, 10000);
        assert_contains(sim.target->now.note, "no evidence");
        sim_done(&sim);
}

static struct policy with_quantiles(void)
{
        struct policy p = sim_policy();

        p.latency = (struct policy_share){
                .on = true, .max_ratio = 1.5, .objective_ms = 50, .quantiles = { .5, .9 }, .n_quantiles = 2
        };
        return p;
}

/* Half of stable's requests take over 5 ms, one in twenty over 10, and none over 50. */
static void begin_timed(uint64_t seed, double above_5, double above_10)
{
        begin(&sim, seed);
        for (int i = 1; i < SIM_PLACES; i++)
                sim.versions[i].timed = true;
        sim.versions[1].above[0] = .45;
        sim.versions[1].above[1] = .05;
        sim.versions[2].above[0] = above_5;
        sim.versions[2].above[1] = above_10;
}

static void a_slower_candidate_within_the_objective_is_rolled_back(void **state)
{
        const struct policy p = with_quantiles(), objective_alone = ({
                                                          struct policy q = p;
                                                          q.latency.n_quantiles = 0;
                                                          q;
                                                  });
        (void) state;

        begin_timed(21, .95, .5);
        assert_int_equal(sim_ask_with(&sim, ASK_START, 2, &p), 0);
        pass_until(&sim, PHASE_ROLLED_BACK, 30000);
        assert_contains(sim.target->now.verdict.gate, "latency-p");
        assert_contains(sim.target->now.rejected, "at stable's p");
        sim_done(&sim);

        begin_timed(21, .95, .5);
        assert_int_equal(sim_ask_with(&sim, ASK_START, 2, &objective_alone), 0);
        pass_until(&sim, PHASE_DONE, 60000);
        sim_done(&sim);
}

static void an_equally_fast_candidate_passes_at_bounds_that_outlive_a_restart(void **state)
{
        const struct policy p = with_quantiles();
        int32_t us[2];
        (void) state;

        begin_timed(22, .45, .05);
        assert_int_equal(sim_ask_with(&sim, ASK_START, 2, &p), 0);
        pass_until(&sim, PHASE_CANARY, 10000);
        const struct judge_bounds *b = &sim.target->now.judge.bounds;
        assert_int_equal(b->n, 2);
        us[0] = b->list[0].us;
        us[1] = b->list[1].us;
        assert_int_equal(us[0], 5000); /* 55 % are within 5 ms */
        assert_int_equal(us[1], 10000);
        sim_pass(&sim, 2500);
        int64_t ticks = sim.target->now.judge.bounds.list[0].worse.ticks;
        assert_true(ticks > 0);
        sim.crash_now = true;
        sim_pass(&sim, 300);
        pass_until(&sim, PHASE_DONE, 60000);
        b = &sim.target->now.judge.bounds;
        assert_true(b->n == 2 && b->list[0].us == us[0] && b->list[1].us == us[1]);
        assert_true(b->list[0].worse.ticks > ticks);
        sim_done(&sim);
}

static void a_quantile_that_stable_has_not_shown_yet_holds_the_step(void **state)
{
        struct policy p = with_quantiles();
        (void) state;

        p.latency.quantiles[1] = .999; /* takes 5000 requests */
        p.min_requests = 5;
        begin_timed(23, .45, .05);
        sim.requests_per_s = 40;
        assert_int_equal(sim_ask_with(&sim, ASK_START, 2, &p), 0);
        pass_until(&sim, PHASE_CANARY, 10000);
        sim_pass(&sim, 20000);
        assert_int_equal(sim.target->now.step, 0);
        assert_string_equal(sim.target->now.verdict.gate, "latency-p99.9");
        assert_int_equal(sim.target->now.judge.bounds.n, 1);
        sim.requests_per_s = 2000;
        sim_pass(&sim, 4000);
        assert_false(judge_bounds_wanted(&sim.target->now.judge.bounds, &p.latency)); /* at a later look */
        pass_until(&sim, PHASE_DONE, 60000);
        sim_done(&sim);
}

static void a_candidate_without_a_histogram_holds_and_says_so(void **state)
{
        const struct policy p = with_quantiles();
        (void) state;

        begin_timed(24, .45, .05);
        sim.versions[2].timed = false;
        assert_int_equal(sim_ask_with(&sim, ASK_START, 2, &p), 0);
        pass_until(&sim, PHASE_CANARY, 10000);
        sim_pass(&sim, 30000);
        assert_int_equal(sim.target->now.step, 0);
        assert_int_equal(sim.target->now.verdict.state, VERDICT_NO_EVIDENCE);
        assert_string_equal(sim.target->now.verdict.gate, "no-bucket");
        assert_string_equal(sim.target->now.verdict.reason, "v2-0 has no latency histogram");
        sim_done(&sim);
}

static void no_traffic_is_no_evidence(void **state)
{
        (void) state;
        begin(&sim, 8);
        sim.requests_per_s = 0;
        assert_int_equal(sim_ask(&sim, ASK_START, 2), 0);
        pass_until(&sim, PHASE_CANARY, 10000);
        sim_pass(&sim, 60000);
        assert_int_equal(sim.target->now.step, 0);
        assert_string_equal(sim.target->now.verdict.gate, "requests");
        sim_done(&sim);
}

static void pausing_holds_steps_and_not_gates(void **state)
{
        (void) state;
        begin(&sim, 9);
        assert_int_equal(sim_ask(&sim, ASK_START, 2), 0);
        pass_until(&sim, PHASE_CANARY, 10000);
        assert_int_equal(sim_ask(&sim, ASK_PAUSE, 0), 0);
        assert_int_equal(sim_ask(&sim, ASK_PAUSE, 0), -1);
        sim_pass(&sim, 30000);
        assert_int_equal(sim.target->now.step, 0);
        sim.versions[2].error_share = 1;
        pass_until(&sim, PHASE_ROLLED_BACK, 5000);
        holds(&sim);
        sim_done(&sim);
}

static void people_may_push(void **state)
{
        (void) state;
        begin(&sim, 10);
        sim.requests_per_s = 0; /* nothing would ever pass by itself */
        assert_int_equal(sim_ask(&sim, ASK_START, 2), 0);
        pass_until(&sim, PHASE_CANARY, 10000);
        sim_pass(&sim, 2000);
        assert_int_equal(sim_ask(&sim, ASK_PROMOTE, 0), 0);
        sim_pass(&sim, 2000);
        assert_int_equal(sim.versions[2].weight_bp, 2500);
        sim.human_pushed = true;
        assert_int_equal(sim_ask(&sim, ASK_PROMOTE_FULL, 0), 0);
        pass_until(&sim, PHASE_DONE, 5000);
        sim_done(&sim);
}

static void a_version_that_cannot_start_never_gets_traffic(void **state)
{
        (void) state;
        begin(&sim, 11);
        sim.versions[2].dead = true;
        assert_int_equal(sim_ask(&sim, ASK_START, 2), 0);
        pass_until(&sim, PHASE_ROLLED_BACK, 10000);
        assert_int_equal(sim.versions[1].weight_bp, WEIGHT_ALL);
        sim_done(&sim);
}

static void a_candidate_that_dies_is_taken_out(void **state)
{
        (void) state;
        begin(&sim, 12);
        assert_int_equal(sim_ask(&sim, ASK_START, 2), 0);
        pass_until(&sim, PHASE_CANARY, 10000);
        sim_pass(&sim, 1500);
        sim.versions[2].ready_at_ms = sim.now_ms + 1000000; /* it restarts and does not come up */
        pass_until(&sim, PHASE_ROLLED_BACK, 6000);
        sim_done(&sim);
}

static struct {
        evidence_fn done; /* of the question under way; NULL: there is none */
        struct evidence_source real;
} prometheus;

static void hang(struct evidence_source *source, const struct evidence_question *q, evidence_fn done, void *arg)
{
        (void) source, (void) q, (void) arg;
        prometheus.done = done;
}

static void forget_hanging(struct evidence_source *source, void *arg)
{
        prometheus.real.forget(source, arg);
        prometheus.done = NULL;
}

/* Its policy had other gates: an answer to one would be taken for another's. */
static void what_was_asked_for_the_last_candidate_is_not_answered_for_the_next(void **state)
{
        (void) state;

        begin(&sim, 24);
        prometheus.real = sim.source;
        assert_int_equal(sim_ask(&sim, ASK_START, 2), 0);
        pass_until(&sim, PHASE_CANARY, 10000);
        sim.source.ask = hang;
        sim.source.forget = forget_hanging;
        sim_pass(&sim, 1500);
        assert_non_null(prometheus.done);
        assert_int_equal(sim_ask(&sim, ASK_ABORT, 0), 0);
        pass_until(&sim, PHASE_ROLLED_BACK, 10000);
        assert_int_equal(sim_ask(&sim, ASK_START, 3), 0);
        assert_null(prometheus.done);
        sim.source.ask = prometheus.real.ask;
        pass_until(&sim, PHASE_DONE, 60000); /* asked anew, without waiting for that answer */
        assert_int_equal(sim.target->now.stable.version, 3);
        sim_done(&sim);
}

static void weights_that_drift_are_put_right(void **state)
{
        (void) state;
        begin(&sim, 13);
        assert_int_equal(sim_ask(&sim, ASK_START, 2), 0);
        pass_until(&sim, PHASE_CANARY, 10000);
        sim_pass(&sim, 1500);
        sim.versions[1].weight_bp = sim.versions[2].weight_bp = 5000; /* somebody at the router's socket */
        sim_pass(&sim, 1500);
        assert_int_equal(sim.versions[2].weight_bp, 500);
        holds(&sim);
        sim_done(&sim);
}

static struct policy blue_green(void)
{
        struct policy p = sim_policy();

        p.steps[0] = (struct policy_step){ .weight_bp = 0, .hold_ms = 3000, .pause = true };
        p.steps[1] = (struct policy_step){ .weight_bp = 10000, .hold_ms = 5000 };
        p.n_steps = 2;
        p.replicas = 4;
        return p;
}

static void blue_green_previews_switches_and_finishes(void **state)
{
        const struct policy p = blue_green();
        char message[600];
        (void) state;

        sim_init(&sim, 14);
        assert_int_equal(sim_ask_with(&sim, ASK_START, 1, &p), 0);
        pass_until(&sim, PHASE_DONE, 8000);
        assert_int_equal(sim_ask_with(&sim, ASK_START, 2, &p), 0);
        pass_until(&sim, PHASE_CANARY, 10000);
        sim_pass(&sim, 20000);
        assert_int_equal(sim.target->now.step, 0); /* healthy without one request, and waiting for a person */
        assert_int_equal(sim.target->now.verdict.state, VERDICT_HEALTHY);
        assert_int_equal(sim.versions[2].weight_bp, 0);
        assert_int_equal(sim.versions[2].wanted, 4); /* as large as the switch needs */
        target_message(sim.target, message, sizeof message);
        assert_contains(message, "until somebody promotes it");
        assert_int_equal(sim_ask_with(&sim, ASK_PROMOTE, 0, &p), 0);
        sim_pass(&sim, 1000);
        assert_int_equal(sim.versions[2].weight_bp, WEIGHT_ALL);
        assert_int_equal(sim.versions[1].wanted, 4); /* to go back to at once */
        pass_until(&sim, PHASE_DONE, 60000);
        sim_done(&sim);
}

static void blue_green_switches_back_in_one_write(void **state)
{
        const struct policy p = blue_green();
        (void) state;

        sim_init(&sim, 15);
        assert_int_equal(sim_ask_with(&sim, ASK_START, 1, &p), 0);
        pass_until(&sim, PHASE_DONE, 8000);
        assert_int_equal(sim_ask_with(&sim, ASK_START, 2, &p), 0);
        pass_until(&sim, PHASE_CANARY, 10000);
        sim_pass(&sim, 5000);
        assert_int_equal(sim_ask_with(&sim, ASK_PROMOTE, 0, &p), 0);
        sim_pass(&sim, 1000);
        sim.versions[2].error_share = 1;
        int routes = sim.routes;
        pass_until(&sim, PHASE_ROLLED_BACK, 5000);
        assert_int_equal(sim.routes, routes + 1);
        assert_int_equal(sim.versions[1].weight_bp, WEIGHT_ALL);
        assert_int_equal(sim.versions[1].wanted, 4);
        sim_pass(&sim, 2000);
        assert_int_equal(sim.versions[2].wanted, 1);
        sim_done(&sim);
}

static void a_small_surge_climbs_in_smaller_weights(void **state)
{
        struct policy p = sim_policy();
        int most = 0, weights = 0, before_bp = 0;
        (void) state;

        p.replicas = 10;
        sim_init(&sim, 16);
        assert_int_equal(sim_ask_with(&sim, ASK_START, 1, &p), 0);
        pass_until(&sim, PHASE_DONE, 8000);
        assert_true(rollout_scale(&sim.target->now, 10, 20));
        sim.target->edits++;
        assert_int_equal(sim_ask_with(&sim, ASK_START, 2, &p), 0);
        for (int i = 0; i < 20000 && phase(&sim) != PHASE_DONE; i++) {
                int running = sim.versions[1].wanted + sim.versions[2].wanted;

                sim_pass(&sim, 10);
                most = running > most ? running : most;
                weights += sim.versions[2].weight_bp != before_bp;
                before_bp = sim.versions[2].weight_bp;
        }
        holds(&sim);
        assert_int_equal(phase(&sim), PHASE_DONE);
        assert_int_equal(most, 12);
        assert_true(weights > 3);
        sim_done(&sim);
}

static void replicas_change_without_a_rollout(void **state)
{
        (void) state;
        begin(&sim, 17);
        assert_true(rollout_scale(&sim.target->now, 3, 100));
        assert_false(rollout_scale(&sim.target->now, 3, 100));
        sim.target->edits++;
        sim_pass(&sim, 3000);
        assert_int_equal(sim.versions[1].wanted, 3);
        assert_int_equal(sim.target->now.rollout_id, 1);
        assert_int_equal(phase(&sim), PHASE_DONE);
        sim_done(&sim);
}

static int drifts;
static void count_drift(void *arg, struct target *t, const struct event *ev)
{
        (void) arg, (void) t;
        if (strcmp(ev->kind, "drift") == 0) {
                drifts++;
                assert_contains(ev->why, "version 2 had 50 % of the traffic instead of 5 %");
        }
}

static void drift_is_told_and_the_clock_holds(void **state)
{
        (void) state;
        begin(&sim, 18);
        drifts = 0;
        sim.env.happened = count_drift;
        assert_int_equal(sim_ask(&sim, ASK_START, 2), 0);
        pass_until(&sim, PHASE_CANARY, 10000);
        sim_pass(&sim, 2500);
        int64_t held_ms = sim.target->now.held_ms;
        assert_true(held_ms > 0);
        sim.router_stuck = true; /* somebody else, who does not let go */
        sim.versions[1].weight_bp = sim.versions[2].weight_bp = 5000;
        sim_pass(&sim, 30000);
        assert_in_range(sim.target->now.held_ms, held_ms, held_ms + 2 * SIM_TICK_MS);
        assert_int_equal(sim.target->now.step, 0);
        sim.router_stuck = false;
        sim_pass(&sim, 16000);
        assert_int_equal(sim.versions[2].weight_bp + sim.versions[1].weight_bp, WEIGHT_ALL);
        assert_int_equal(drifts, 1);
        pass_until(&sim, PHASE_DONE, 60000);
        sim_done(&sim);
}

static void another_release_backs_out_at_once(void **state)
{
        (void) state;
        begin(&sim, 19);
        assert_int_equal(sim_ask(&sim, ASK_START, 2), 0);
        pass_until(&sim, PHASE_CANARY, 10000);
        sim_pass(&sim, 1500);
        assert_int_equal(sim_ask(&sim, ASK_SUPERSEDE, 0), 0);
        sim_pass(&sim, 60);
        assert_int_equal(sim.versions[2].weight_bp, 0);
        pass_until(&sim, PHASE_ROLLED_BACK, 2000);
        assert_int_equal(sim_ask(&sim, ASK_START, 3), 0);
        sim_pass(&sim, 3000);
        assert_int_equal(sim.versions[2].wanted, 0); /* nobody asks for it any more */
        sim_done(&sim);
}

static void what_was_rolled_back_can_be_tried_again(void **state)
{
        (void) state;
        begin(&sim, 20);
        assert_int_equal(sim_ask(&sim, ASK_START, 2), 0);
        pass_until(&sim, PHASE_CANARY, 10000);
        assert_int_equal(sim_ask(&sim, ASK_RETRY, 2), -1);
        assert_int_equal(sim_ask(&sim, ASK_ABORT, 0), 0);
        pass_until(&sim, PHASE_ROLLED_BACK, 2000);
        sim_pass(&sim, 200);
        assert_int_equal(sim_ask(&sim, ASK_RETRY, 2), 0);
        pass_until(&sim, PHASE_DONE, 60000);
        assert_int_equal(sim.target->now.stable.version, 2);
        assert_int_equal(sim_ask(&sim, ASK_RETRY, 2), -1);
        sim_done(&sim);
}

static void a_router_that_does_not_confirm_is_not_pressed(void **state)
{
        (void) state;
        begin(&sim, 21);
        assert_int_equal(sim_ask(&sim, ASK_START, 2), 0);
        pass_until(&sim, PHASE_CANARY, 10000);
        sim_pass(&sim, 1500);
        sim.router_stuck = true; /* it takes the weights, and a gateway does not say so for a while */
        int before = sim.routes;
        assert_int_equal(sim_ask(&sim, ASK_ABORT, 0), 0);
        sim_pass(&sim, 2000);
        assert_in_range(sim.routes - before, 2, 11);
        sim.router_stuck = false;
        pass_until(&sim, PHASE_ROLLED_BACK, 500);
        sim_done(&sim);
}

static void a_rollback_while_nobody_led_outlives_the_window(void **state)
{
        (void) state;
        begin(&sim, 22);
        assert_int_equal(sim_ask(&sim, ASK_START, 2), 0);
        pass_until(&sim, PHASE_DONE, 60000);
        sim_pass(&sim, 500);
        sim.crash_now = true;
        sim.absent_ms = 1000000;
        sim_pass(&sim, 1);
        assert_null(sim.target);
        sim.absent_until_ms = sim.now_ms + 150000; /* longer than version 1 is kept */
        sim.versions[1].weight_bp = WEIGHT_ALL;    /* as ctl does without us */
        sim.versions[2].weight_bp = 0;
        sim_pass(&sim, 160000);
        assert_non_null(sim.target);
        assert_int_equal(sim.target->now.stable.version, 1);
        assert_int_equal(sim.versions[1].weight_bp, WEIGHT_ALL);
        assert_int_equal(phase(&sim), PHASE_ROLLED_BACK);
        holds(&sim);
        sim_done(&sim);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_good_version_goes_all_the_way),
                cmocka_unit_test(a_bad_version_is_out_within_a_tick),
                cmocka_unit_test(a_rollback_needs_nothing_but_the_router),
                cmocka_unit_test(a_rollback_waits_for_the_router),
                cmocka_unit_test(going_back_when_done),
                cmocka_unit_test(without_evidence_it_holds_and_says_so),
                cmocka_unit_test(without_evidence_for_too_long_the_policy_decides),
                cmocka_unit_test(a_slower_candidate_within_the_objective_is_rolled_back),
                cmocka_unit_test(an_equally_fast_candidate_passes_at_bounds_that_outlive_a_restart),
                cmocka_unit_test(a_quantile_that_stable_has_not_shown_yet_holds_the_step),
                cmocka_unit_test(a_candidate_without_a_histogram_holds_and_says_so),
                cmocka_unit_test(no_traffic_is_no_evidence),
                cmocka_unit_test(pausing_holds_steps_and_not_gates),
                cmocka_unit_test(people_may_push),
                cmocka_unit_test(a_version_that_cannot_start_never_gets_traffic),
                cmocka_unit_test(a_candidate_that_dies_is_taken_out),
                cmocka_unit_test(what_was_asked_for_the_last_candidate_is_not_answered_for_the_next),
                cmocka_unit_test(weights_that_drift_are_put_right),
                cmocka_unit_test(blue_green_previews_switches_and_finishes),
                cmocka_unit_test(blue_green_switches_back_in_one_write),
                cmocka_unit_test(a_small_surge_climbs_in_smaller_weights),
                cmocka_unit_test(replicas_change_without_a_rollout),
                cmocka_unit_test(drift_is_told_and_the_clock_holds),
                cmocka_unit_test(another_release_backs_out_at_once),
                cmocka_unit_test(what_was_rolled_back_can_be_tried_again),
                cmocka_unit_test(a_router_that_does_not_confirm_is_not_pressed),
                cmocka_unit_test(a_rollback_while_nobody_led_outlives_the_window),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
