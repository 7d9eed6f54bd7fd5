/* The record: what moves do to it, and that JSON keeps all of it. */
#include "tests/unit/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/auto.h"
#include "lib/judge_query.h"
#include "lib/mem.h"
#include "rolloutd/rollout_json.h"

/* Freed at the end of its block. */
#define ROLLOUT __attribute__((cleanup(rollout_done))) struct rollout

static const struct move *row(const char *id)
{
        for (size_t i = 0; i < fsm_move_count; i++)
                if (strcmp(fsm_moves[i].row, id) == 0)
                        return &fsm_moves[i];
        fail_msg("there is no row %s", id);
        return NULL;
}

static const struct policy *policy(void)
{
        struct policy p;

        policy_defaults(&p);
        strcpy(p.name, "test");
        strcpy(p.summary, "for tests");
        p.steps[0] = (struct policy_step){ .weight_bp = 500, .hold_ms = 1000 };
        p.steps[1] = (struct policy_step){ .weight_bp = 2500, .hold_ms = 2000 };
        p.steps[2] = (struct policy_step){ .weight_bp = 10000, .hold_ms = 3000 };
        p.n_steps = 3;
        p.error_rate = (struct policy_share){ .on = true, .max_ratio = 1.5, .limit = .05 };
        p.queries[0] = (struct policy_query){ .name = "cost", .query = "sum(x)", .has_max = true, .max = 1.5 };
        p.n_queries = 1;
        return policy_share(NULL, &p);
}

static void ask(struct rollout *r, const char *id, enum ask what, int64_t version)
{
        struct request rq = { .what = what, .version = version, .policy = policy(), .actor = "ann", .reason = "because" };

        rollout_apply(r, row(id), &rq, "", 1000000);
        policy_unref(rq.policy);
}

static void move(struct rollout *r, const char *id)
{
        static const struct request nobody;

        rollout_apply(r, row(id), &nobody, "seen", 1000000);
}

/* Version 1 is stable. */
static struct rollout served(void)
{
        struct rollout r;

        rollout_init(&r, "prod.credit", "credit");
        ask(&r, "idle.start", ASK_START, 1);
        move(&r, "pending.first-ready");
        move(&r, "promoting.stands");
        return r;
}

static void upgrade(struct rollout *r, int64_t version)
{
        ask(r, r->phase == PHASE_DONE ? "done.start" : "rolled-back.start", ASK_START, version);
        move(r, "pending.ready");
        move(r, "canary.passed");
        move(r, "canary.passed");
        move(r, "canary.passed-last");
        move(r, "promoting.stands");
}

static void the_first_version_becomes_stable(void **state)
{
        ROLLOUT r = served();
        (void) state;

        assert_int_equal(r.phase, PHASE_DONE);
        assert_int_equal(r.stable.version, 1);
        assert_int_equal(r.candidate.version, 0);
        assert_int_equal(r.n_window, 0);
        assert_int_equal(r.n_outbox, 3);
        assert_int_equal(r.last_event, 3);
        assert_string_equal(r.outbox[0].actor, "ann");
        assert_string_equal(r.outbox[2].row, "promoting.stands");
        assert_int_equal(r.outbox[0].stable, 0);
        assert_int_equal(r.outbox[0].candidate, 1);
        assert_int_equal(r.outbox[2].stable, 1);
        assert_int_equal(r.outbox[2].candidate, 0);
        assert_int_equal(r.outbox[2].weight_bp, WEIGHT_ALL);
}

static void weights_follow_the_steps(void **state)
{
        ROLLOUT r = served();
        struct weight w[2];
        (void) state;

        ask(&r, "done.start", ASK_START, 2);
        assert_int_equal(rollout_weight_bp(&r), 0);
        move(&r, "pending.ready");
        assert_int_equal(rollout_weights(&r, w), 2);
        assert_int_equal(w[0].version, 2);
        assert_int_equal(w[0].bp, 500);
        assert_int_equal(w[1].bp, 9500);
        move(&r, "canary.passed");
        assert_int_equal(rollout_weight_bp(&r), 2500);
        move(&r, "canary.breach");
        assert_int_equal(rollout_weights(&r, w), 1);
        assert_int_equal(w[0].version, 1);
        assert_int_equal(w[0].bp, WEIGHT_ALL);
        assert_int_equal(r.stable.version, 1);
        assert_int_equal(r.candidate.version, 2);
}

static void an_old_stable_version_stays_warm_for_the_window(void **state)
{
        ROLLOUT r = served();
        struct deployment d[WORLD_VERSIONS_MAX];
        (void) state;

        for (int64_t v = 2; v <= 5; v++)
                upgrade(&r, v);
        assert_int_equal(r.stable.version, 5);
        assert_int_equal(r.n_window, 2); /* the policy's window_versions */
        assert_int_equal(r.window[0].version, 4);
        assert_int_equal(r.window[1].version, 3);
        assert_int_equal(rollout_deployments(&r, NULL, d), 3);
        assert_false(rollout_expire(&r, 1000000));
        assert_true(rollout_expire(&r, 1000000 + 3600 * 1000));
        assert_int_equal(r.n_window, 0);
}

static void a_rollback_when_done_goes_to_the_version_before(void **state)
{
        ROLLOUT r = served();
        struct err e = { 0 };
        int64_t to;
        (void) state;

        upgrade(&r, 2);
        assert_int_equal(rollout_back_to(&r, 0, &to, NULL), 0);
        assert_int_equal(to, 1);
        ask(&r, "done.rollback", ASK_ROLLBACK, to);
        assert_int_equal(r.stable.version, 1);
        assert_int_equal(r.candidate.version, 0);
        assert_int_equal(rollout_weight_bp(&r), 0);
        move(&r, "rolling-back.stands");
        assert_int_equal(r.phase, PHASE_ROLLED_BACK);
        /* The version left behind can be gone back to, but not by a plain second rollback. */
        assert_int_equal(r.window[0].version, 2);
        assert_int_equal(rollout_back_to(&r, 2, &to, NULL), 0);
        assert_failed(rollout_back_to(&r, 0, &to, &e), e, ERR_CONFLICT, "--to takes 2");
        assert_false(rollout_expire(&r, 1000000 + r.policy->rollback_window_ms - 1));
        assert_true(rollout_expire(&r, 1000000 + r.policy->rollback_window_ms));
        assert_int_equal(r.n_window, 0);
}

static void plain_rollbacks_go_back_and_back_and_never_forward(void **state)
{
        ROLLOUT r = served();
        struct err e = { 0 };
        int64_t to;
        (void) state;

        upgrade(&r, 2);
        upgrade(&r, 3);
        for (int64_t expected = 2; expected >= 1; expected--) {
                assert_int_equal(rollout_back_to(&r, 0, &to, NULL), 0);
                assert_int_equal(to, expected);
                ask(&r, r.phase == PHASE_DONE ? "done.rollback" : "rolled-back.rollback", ASK_ROLLBACK, to);
                move(&r, "rolling-back.stands");
        }
        assert_failed(rollout_back_to(&r, 0, &to, &e), e, ERR_CONFLICT, "--to takes 2 or 3");
        assert_int_equal(r.stable.version, 1);

        /* Forward by name undoes the rollback: the version before is the one before again. */
        ask(&r, "rolled-back.rollback", ASK_ROLLBACK, 3);
        move(&r, "rolling-back.stands");
        assert_int_equal(r.stable.version, 3);
        assert_int_equal(rollout_back_to(&r, 0, &to, NULL), 0);
        assert_int_equal(to, 1);
}

static void a_candidate_that_was_rolled_back_is_only_there_to_be_looked_at(void **state)
{
        ROLLOUT r = served();
        struct err e = { 0 };
        int64_t to;
        (void) state;

        upgrade(&r, 2);
        ask(&r, "done.start", ASK_START, 3);
        move(&r, "pending.ready");
        move(&r, "canary.breach");
        assert_failed(rollout_back_to(&r, 3, &to, &e), e, ERR_CONFLICT, "version 3 was rolled back: the candidate broke a gate");
        move(&r, "rolling-back.stands");
        assert_failed(rollout_back_to(&r, 3, &to, &e), e, ERR_CONFLICT, "broke a gate: seen; ctl rollout start tries it again");

        /* A rollback at rest leaves it where it is, for as long as before, and knows why it was rolled back. */
        int64_t until_ms = r.candidate.until_ms;
        ask(&r, "rolled-back.rollback", ASK_ROLLBACK, 1);
        move(&r, "rolling-back.stands");
        assert_int_equal(r.stable.version, 1);
        assert_int_equal(r.candidate.version, 3);
        assert_int_equal(r.candidate.until_ms, until_ms);
        assert_int_equal(r.verdict.at_ms, 0);
        assert_failed(rollout_back_to(&r, 3, &to, &e), e, ERR_CONFLICT, "broke a gate: seen");
        assert_int_equal(rollout_back_to(&r, 2, &to, NULL), 0);
        assert_true(rollout_expire(&r, until_ms));
        assert_int_equal(r.candidate.version, 0);
}

static void where_a_rollback_can_go(void **state)
{
        ROLLOUT idle = { 0 };
        ROLLOUT r = served();
        struct err e = { 0 };
        int64_t to;
        (void) state;

        rollout_init(&idle, "prod.credit", "credit");
        assert_failed(rollout_back_to(&idle, 0, &to, &e), e, ERR_CONFLICT, "no stable version");
        assert_failed(rollout_back_to(&r, 0, &to, &e), e, ERR_CONFLICT, "no earlier version");
        assert_failed(rollout_back_to(&r, 1, &to, &e), e, ERR_CONFLICT, "already");
        upgrade(&r, 2);
        upgrade(&r, 3);
        assert_failed(rollout_back_to(&r, 9, &to, &e), e, ERR_CONFLICT, "does not run");
        assert_int_equal(rollout_back_to(&r, 1, &to, NULL), 0);
        ask(&r, "done.start", ASK_START, 4);
        move(&r, "pending.ready");
        assert_int_equal(rollout_back_to(&r, 0, &to, NULL), 0);
        assert_int_equal(to, 3);
        assert_int_equal(rollout_back_to(&r, 3, &to, NULL), 0);
        assert_failed(rollout_back_to(&r, 4, &to, &e), e, ERR_CONFLICT, "does not run any more");
}

static void a_rollback_during_a_rollout_may_go_further_back(void **state)
{
        ROLLOUT r = served();
        (void) state;

        upgrade(&r, 2);
        ask(&r, "done.start", ASK_START, 3);
        move(&r, "pending.ready");
        ask(&r, "canary.rollback", ASK_ROLLBACK, 1);
        assert_int_equal(r.phase, PHASE_ROLLING_BACK);
        assert_int_equal(r.stable.version, 1);
        assert_int_equal(r.candidate.version, 3);
        assert_int_equal(r.n_window, 1);
        assert_int_equal(r.window[0].version, 2);
}

static void a_first_version_that_fails_leaves_nothing(void **state)
{
        struct deployment d[WORLD_VERSIONS_MAX];
        ROLLOUT r = { 0 };
        (void) state;

        rollout_init(&r, "prod.credit", "credit");
        ask(&r, "idle.start", ASK_START, 1);
        move(&r, "pending.first-failed");
        assert_int_equal(r.phase, PHASE_IDLE);
        assert_int_equal(rollout_deployments(&r, NULL, d), 0);
        assert_contains(r.note, "cannot start: seen");
        assert_int_equal(r.outbox[r.n_outbox - 1].candidate, 1);
}

static void a_later_request_does_not_change_who_started_it(void **state)
{
        ROLLOUT r = served();
        struct request rq = { .what = ASK_PAUSE, .actor = "oncall", .reason = "lunch" };
        (void) state;

        ask(&r, "done.start", ASK_START, 2);
        rollout_apply(&r, row("pending.pause"), &rq, "", 1000000);
        assert_string_equal(r.started_by, "ann");
        assert_string_equal(r.reason, "because");
        assert_string_equal(r.actor, "oncall");
        assert_contains(r.note, "lunch");
}

static void a_new_step_begins_with_no_evidence(void **state)
{
        ROLLOUT r = served();
        (void) state;

        ask(&r, "done.start", ASK_START, 2);
        move(&r, "pending.ready");
        rollout_stands(&r, 5000);
        r.held_ms = 900;
        r.judge.step[ARM_CANDIDATE].requests = 77;
        assert_int_equal(rollout_hold_left_ms(&r), 100);
        *sampler_add(&r.sampler) = (struct sampler_mark){ "127.0.0.1:18101", 2, 777 };
        move(&r, "canary.passed");
        assert_int_equal(r.sampler.n, 1); /* counting goes on */
        assert_false(r.stood);
        assert_true(r.served);
        assert_int_equal(r.held_ms, 0);
        assert_int_equal(r.judge.step[ARM_CANDIDATE].requests, 0);
        assert_int_equal(rollout_hold_left_ms(&r), 2000);
        move(&r, "canary.breach");
        move(&r, "rolling-back.stands");
        assert_int_equal(r.sampler.n, 0); /* nothing is counted at rest */
}

static void a_restart_falls_back_to_the_weight_that_is_live(void **state)
{
        static const struct {
                int live_bp, step;
        } cases[] = { { 500, 0 }, { 499, 0 }, { 2500, 1 }, { 3000, 1 }, { 10000, 2 } };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                ROLLOUT r = served();

                ask(&r, "done.start", ASK_START, 2);
                move(&r, "pending.ready");
                move(&r, "canary.passed");
                move(&r, "canary.passed");
                rollout_lower(&r, cases[i].live_bp, 1);
                assert_int_equal(r.step, cases[i].step);
        }
}

static void verdict_events_are_made_when_something_changes(void **state)
{
        ROLLOUT r = served();
        struct verdict v;
        int before = r.n_outbox;
        (void) state;

        verdict_none(&v, "stale", "old");
        rollout_judged(&r, &v, 1);
        rollout_judged(&r, &v, 2);
        assert_int_equal(r.n_outbox, before + 1);
        verdict_none(&v, "requests", "few");
        rollout_judged(&r, &v, 3);
        assert_int_equal(r.n_outbox, before + 2);
        assert_string_equal(r.outbox[before + 1].why, "few");
        for (int i = 0; i < 100; i++) {
                verdict_none(&v, i % 2 ? "stale" : "requests", "x");
                rollout_judged(&r, &v, i);
        }
        assert_true(r.n_outbox <= ROLLOUT_OUTBOX_MAX / 2);
}

static void recorded_events_leave_the_outbox(void **state)
{
        ROLLOUT r = served();
        (void) state;

        rollout_recorded(&r, 2);
        assert_int_equal(r.n_outbox, 1);
        assert_int_equal(r.outbox[0].number, 3);
        rollout_recorded(&r, 2);
        assert_int_equal(r.n_outbox, 1);
}

/* A record in which every member has something to lose. */
static struct rollout rich(void)
{
        struct rollout r = served();
        struct verdict v = { .state = VERDICT_BREACH, .gate = "error-limit", .reason = "bad \"quoted\"" };

        upgrade(&r, 2);
        ask(&r, "done.start", ASK_START, 3);
        rollout_recorded(&r, r.last_event - 1);
        memcpy(r.candidate.digest, "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
               DIGEST_TEXT_LEN + 1);
        move(&r, "pending.ready");
        rollout_stands(&r, 123456);
        r.held_ms = 250;
        r.starved_ms = 3;
        r.starting_ms = 4;
        r.paused = true;
        r.judge = (struct judge){
                .total = { { 1, 2, 3, 4 }, { 5, 6, 7, 8 } },
                .step = { { 9, 8, 7, 6 }, { 5, 4, 3, 2 } },
                .window = { { { 1, 1, 1, 1 }, { 2, 2, 2, 2 } }, { { 3, 3, 3, 3 }, { 4, 4, 4, 4 } } },
                .unpaired = { { 1, 0, 0, 0 }, { 0, 0, 1, 0 } },
                .window_since_ms = 99,
                .errors = { .worse = { .log_e = { .1, -.2, 1e-17, 3, 4, 1.0 / 3 }, .peak = 2.5, .ticks = 9 },
                            .effect = { .log_l = { [10] = -1e30f } },
                            .spread = { 1, 2, 3, 4.5 } },
                .burn = { { .bad = { 1.5 }, .all = { [3] = 7 } } },
                .step_since_ms = 5,
                .last_ms = 6,
                .failures = { 0, 3 },
        };
        judge_compare_ask_sound(&r.judge.errors)->log_e[0] = -3;
        judge_gate_of(&r.judge, 1)->share = xcalloc(1, sizeof(struct judge_count));
        *judge_gate_of(&r.judge, 1)->share = (struct judge_count){ 1, 100, 2, 101, .5, 1, { 7, 8, 9 } };
        r.judge.bounds = (struct judge_bounds){
                .list = xcalloc(2, sizeof *r.judge.bounds.list), .n = 2, .at_objective = 4, .merged = 1, .watched = 1234
        };
        for (int i = 0; i < 2; i++)
                r.judge.bounds.list[i] = (struct judge_bound){
                        .us = 2500 + i,
                        .usual = .43f,
                        .quantiles = 1U << i,
                        .worse = { .log_e = { 1, 2, 3, 4, 5, -6.5 }, .peak = 1.0 / 3, .ticks = 7 },
                        .effect = { .log_l = { .1f, -3e10f } },
                        .spread = { 1, 2.5f, 3, 4 },
                        .unpaired_of = { 7, 0 },
                        .unpaired_above = { 3, 0 },
                        .total = { { 100, 40 }, { 1000000000000000, 5 } },
                };
        strcpy(r.rejected, "why not");
        r.window[0].left = true;
        *sampler_add(&r.sampler) = (struct sampler_mark){ "127.0.0.1:18101", 3, 777 };
        v.numbers[0] = (struct verdict_number){ "share", .25 };
        v.n_numbers = 1;
        rollout_judged(&r, &v, 1000500);
        return r;
}

static void json_keeps_everything(void **state)
{
        ROLLOUT r = rich();
        ROLLOUT again = { 0 };
        ROLLOUT fresh = { 0 };
        ROLLOUT fresh_again = { 0 };
        struct err e = { 0 };
        char *first = rollout_encode(&r), *second;
        (void) state;

        assert_ok(rollout_decode(first, NULL, &again, &e), e);
        second = rollout_encode(&again);
        assert_string_equal(first, second);
        assert_true(memcmp(r.judge.errors.sound, again.judge.errors.sound, sizeof *r.judge.errors.sound) == 0);
        free(TAKE(r.judge.errors.sound)); /* the rest is the same byte for byte */
        free(TAKE(again.judge.errors.sound));
        assert_true(memcmp(&r.judge, &again.judge, offsetof(struct judge, bounds)) == 0);
        assert_int_equal(again.judge.gates[1].share->of, 100);
        assert_int_equal(again.judge.gates[1].share->surplus.most, 9);
        assert_int_equal(again.judge.bounds.n, 2);
        assert_true(memcmp(r.judge.bounds.list, again.judge.bounds.list, 2 * sizeof *r.judge.bounds.list) == 0);
        assert_memory_equal(&r.policy->queries[0], &again.policy->queries[0], sizeof r.policy->queries[0]);
        assert_int_equal(again.outbox[again.n_outbox - 1].verdict.numbers[0].value * 100, 25);
        assert_string_equal(again.candidate.digest, r.candidate.digest);
        assert_string_equal(again.rejected, "why not");
        assert_true(again.window[0].left);
        free(first);
        free(second);

        rollout_init(&fresh, "fresh", "fresh");
        first = rollout_encode(&fresh);
        assert_ok(rollout_decode(first, NULL, &fresh_again, &e), e);
        free(first);
}

/* As programs wrote it that knew neither targets, releases nor declarations. */
static void an_old_record_is_understood(void **state)
{
        static const char text[] =
                "{\"format\":1,\"model\":\"credit\",\"phase\":\"DONE\",\"rollout_id\":1,"
                "\"stable\":{\"version\":3,\"replicas\":2,\"digest\":\"\",\"until_ms\":0},"
                "\"candidate\":{\"version\":0,\"replicas\":0,\"digest\":\"\",\"until_ms\":0},\"window\":[],"
                "\"policy\":{\"name\":\"p\",\"summary\":\"\",\"steps\":[{\"weight_bp\":10000,\"hold_ms\":1}],"
                "\"error_rate\":{\"on\":true,\"max_ratio\":1.5,\"limit\":0.0,\"objective_ms\":0},"
                "\"latency\":{\"on\":false,\"max_ratio\":0.0,\"limit\":0.0,\"objective_ms\":0},\"queries\":[],"
                "\"min_requests\":1,\"false_rollback\":0.01,\"max_hold_ms\":1,\"starved_rolls_back\":false,"
                "\"start_deadline_ms\":1,\"keep_failed_ms\":1,\"rollback_window_ms\":1,\"window_versions\":2,\"replicas\":2},"
                "\"progress\":{\"step\":0,\"paused\":false,\"served\":true,\"stood\":false,\"stood_at_ms\":0,\"held_ms\":0,"
                "\"starved_ms\":0,\"starting_ms\":0,\"sampler\":[],\"judge\":{"
                "\"errors\":{\"log_e\":[0,0,0,0,0,0,0,0],\"peak\":0},\"slow\":{\"log_e\":[0,0,0,0,0,0,0,0],\"peak\":0},"
                "\"total\":[0,0,0,0,0,0,0,0],\"step\":[0,0,0,0,0,0,0,0],\"window\":[0,0,0,0,0,0,0,0],"
                "\"window_before\":[0,0,0,0,0,0,0,0],\"unpaired\":[0,0,0,0,0,0,0,0],\"window_since_ms\":0},\"verdict\":null},"
                "\"actor\":\"\",\"reason\":\"\",\"note\":\"\",\"started_at\":null,\"updated_at\":null,\"last_event\":1,"
                "\"outbox\":[{\"number\":1,\"rollout_id\":1,\"at\":null,\"kind\":\"done\",\"row\":\"promoting.stands\","
                "\"from\":\"PROMOTING\",\"to\":\"DONE\",\"stable\":3,\"candidate\":null,\"weight\":100,\"why\":\"\","
                "\"actor\":\"\",\"verdict\":null}]}";
        ROLLOUT r = { 0 };
        struct err e = { 0 };
        (void) state;

        assert_ok(rollout_decode(text, NULL, &r, &e), e);
        assert_string_equal(r.target, "credit");
        assert_int_equal(r.stable.version, 3);
        assert_int_equal(r.outbox[0].stable, 3);
        assert_int_equal(r.surge_percent, 100);
        assert_false(r.policy->steps[0].pause);
}

static void releases_keep_their_builds(void **state)
{
        ROLLOUT r = served();
        ROLLOUT again = { 0 };
        struct err e = { 0 };
        (void) state;

        ask(&r, "done.start", ASK_START, release_key(7, 1));
        strcpy(r.candidate.build, "0123456789abcdef");
        AUTO(str) text = rollout_encode(&r);
        assert_ok(rollout_decode(text, NULL, &again, &e), e);
        assert_true(again.candidate.version == release_key(7, 1));
        assert_string_equal(again.candidate.build, "0123456789abcdef");
        assert_true(again.outbox[again.n_outbox - 1].candidate == release_key(7, 1));
        AUTO(json) view = rollout_view(&again, &(struct rollout_view){ .message = "" });
        assert_int_equal(json_integer_value(json_object_get(view, "candidate")), 7);
        assert_string_equal(json_string_value(json_object_get(view, "candidate_release")), "7.1");
}

static void equal_policies_are_shared(void **state)
{
        struct policy_pool *pool = policy_pool_new();
        const struct policy *mine = policy(), *a = policy_share(pool, mine), *b = policy_share(pool, mine);
        struct policy other = *mine;
        (void) state;

        other.steps[0].hold_ms++;
        const struct policy *c = policy_share(pool, &other);
        assert_ptr_equal(a, b);
        assert_ptr_not_equal(a, c);
        assert_ptr_not_equal(a, mine);
        policy_unref(a);
        policy_unref(mine);
        assert_int_equal(b->n_steps, 3);
        policy_pool_free(pool);
        policy_unref(b);
        policy_unref(c);
        assert_ptr_equal(policy_share(NULL, &policy_none), &policy_none);
}

/* Replace the first `from` by `to`; the caller frees. */
static char *replaced(const char *text, const char *from, const char *to)
{
        const char *at = strstr(text, from);
        char *out = malloc(strlen(text) + strlen(to) + 1);

        assert_non_null(at);
        sprintf(out, "%.*s%s%s", (int) (at - text), text, to, at + strlen(from));
        return out;
}

static void a_record_that_does_not_fit_is_refused(void **state)
{
        static const struct {
                const char *from, *to, *says;
        } cases[] = {
                { "\"format\":1", "\"format\":2", "format 2" },
                { "\"CANARY\"", "\"SLEEPING\"", "SLEEPING" },
                { "\"step\":0", "\"step\":7", "step 7" },
                { "\"actor\":", "\"extra\":1,\"actor\":", "extra" },
                { "\"held_ms\":250", "\"held_ms\":\"x\"", "progress" },
                { "\"peak\":2.5", "\"peak\":null", "test" },
                { "[1,2,3,4,5,6,7,8]", "[1,2,3,4,5,6,7]", "eight" },
                { "[1,2,3,4,5,6,7,8]", "[1,2,3,4,5,6,7,-8]", "not negative" },
                { "\"us\":2500", "\"us\":0", "bound: us" },
                { "\"us\":2500", "\"us\":2.5", "bound" },
                { "\"us\":2500,", "", "us" },
                { "\"usual\":0.4", "\"usual\":7.4", "usual" },
                { "\"quantiles\":2,\"worse\"", "\"quantiles\":16,\"worse\"", "quantiles out of range" },
                { "\"total\":[100,40,", "\"total\":[100,", "four numbers" },
                { "\"total\":[100,40,", "\"total\":[100,-40,", "not negative" },
                { "\"merged\":1", "\"merged\":5", "merged" },
                { "\"watched\":1234.0", "\"watched\":-1", "watched" },
                { "\"list\":[", "\"list\":[1,2,3,", "at most 4" },
                { "\"list\":[", "\"list\":[1,", "bound" },
                { "\"weight_bp\":10000", "\"weight_bp\":9000", "last weight" },
                { "\"state\":\"breach\"", "\"state\":\"odd\"", "odd" },
                { "sha256:0", "sha256:x", "digest" },
        };
        ROLLOUT r = rich();
        struct rollout out;
        char *text = rollout_encode(&r);
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                char *bad = replaced(text, cases[i].from, cases[i].to);
                struct err e = { 0 };

                assert_failed(rollout_decode(bad, NULL, &out, &e), e, ERR_INVALID, cases[i].says);
                free(bad);
        }
        free(text);
}

static void the_view_is_what_the_api_promises(void **state)
{
        ROLLOUT r = rich();
        AUTO(json) v = rollout_view(&r, &(struct rollout_view){ .revision = 12, .message = "waiting" });
        (void) state;

        assert_int_equal(json_integer_value(json_object_get(v, "stable")), 2);
        assert_int_equal(json_integer_value(json_object_get(v, "candidate")), 3);
        assert_int_equal(json_integer_value(json_object_get(v, "weight_asked")), 5);
        assert_true(json_real_value(json_object_get(v, "weight_observed")) == 35.71);
        assert_int_equal(json_integer_value(json_object_get(v, "hold_left_ms")), 750);
        assert_int_equal(json_integer_value(json_object_get(v, "revision")), 12);
        assert_int_equal(json_array_size(json_object_get(v, "steps")), 3);
        assert_int_equal(json_array_size(json_object_get(v, "window")), 1);
        assert_string_equal(json_string_value(json_object_get(json_object_get(v, "verdict"), "state")), "breach");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_version_becomes_stable),
                cmocka_unit_test(weights_follow_the_steps),
                cmocka_unit_test(an_old_stable_version_stays_warm_for_the_window),
                cmocka_unit_test(a_rollback_when_done_goes_to_the_version_before),
                cmocka_unit_test(plain_rollbacks_go_back_and_back_and_never_forward),
                cmocka_unit_test(a_candidate_that_was_rolled_back_is_only_there_to_be_looked_at),
                cmocka_unit_test(where_a_rollback_can_go),
                cmocka_unit_test(a_rollback_during_a_rollout_may_go_further_back),
                cmocka_unit_test(a_first_version_that_fails_leaves_nothing),
                cmocka_unit_test(a_later_request_does_not_change_who_started_it),
                cmocka_unit_test(a_new_step_begins_with_no_evidence),
                cmocka_unit_test(a_restart_falls_back_to_the_weight_that_is_live),
                cmocka_unit_test(verdict_events_are_made_when_something_changes),
                cmocka_unit_test(recorded_events_leave_the_outbox),
                cmocka_unit_test(json_keeps_everything),
                cmocka_unit_test(an_old_record_is_understood),
                cmocka_unit_test(releases_keep_their_builds),
                cmocka_unit_test(equal_policies_are_shared),
                cmocka_unit_test(a_record_that_does_not_fit_is_refused),
                cmocka_unit_test(the_view_is_what_the_api_promises),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
