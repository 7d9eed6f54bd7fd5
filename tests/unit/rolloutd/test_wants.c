/* Declarations against a simulated cluster: what is started, what backs out, what is told, and what is left in peace. */
#include "tests/unit/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/auto.h"
#include "rolloutd/wants.h"
#include "tests/unit/rolloutd/sim.h"

#define DIGEST "sha256:000000000000000000000000000000000000000000000000000000000000000"

struct fixture {
        struct sim sim;
        struct wants *wants;
        struct platform_listener listener;
        struct platform_ops ops;
        struct policy policy;
        bool no_policy, gone;
        struct err registry; /* kind ERR_NONE: it answers */
        int64_t alias;       /* what @champion means */
        int lookups, publishes, unmarks;
        int64_t followed;
        struct desire_trouble trouble;
        struct {
                wants_resolved_fn done;
                void *arg;
                char ref[80];
        } asked[4];
        int n_asked;
};

static struct fixture fx; /* large */

static void op_listen(struct platform *p, const struct platform_listener *l)
{
        (void) p;
        fx.listener = *l;
}

static void op_publish(struct platform *p, const struct target *t, int64_t followed, const struct desire_trouble *trouble)
{
        (void) p, (void) t;
        fx.publishes++;
        fx.followed = followed;
        fx.trouble = trouble ? *trouble : (struct desire_trouble){ 0 };
}

static void op_unmark(struct platform *p, const char *target, const char *id)
{
        (void) p, (void) target;
        assert_true(rollout_has_gone_back(&fx.sim.saved, id)); /* only what is saved */
        fx.unmarks++;
}

static int64_t now(void *arg)
{
        (void) arg;
        return fx.sim.now_ms;
}

static uint32_t dice(void *arg)
{
        (void) arg;
        return 0;
}

static const struct policy *policy_named(void *arg, const char *name, struct err *e)
{
        (void) arg;
        if (!fx.no_policy && (!*name || strcmp(name, "sim") == 0))
                return &fx.policy;
        err_set(e, ERR_NOT_FOUND, "there is no policy \"%s\"", name);
        return NULL;
}

static void resolve(void *arg, const char *model, const char *ref, wants_resolved_fn done, void *done_arg)
{
        (void) arg;
        assert_string_equal(model, "credit");
        fx.lookups++;
        fx.asked[fx.n_asked].done = done;
        fx.asked[fx.n_asked].arg = done_arg;
        snprintf(fx.asked[fx.n_asked++].ref, sizeof fx.asked[0].ref, "%s", ref);
}

static int target(void *arg, const char *id, const char *model, struct target **out, struct err *e)
{
        (void) arg, (void) id, (void) model, (void) e;
        *out = fx.sim.target;
        return 0;
}

static void forget(void *arg, const char *id)
{
        (void) arg;
        assert_string_equal(id, "credit");
        fx.gone = true;
}

static void answer(void)
{
        int n = fx.n_asked;

        fx.n_asked = 0;
        for (int i = 0; i < n; i++) {
                struct registry_version v = { .number = fx.asked[i].ref[0] == '@' ? fx.alias : atoi(fx.asked[i].ref) };

                snprintf(v.digest, sizeof v.digest, DIGEST "%lld", (long long) v.number);
                fx.asked[i].done(fx.asked[i].arg, fx.registry.kind ? NULL : &v, fx.registry.kind ? &fx.registry : NULL);
        }
}

static void pass(int64_t ms)
{
        for (int64_t until_ms = fx.sim.now_ms + ms; fx.sim.now_ms < until_ms;) {
                answer();
                (void) wants_run(fx.wants);
                sim_pass(&fx.sim, 50);
                if (*fx.sim.why)
                        fail_msg("%s", fx.sim.why);
        }
}

static enum phase phase(void)
{
        return fx.sim.target->now.phase;
}

static void pass_until(enum phase p, int64_t most_ms)
{
        for (int64_t until_ms = fx.sim.now_ms + most_ms; phase() != p && fx.sim.now_ms < until_ms;)
                pass(50);
        if (phase() != p)
                fail_msg("%s, not %s", phase_name(phase()), phase_name(p));
}

static struct desire desire(const char *ref, const char *build)
{
        static int64_t generation;
        struct desire d = { .target = "credit", .model = "credit", .replicas = 1, .surge_percent = 100 };

        d.generation = ++generation;
        snprintf(d.ref, sizeof d.ref, "%s", ref);
        snprintf(d.build, sizeof d.build, "%s", build);
        return d;
}

static int64_t want(const struct desire *d)
{
        fx.listener.wanted(fx.listener.arg, d);
        return d->generation;
}

static void changed(void *arg, struct target *t)
{
        (void) arg;
        wants_target_changed(fx.wants, t);
}

static int setup(void **state)
{
        (void) state;
        memset(&fx, 0, sizeof fx);
        sim_init(&fx.sim, 1);
        fx.ops = *fx.sim.platform.ops;
        fx.ops.listen = op_listen;
        fx.ops.publish = op_publish;
        fx.ops.unmark = op_unmark;
        fx.sim.platform.ops = &fx.ops;
        fx.sim.env.changed = changed;
        policy_defaults(&fx.policy);
        strcpy(fx.policy.name, "sim");
        fx.policy.steps[0] = (struct policy_step){ .weight_bp = 500, .hold_ms = 3000 };
        fx.policy.steps[1] = (struct policy_step){ .weight_bp = 10000, .hold_ms = 3000 };
        fx.policy.n_steps = 2;
        fx.policy.min_requests = 20;
        fx.policy.error_rate = (struct policy_share){ .on = true, .max_ratio = 1.5, .limit = .1 };
        fx.wants = wants_new(&(struct wants_env){ .platform = &fx.sim.platform,
                                                  .now_ms = now,
                                                  .dice = dice,
                                                  .policy = policy_named,
                                                  .resolve = resolve,
                                                  .target = target,
                                                  .forget = forget });
        wants_listen(fx.wants);
        return 0;
}

static int teardown(void **state)
{
        (void) state;
        wants_free(fx.wants);
        sim_done(&fx.sim);
        return 0;
}

/* Version 1, run as "a", serves. */
static void serve(void)
{
        struct desire d = desire("1", "a");

        want(&d);
        pass_until(PHASE_DONE, 20000);
        pass(500);
}

static void what_is_declared_is_started_and_found_fulfilled(void **state)
{
        struct desire d = desire("1", "a");
        int64_t generation = want(&d);
        (void) state;

        pass_until(PHASE_DONE, 20000);
        pass(2000);
        assert_int_equal(fx.sim.target->now.stable.version, 1);
        assert_string_equal(fx.sim.target->now.stable.build, "a");
        assert_string_equal(fx.sim.target->now.stable.digest, DIGEST "1");
        assert_int_equal(fx.followed, generation);
        assert_string_equal(fx.trouble.reason, "");
        assert_int_equal(fx.lookups, 1);
        assert_int_equal(fx.sim.target->now.rollout_id, 1);
        pass(60000);
        assert_int_equal(fx.lookups, 1); /* a number means the same for ever */
        assert_int_equal(fx.sim.target->now.rollout_id, 1);
}

static void another_way_to_run_a_version_is_another_release(void **state)
{
        struct desire d;
        (void) state;

        serve();
        d = desire("1", "b");
        want(&d);
        pass(500);
        assert_int_equal(phase(), PHASE_PENDING);
        assert_true(fx.sim.target->now.candidate.version == release_key(1, 1));
        assert_string_equal(fx.sim.target->now.candidate.build, "b");
        d = desire("1", "c"); /* before that had traffic */
        want(&d);
        pass(1500);
        assert_true(fx.sim.target->now.candidate.version == release_key(1, 2));
        d = desire("1", "a"); /* what serves already */
        int64_t generation = want(&d);
        pass_until(PHASE_ROLLED_BACK, 5000);
        pass(3000);
        assert_int_equal(phase(), PHASE_ROLLED_BACK);
        assert_int_equal(fx.sim.target->now.stable.version, 1);
        assert_int_equal(fx.followed, generation);
}

static void a_new_version_mid_rollout_starts_when_the_old_candidate_is_out(void **state)
{
        struct desire d;
        (void) state;

        serve();
        d = desire("2", "a");
        want(&d);
        pass_until(PHASE_CANARY, 20000);
        pass(1000);
        assert_int_equal(fx.sim.versions[2].weight_bp, 500);
        d = desire("3", "a");
        want(&d);
        pass(300);
        assert_int_equal(fx.sim.versions[2].weight_bp, 0);
        pass_until(PHASE_CANARY, 20000);
        assert_int_equal(fx.sim.target->now.candidate.version, 3);
        pass_until(PHASE_DONE, 60000);
        assert_int_equal(fx.sim.target->now.stable.version, 3);
}

static void what_was_rolled_back_stays_so_until_somebody_says_otherwise(void **state)
{
        struct request rq = { .actor = "ann" };
        struct err e = { 0 };
        struct desire d;
        (void) state;

        serve();
        assert_failed(wants_retry(fx.wants, fx.sim.target, &rq, &e), e, ERR_CONFLICT, "already has all the traffic");
        fx.sim.versions[2].error_share = 1;
        d = desire("2", "a");
        int64_t generation = want(&d);
        pass_until(PHASE_ROLLED_BACK, 60000);
        pass(60000);
        assert_int_equal(phase(), PHASE_ROLLED_BACK);
        assert_int_equal(fx.sim.target->now.rollout_id, 2);
        assert_int_equal(fx.followed, generation);
        d.generation++; /* another replica count is no other release */
        d.replicas = 2;
        want(&d);
        pass(5000);
        assert_int_equal(fx.sim.target->now.rollout_id, 2);
        assert_int_equal(fx.sim.versions[1].wanted, 2);
        fx.sim.versions[2].error_share = 0;
        assert_ok(wants_retry(fx.wants, fx.sim.target, &rq, &e), e);
        assert_ok(target_ask(fx.sim.target, &rq, &e), e);
        policy_unref(rq.policy);
        pass_until(PHASE_DONE, 60000);
        assert_int_equal(fx.sim.target->now.stable.version, 2);
        assert_int_equal(fx.sim.target->now.stable.replicas, 2);
}

static void a_change_of_the_declaration_is_a_new_try(void **state)
{
        struct desire d;
        (void) state;

        serve();
        fx.sim.versions[2].error_share = 1;
        d = desire("2", "a");
        want(&d);
        pass_until(PHASE_ROLLED_BACK, 60000);
        d = desire("1", "a");
        want(&d);
        pass(3000);
        assert_int_equal(fx.sim.target->now.rollout_id, 2);
        fx.sim.versions[2].error_share = 0;
        d = desire("2", "a");
        want(&d);
        pass_until(PHASE_DONE, 60000);
        assert_int_equal(fx.sim.target->now.stable.version, 2);
}

static void an_alias_is_followed(void **state)
{
        struct desire d = desire("@champion", "a");
        (void) state;

        fx.alias = 1;
        want(&d);
        pass_until(PHASE_DONE, 20000);
        fx.alias = 2;
        pass(50000);
        assert_int_equal(fx.sim.target->now.stable.version, 2);
        assert_true(fx.lookups >= 2);
        (void) err_set(&fx.registry, ERR_UNAVAILABLE, "registryd: refused");
        pass(40000);
        assert_string_equal(fx.trouble.reason, "RegistryUnavailable");
        assert_int_equal(phase(), PHASE_DONE); /* and nothing else */
        fx.registry = (struct err){ 0 };
        pass(60000);
        assert_string_equal(fx.trouble.reason, "");
}

static void the_declared_steps_are_gone_through(void **state)
{
        struct desire d;
        (void) state;

        serve();
        d = desire("2", "a");
        d.steps[0] = (struct policy_step){ .weight_bp = 1, .hold_ms = 1000 };
        d.steps[1] = (struct policy_step){ .weight_bp = 2000, .hold_ms = 1000 };
        d.steps[2] = (struct policy_step){ .weight_bp = 10000, .hold_ms = 1000 };
        d.n_steps = 3;
        want(&d);
        pass(500);
        assert_int_equal(fx.sim.target->now.policy->n_steps, 3);
        assert_int_equal(fx.sim.target->now.policy->steps[0].weight_bp, 1);
        assert_int_equal(fx.policy.n_steps, 2);
}

static void a_declared_pause_is_the_declarations_to_end(void **state)
{
        struct request rq = { .what = ASK_PAUSE, .actor = "ann" };
        struct desire d;
        (void) state;

        serve();
        d = desire("2", "a");
        want(&d);
        pass_until(PHASE_CANARY, 20000);
        d.paused = true;
        want(&d);
        pass(2000);
        assert_true(fx.sim.target->now.paused);
        d.paused = false;
        want(&d);
        pass(2000);
        assert_false(fx.sim.target->now.paused);
        assert_int_equal(target_ask(fx.sim.target, &rq, NULL), 0); /* by a person */
        pass(12000);
        assert_true(fx.sim.target->now.paused);
}

static void a_rollback_past_us_is_taken_over_once(void **state)
{
        struct desire d;
        (void) state;

        serve();
        d = desire("2", "a");
        want(&d);
        pass_until(PHASE_CANARY, 20000);
        pass_until(PHASE_DONE, 60000);
        pass(500);
        fx.sim.versions[1].weight_bp = WEIGHT_ALL; /* as ctl does without us */
        fx.sim.versions[2].weight_bp = 0;
        strcpy(d.mark.id, "2026-11-23T22:00:00Z");
        strcpy(d.mark.actor, "oncall");
        d.mark.to = 1;
        want(&d);
        pass(3000);
        assert_int_equal(fx.sim.versions[1].weight_bp, WEIGHT_ALL);
        assert_int_equal(fx.sim.target->now.stable.version, 1);
        assert_string_equal(fx.sim.target->now.actor, "oncall");
        assert_int_equal(phase(), PHASE_ROLLED_BACK);
        assert_true(fx.unmarks >= 1);
        int64_t last = fx.sim.target->now.last_event;
        want(&d); /* seen once more */
        pass(3000);
        assert_int_equal(fx.sim.target->now.last_event, last);
        strcpy(d.mark.id, "");
        want(&d);
        pass(3000);
        assert_int_equal(fx.sim.target->now.stable.version, 1); /* version 2 stays declared, and is not started again */
        assert_int_equal(phase(), PHASE_ROLLED_BACK);
}

/* The API server takes no write of ours to the annotations, and a person goes back meanwhile. */
static void a_mark_that_stays_is_not_followed_again_after_a_rollback_with_a_key(void **state)
{
        struct request rq = { .what = ASK_ROLLBACK, .version = 1, .key = "K", .actor = "ann" };
        struct request again = { .actor = "ann" };
        struct err e = { 0 };
        struct desire d;
        (void) state;

        serve();
        d = desire("2", "a");
        want(&d);
        pass_until(PHASE_CANARY, 20000);
        strcpy(d.mark.id, "M1");
        strcpy(d.mark.actor, "oncall");
        d.mark.to = 1;
        want(&d);
        pass_until(PHASE_ROLLED_BACK, 20000);
        pass(500);
        assert_true(rollout_has_gone_back(&fx.sim.target->now, "M1"));
        assert_ok(wants_retry(fx.wants, fx.sim.target, &again, &e), e);
        assert_ok(target_ask(fx.sim.target, &again, &e), e);
        policy_unref(again.policy);
        pass_until(PHASE_CANARY, 20000);
        assert_ok(target_ask(fx.sim.target, &rq, &e), e);
        pass_until(PHASE_ROLLED_BACK, 20000);
        assert_true(rollout_has_gone_back(&fx.sim.target->now, "K"));
        int64_t last = fx.sim.target->now.last_event;
        pass(3000);
        assert_int_equal(fx.sim.target->now.last_event, last);
        assert_string_equal(fx.sim.target->now.actor, "ann");
        strcpy(d.mark.id, "K"); /* the same rollback by both ways */
        want(&d);
        pass(3000);
        assert_int_equal(fx.sim.target->now.last_event, last);
}

static void a_mark_is_taken_over_while_nothing_runs(void **state)
{
        struct desire d = desire("1", "a");
        (void) state;

        serve();
        fx.sim.versions[1].wanted = 0;
        pass(2000);
        strcpy(d.mark.id, "x");
        d.mark.to = 1;
        want(&d);
        free(TAKE(fx.sim.target->world.versions));
        fx.sim.target->world.n_versions = 0;
        (void) wants_run(fx.wants);
        assert_string_equal(fx.sim.target->now.mark, "x");
}

static void a_rollback_past_us_to_what_ran_out_here_meanwhile_is_taken_over(void **state)
{
        struct desire d;
        (void) state;

        serve();
        d = desire("2", "a");
        want(&d);
        pass_until(PHASE_CANARY, 20000);
        pass_until(PHASE_DONE, 60000);
        pass(500);
        /* When the cluster can be reached again, its time is over. */
        assert_int_equal(fx.sim.target->now.window[0].version, 1);
        assert_true(rollout_expire(&fx.sim.target->now, fx.sim.target->now.window[0].until_ms));
        assert_int_equal(fx.sim.target->now.n_window, 0);
        fx.sim.versions[1].weight_bp = WEIGHT_ALL; /* as ctl does without us */
        fx.sim.versions[2].weight_bp = 0;
        strcpy(d.mark.id, "2026-11-23T22:00:00Z");
        strcpy(d.mark.reason, "complaints");
        d.mark.to = 1;
        want(&d);
        for (int i = 0; i < 100; i++) {
                pass(50);
                assert_int_equal(fx.sim.versions[1].weight_bp, WEIGHT_ALL);
        }
        assert_int_equal(fx.sim.target->now.stable.version, 1);
        assert_int_equal(phase(), PHASE_ROLLED_BACK);
        assert_non_null(strstr(fx.sim.target->now.note, "past rolloutd, at the cluster: complaints"));
        assert_true(fx.unmarks >= 1);
}

static void a_mark_before_anything_ran_is_taken_away(void **state)
{
        struct desire d = desire("1", "a");
        (void) state;

        fx.no_policy = true;
        strcpy(d.mark.id, "");
        want(&d);
        pass(1500);
        strcpy(fx.sim.saved.mark, "x");
        strcpy(d.mark.id, "x");
        want(&d);
        pass(1500);
        assert_int_equal(fx.sim.saves, 0);
        assert_true(fx.unmarks >= 1);
}

static void a_mark_that_asks_for_nothing_is_taken_away(void **state)
{
        struct desire d = desire("1", "a");
        (void) state;

        serve();
        strcpy(d.mark.id, "x");
        d.mark.to = 1;
        want(&d);
        pass(3000);
        assert_int_equal(phase(), PHASE_DONE);
        assert_true(fx.unmarks >= 1);
}

static void bad_declarations_are_told_and_disturb_nothing(void **state)
{
        static const struct {
                const char *name, *reason, *says;
        } cases[] = {
                { "invalid", "InvalidSpec", "exactly one of" },   { "version", "VersionNotFound", "has no version" },
                { "registry", "RegistryUnavailable", "refused" }, { "policy", "PolicyNotFound", "there is no policy" },
                { "named", "PolicyNotFound", "\"nosuch\"" },      { "steps", "InvalidSpec", "strategy: steps: the last weight" },
                { "model", "InvalidSpec", "cannot be changed" },
        };
        (void) state;

        serve();
        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct desire under_way = desire("2", "a"), d = desire("4", "a"), back = desire("1", "a");
                const char *name = cases[i].name;
                char message[600];

                print_message("  %s\n", name);
                want(&under_way);
                pass_until(PHASE_CANARY, 20000);
                if (strcmp(name, "invalid") == 0)
                        strcpy(d.invalid, "spec: exactly one of version, alias and digest");
                if (strcmp(name, "version") == 0)
                        (void) err_set(&fx.registry, ERR_NOT_FOUND, "model \"credit\" has no version 4");
                if (strcmp(name, "registry") == 0)
                        (void) err_set(&fx.registry, ERR_UNAVAILABLE, "registryd: refused");
                fx.no_policy = strcmp(name, "policy") == 0;
                if (strcmp(name, "named") == 0)
                        strcpy(d.policy, "nosuch");
                if (strcmp(name, "model") == 0)
                        strcpy(d.model, "fraud");
                if (strcmp(name, "steps") == 0) {
                        d.steps[0] = (struct policy_step){ .weight_bp = 50, .hold_ms = 1 };
                        d.n_steps = 1;
                }
                want(&d);
                pass(1500);
                assert_string_equal(fx.trouble.reason, cases[i].reason);
                assert_contains(fx.trouble.message, cases[i].says);
                target_message(fx.sim.target, message, sizeof message);
                assert_contains(message, cases[i].says);
                assert_int_equal(phase(), PHASE_CANARY);
                assert_int_equal(fx.sim.target->now.candidate.version, 2);
                fx.registry = (struct err){ 0 };
                fx.no_policy = false;
                want(&back);
                pass_until(PHASE_ROLLED_BACK, 5000);
                pass(2000);
                assert_string_equal(fx.trouble.reason, "");
        }
}

static void a_policy_that_comes_back_is_used(void **state)
{
        struct desire d;
        (void) state;

        serve();
        fx.no_policy = true;
        d = desire("2", "a");
        want(&d);
        pass(5000);
        assert_int_equal(phase(), PHASE_DONE);
        assert_string_equal(fx.trouble.reason, "PolicyNotFound");
        fx.no_policy = false;
        pass_until(PHASE_CANARY, 20000);
        assert_string_equal(fx.trouble.reason, "");
}

static void a_declaration_that_is_gone_is_forgotten(void **state)
{
        struct desire d = desire("1", "a");
        (void) state;

        want(&d);
        (void) wants_run(fx.wants); /* asks the registry */
        assert_int_equal(fx.n_asked, 1);
        fx.listener.gone(fx.listener.arg, "credit");
        assert_true(fx.gone);
        answer(); /* nobody wants to know any more */
        (void) wants_run(fx.wants);
        assert_int_equal(fx.sim.target->now.rollout_id, 0);
        fx.listener.gone(fx.listener.arg, "credit"); /* twice is fine */
}

static void after_a_restart_the_record_knows_what_was_followed(void **state)
{
        struct desire d = desire("1", "a");
        (void) state;

        serve();
        wants_free(fx.wants); /* as after a restart: the record is there, the declaration is told again */
        fx.wants = wants_new(&(struct wants_env){ .platform = &fx.sim.platform,
                                                  .now_ms = now,
                                                  .dice = dice,
                                                  .policy = policy_named,
                                                  .resolve = resolve,
                                                  .target = target,
                                                  .forget = forget });
        wants_listen(fx.wants);
        int lookups = fx.lookups;
        int64_t generation = want(&d);
        (void) err_set(&fx.registry, ERR_UNAVAILABLE, "registryd: refused");
        pass(3000);
        assert_int_equal(fx.lookups, lookups); /* the registry is not needed for it */
        assert_int_equal(fx.sim.target->now.generation, generation);
        assert_int_equal(fx.followed, generation);
        assert_string_equal(fx.trouble.reason, "");
        assert_int_equal(fx.sim.target->now.rollout_id, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(what_is_declared_is_started_and_found_fulfilled),
                TEST(another_way_to_run_a_version_is_another_release),
                TEST(a_new_version_mid_rollout_starts_when_the_old_candidate_is_out),
                TEST(what_was_rolled_back_stays_so_until_somebody_says_otherwise),
                TEST(a_change_of_the_declaration_is_a_new_try),
                TEST(an_alias_is_followed),
                TEST(the_declared_steps_are_gone_through),
                TEST(a_declared_pause_is_the_declarations_to_end),
                TEST(a_rollback_past_us_is_taken_over_once),
                TEST(a_rollback_past_us_to_what_ran_out_here_meanwhile_is_taken_over),
                TEST(a_mark_that_stays_is_not_followed_again_after_a_rollback_with_a_key),
                TEST(a_mark_is_taken_over_while_nothing_runs),
                TEST(a_mark_before_anything_ran_is_taken_away),
                TEST(a_mark_that_asks_for_nothing_is_taken_away),
                TEST(bad_declarations_are_told_and_disturb_nothing),
                TEST(a_policy_that_comes_back_is_used),
                TEST(a_declaration_that_is_gone_is_forgotten),
                TEST(after_a_restart_the_record_knows_what_was_followed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
