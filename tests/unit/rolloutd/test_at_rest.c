/* Thousands of targets at rest: what one costs in memory, and that a round costs what is due in it. */
#include "tests/unit/lib/unit.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/auto.h"
#include "lib/mem.h"
#include "rolloutd/due.h"
#include "rolloutd/rollout_json.h"
#include "rolloutd/wants.h"

enum { TARGETS = 2000, BYTES_MOST = 6 * 1024 };

static struct {
        struct platform platform;
        struct platform_listener listener;
        struct due due;
        struct policy_pool *pool;
        struct policy policy;
        struct wants *wants;
        struct target_env env;
        int64_t now_ms;
        struct {
                platform_world_fn done;
                void *arg;
        } observing[TARGETS];
        int n_observing, observed, saves;
} fx;

static void op_observe(struct platform *p, const char *target, platform_world_fn done, void *arg)
{
        (void) p, (void) target;
        fx.observing[fx.n_observing].done = done;
        fx.observing[fx.n_observing++].arg = arg;
        fx.observed++;
}

static void op_listen(struct platform *p, const struct platform_listener *l)
{
        (void) p;
        fx.listener = *l;
}

static void op_publish(struct platform *p, const struct target *t, int64_t followed, const struct desire_trouble *trouble)
{
        (void) p, (void) t, (void) followed;
        assert_null(trouble);
}

static void op_save(struct platform *p, const char *target, const char *json, int64_t expected, platform_saved_fn done, void *arg)
{
        (void) p, (void) target, (void) json, (void) expected, (void) done, (void) arg;
        fx.saves++;
}

static const struct platform_ops ops = {
        .name = "at rest", .observe = op_observe, .listen = op_listen, .publish = op_publish, .save = op_save
};

static int64_t now_ms(void *arg)
{
        (void) arg;
        return fx.now_ms;
}

static uint32_t dice(void *arg)
{
        (void) arg;
        return 0;
}

static const struct policy *policy_named(void *arg, const char *name, struct err *e)
{
        (void) arg, (void) name, (void) e;
        return &fx.policy;
}

static int target_named(void *arg, const char *id, const char *model, struct target **out, struct err *e)
{
        (void) arg, (void) model, (void) e;
        *out = due_find(&fx.due, id)->t;
        return 0;
}

static void woke(void *arg, struct target *t)
{
        (void) arg;
        due_at(&fx.due, due_find(&fx.due, t->now.target), 0);
}

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* Version 7 serves, version 6 is kept. */
static char *record(const char *name)
{
        struct rollout r;
        char *text;

        rollout_init(&r, name, "fraud-score");
        r.phase = PHASE_DONE;
        r.rollout_id = 3;
        r.stable = (struct placed){ .version = 7, .replicas = 4, .digest = DIGEST, .build = "0123456789abcdef" };
        r.window = xcalloc(1, sizeof *r.window);
        r.window[r.n_window++] = (struct placed){ .version = 6, .replicas = 4, .until_ms = 1LL << 50 };
        r.generation = 12;
        r.followed = (struct release){ .version = 7, .digest = DIGEST, .build = "0123456789abcdef" };
        r.policy = policy_share(NULL, &fx.policy);
        text = rollout_encode(&r);
        rollout_done(&r);
        return text;
}

static void name_of(int i, char out[static TARGET_MAX_LEN + 1])
{
        snprintf(out, TARGET_MAX_LEN + 1, "production.fraud-score-%d", i);
}

static void add_target(int i)
{
        char name[TARGET_MAX_LEN + 1];
        struct desire d = { .model = "fraud-score",
                            .ref = "7",
                            .build = "0123456789abcdef",
                            .policy = "canary",
                            .replicas = 4,
                            .surge_percent = 100,
                            .generation = 12 };
        struct err e = { 0 };

        name_of(i, name);
        AUTO(str) text = record(name);
        struct target *t = target_load(&fx.env, &(struct platform_record){ name, text, 1 }, &e);

        if (!t)
                fail_msg("%s", e.msg);
        due_add(&fx.due, t);
        snprintf(d.target, sizeof d.target, "%s", name);
        fx.listener.wanted(fx.listener.arg, &d);
}

static void answer_observations(void)
{
        const struct world w = { .router_ok = true,
                                 .n_versions = 2,
                                 .versions = { { .version = 7, .wanted = 4, .ready = 4, .weight_bp = WEIGHT_ALL },
                                               { .version = 6, .wanted = 4, .ready = 4 } } };

        for (int i = 0; i < fx.n_observing; i++)
                fx.observing[i].done(fx.observing[i].arg, &w, NULL);
        fx.n_observing = 0;
}

static int run_round(void)
{
        struct due_target *one;
        int runs = 0;

        (void) wants_run(fx.wants);
        for (; (one = due_next(&fx.due, fx.now_ms)); runs++) {
                int64_t wait_ms = target_run(one->t);

                due_at(&fx.due, one, fx.now_ms + (wait_ms > 0 ? wait_ms : 1));
        }
        answer_observations();
        return runs;
}

static int setup(void **state)
{
        (void) state;
        fx.platform.ops = &ops;
        fx.now_ms = 1000;
        fx.pool = policy_pool_new();
        policy_defaults(&fx.policy);
        strcpy(fx.policy.name, "canary");
        fx.policy.steps[0] = (struct policy_step){ .weight_bp = WEIGHT_ALL, .hold_ms = 1000 };
        fx.policy.n_steps = 1;
        fx.policy.error_rate = (struct policy_share){ .on = true, .limit = .1 };
        fx.env = (struct target_env){ .platform = &fx.platform,
                                      .policies = fx.pool,
                                      .tick_ms = 5000,
                                      .scrape_ms = 5000,
                                      .now_ms = now_ms,
                                      .wall_ms = now_ms,
                                      .dice = dice,
                                      .woke = woke };
        fx.wants = wants_new(&(struct wants_env){ .platform = &fx.platform,
                                                  .policies = fx.pool,
                                                  .now_ms = now_ms,
                                                  .dice = dice,
                                                  .policy = policy_named,
                                                  .target = target_named });
        wants_listen(fx.wants);
        return 0;
}

static int teardown(void **state)
{
        (void) state;
        wants_free(fx.wants);
        due_done(&fx.due);
        policy_pool_free(fx.pool);
        return 0;
}

/* All of it: the record, the world as seen, the declaration, and where the loop keeps them. */
static void a_target_at_rest_is_small(void **state)
{
        (void) state;
        add_target(0); /* what is needed once */
        size_t before = mallinfo2().uordblks;

        for (int i = 1; i < TARGETS; i++)
                add_target(i);
        for (int i = 0; i < 4; i++, fx.now_ms++)
                (void) run_round();
        size_t each = (mallinfo2().uordblks - before) / (TARGETS - 1);

        print_message("  %zu bytes each\n", each);
        assert_int_equal(fx.saves, 0);
        if (each) /* a sanitizer's allocator does not tell */
                assert_in_range(each, sizeof(struct target), BYTES_MOST);
}

static void a_round_costs_what_is_due_in_it(void **state)
{
        int observed, runs = 0;
        (void) state;

        for (int i = 0; i < 400; i++, fx.now_ms += 100)
                (void) run_round();
        observed = fx.observed;
        for (int i = 0; i < 600;
             i++, fx.now_ms += 100) /* a minute in 600 rounds: looked at twice, as nobody says that there is news */
                runs += run_round();
        assert_in_range(fx.observed - observed, TARGETS, 3 * TARGETS);
        assert_in_range(runs, TARGETS, 6 * TARGETS);
}

static void what_is_told_of_is_looked_at_at_once(void **state)
{
        char name[TARGET_MAX_LEN + 1];
        (void) state;

        (void) run_round();
        (void) run_round();
        name_of(1234, name);
        int observed = fx.observed;
        fx.listener.changed(fx.listener.arg, name);
        assert_true(due_next(&fx.due, fx.now_ms) != NULL);
        assert_string_equal(due_next(&fx.due, 0)->t->now.target, name);
        assert_int_equal(run_round(), 1);
        assert_int_equal(fx.observed, observed + 1);
}

static void the_earliest_is_first_whatever_happens(void **state)
{
        struct due d = { 0 };
        struct due_target *ones[300];
        uint32_t seed = 1;
        (void) state;

        for (int i = 0; i < 300; i++) {
                char name[TARGET_MAX_LEN + 1];

                name_of(i, name);
                ones[i] = due_add(&d, target_new(&fx.env, name, "m"));
        }
        for (int i = 0; i < 20000; i++) {
                seed = seed * 1664525 + 1013904223;
                due_at(&d, ones[seed % 300], seed >> 8);
                if (i % 97 == 0)
                        for (size_t k = 1; k < d.n; k++)
                                assert_true(d.heap[(k - 1) / 2]->due_ms <= d.heap[k]->due_ms);
        }
        for (int i = 0; i < 300; i += 2) {
                struct target *t = ones[i]->t;

                due_remove(&d, ones[i]);
                assert_null(due_find(&d, t->now.target));
                target_free(t);
        }
        assert_int_equal(d.n, 150);
        for (size_t k = 1; k < d.n; k++)
                assert_true(d.heap[(k - 1) / 2]->due_ms <= d.heap[k]->due_ms && d.heap[k]->place == k);
        assert_int_equal(due_wait_ms(&d, 0, 5), d.heap[0]->due_ms < 5 ? d.heap[0]->due_ms : 5);
        due_done(&d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_target_at_rest_is_small),
                cmocka_unit_test(a_round_costs_what_is_due_in_it),
                cmocka_unit_test(what_is_told_of_is_looked_at_at_once),
                cmocka_unit_test(the_earliest_is_first_whatever_happens),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
