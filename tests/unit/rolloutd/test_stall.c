/* What keeps a rollout from getting on is told, and held; it goes on when it can. */
#include "tests/unit/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "rolloutd/target_private.h"
#include "tests/unit/rolloutd/sim.h"

static struct fixture {
        struct sim sim;
        struct platform_ops ops, real;
        bool forbidden, starved; /* deploy() is not allowed; not more than one replica of version 2 gets ready */
        int deploys;
} fx;

struct answer {
        platform_done_fn done;
        platform_world_fn seen;
        void *arg;
};

static void *answer_to(struct answer a)
{
        return xmemdup(&a, sizeof a);
}

static void on_deployed(void *arg, const struct err *failure)
{
        struct answer *a = arg;
        struct err no = { 0 };

        (void) err_set(&no, ERR_FORBIDDEN, "secrets \"x\" is forbidden");
        a->done(a->arg, fx.forbidden && !failure ? &no : failure);
        free(a);
}

static void op_deploy(struct platform *p, const char *target, const struct deployment *d, platform_done_fn done, void *arg)
{
        struct deployment none = { .version = SIM_VERSIONS - 1 };

        fx.deploys++;
        fx.real.deploy(p, target, fx.forbidden ? &none : d, on_deployed, answer_to((struct answer){ .done = done, .arg = arg }));
}

static void on_seen(void *arg, const struct world *seen, const struct err *failure)
{
        struct answer *a = arg;
        struct world w = seen ? *seen : (struct world){ 0 };

        for (int i = 0; fx.starved && i < w.n_versions; i++)
                if (w.versions[i].version == 2 && w.versions[i].ready > 1)
                        w.versions[i].ready = 1;
        a->seen(a->arg, seen ? &w : NULL, failure);
        free(a);
}

static void op_observe(struct platform *p, const char *target, platform_world_fn done, void *arg)
{
        fx.real.observe(p, target, on_seen, answer_to((struct answer){ .seen = done, .arg = arg }));
}

static struct policy policy(void)
{
        struct policy p = sim_policy();

        p.replicas = 4;
        p.start_deadline_ms = 20000;
        return p;
}

static int setup(void **state)
{
        struct policy p = policy();
        (void) state;

        memset(&fx, 0, sizeof fx);
        sim_init(&fx.sim, 1);
        fx.real = fx.ops = *fx.sim.platform.ops;
        fx.ops.deploy = op_deploy;
        fx.ops.observe = op_observe;
        fx.sim.platform.ops = &fx.ops;
        assert_int_equal(sim_ask_with(&fx.sim, ASK_START, 1, &p), 0);
        sim_pass(&fx.sim, 8000);
        assert_int_equal(fx.sim.target->now.phase, PHASE_DONE);
        return 0;
}

static int teardown(void **state)
{
        (void) state;
        sim_done(&fx.sim);
        return 0;
}

static const char *stall(void)
{
        static struct desire_trouble why;

        (void) target_stalled(fx.sim.target, &why);
        return why.reason;
}

static void what_is_not_allowed_is_told_and_seldom_tried(void **state)
{
        struct policy p = policy();
        char message[1000];
        (void) state;

        p.start_deadline_ms = 600000;
        fx.forbidden = true;
        assert_int_equal(sim_ask_with(&fx.sim, ASK_START, 2, &p), 0);
        sim_pass(&fx.sim, 2000);
        assert_string_equal(stall(), "Forbidden");
        target_message(fx.sim.target, message, sizeof message);
        assert_contains(message, "secrets \"x\" is forbidden");
        int deploys = fx.deploys;
        sim_pass(&fx.sim, 120000);
        assert_true(fx.deploys > deploys && fx.deploys <= deploys + 4);
        fx.forbidden = false;
        sim_pass(&fx.sim, 35000);
        assert_string_equal(stall(), "");
        assert_true(fx.sim.versions[2].wanted > 0);
        assert_string_equal(fx.sim.why, "");
}

static void what_was_not_allowed_and_is_not_wanted_any_more_is_forgotten(void **state)
{
        struct policy p = policy();
        (void) state;

        fx.forbidden = true;
        assert_int_equal(sim_ask_with(&fx.sim, ASK_START, 2, &p), 0);
        sim_pass(&fx.sim, 2000);
        assert_string_equal(stall(), "Forbidden");
        fx.forbidden = false;
        assert_int_equal(sim_ask(&fx.sim, ASK_ABORT, 0), 0);
        sim_pass(&fx.sim, 5000);
        assert_string_equal(stall(), "");
        assert_string_equal(fx.sim.why, "");
}

static void a_step_that_lacks_pods_for_too_long_says_so_and_holds(void **state)
{
        struct policy p = policy();
        (void) state;

        assert_int_equal(sim_ask_with(&fx.sim, ASK_START, 2, &p), 0);
        for (int i = 0; i < 1200 && fx.sim.target->now.step < 1; i++)
                sim_pass(&fx.sim, 50);
        fx.starved = true;
        for (int i = 0; i < 1200 && fx.sim.target->now.step < 2; i++)
                sim_pass(&fx.sim, 50);
        assert_int_equal(fx.sim.target->now.step, 2);
        sim_pass(&fx.sim, 10000);
        assert_string_equal(stall(), "");
        sim_pass(&fx.sim, 15000);
        assert_string_equal(stall(), "CapacityOverdue");
        sim_pass(&fx.sim, 120000);
        assert_int_equal(fx.sim.target->now.phase, PHASE_CANARY);
        assert_int_equal(fx.sim.versions[2].weight_bp, 2500);
        fx.starved = false;
        sim_pass(&fx.sim, 2000);
        assert_string_equal(stall(), "");
        for (int i = 0; i < 1200 && fx.sim.target->now.phase != PHASE_DONE; i++)
                sim_pass(&fx.sim, 50);
        assert_int_equal(fx.sim.target->now.stable.version, 2);
        assert_string_equal(fx.sim.why, "");
}

/* Without evidence the policy may say to go back; without pods there is none. */
static void a_step_that_lacks_pods_goes_back_if_the_policy_does_so_without_evidence(void **state)
{
        struct policy p = policy();
        (void) state;

        p.on_no_evidence = POLICY_ROLLBACK;
        p.max_hold_ms = 60000;
        assert_int_equal(sim_ask_with(&fx.sim, ASK_START, 2, &p), 0);
        for (int i = 0; i < 1200 && fx.sim.target->now.step < 1; i++)
                sim_pass(&fx.sim, 50);
        fx.starved = true;
        sim_pass(&fx.sim, 120000);
        assert_int_equal(fx.sim.target->now.phase, PHASE_ROLLED_BACK);
        assert_string_equal(fx.sim.why, "");
}

/* Wherever the cut falls. */
static void what_is_told_of_long_names_is_utf8(void **state)
{
        (void) state;

        for (int ascii = 0; ascii < 4; ascii++) {
                struct err no = { .kind = ERR_FORBIDDEN };
                struct desire_trouble why;

                memset(no.msg, 'a', (size_t) ascii);
                for (size_t at = (size_t) ascii; at + 4 < sizeof no.msg; at += 3)
                        memcpy(no.msg + at, "\xe6\xa8\xa1", 3);
                target_denied(fx.sim.target, "deploy", &no);
                assert_true(target_stalled(fx.sim.target, &why));
                assert_true(json_is_utf8(why.message));
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(what_is_not_allowed_is_told_and_seldom_tried),
                TEST(what_is_told_of_long_names_is_utf8),
                TEST(what_was_not_allowed_and_is_not_wanted_any_more_is_forgotten),
                TEST(a_step_that_lacks_pods_for_too_long_says_so_and_holds),
                TEST(a_step_that_lacks_pods_goes_back_if_the_policy_does_so_without_evidence),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
