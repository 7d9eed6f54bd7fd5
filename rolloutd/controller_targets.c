/* The targets of the loop: what they need and tell, how they come and go. */
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/random.h"
#include "rolloutd/api.h"
#include "rolloutd/controller_private.h"
#include "rolloutd/measure.h"

static const struct backoff_policy load_backoff = { .base_ms = 200, .cap_ms = 10000 };

/* --- what targets need and tell --- */

static int64_t env_now(void *arg)
{
        (void) arg;
        return clock_ms();
}

static int64_t env_wall(void *arg)
{
        (void) arg;
        return clock_wall_ms();
}

static uint32_t env_dice(void *arg)
{
        (void) arg;
        return random_u32();
}

static void env_changed(void *arg, struct target *t)
{
        struct controller *c = arg;

        api_watch_changed(c, t);
        if (c->wants)
                wants_target_changed(c->wants, t);
}

static void log_decision(struct controller *c, const struct target *t, const struct event *ev)
{
        const struct platform *p = c->platform;
        const struct decision d = { .target = t->now.target,
                                    .model = t->now.model,
                                    .reason = t->now.reason,
                                    .epoch = p->ops->epoch ? p->ops->epoch(p) : 0,
                                    .event = ev };

        decision_log_add(c->decisions, &d);
}

static void env_happened(void *arg, struct target *t, const struct event *ev)
{
        struct controller *c = arg;
        bool bad = strcmp(ev->kind, "rolling-back") == 0 || strcmp(ev->kind, "given-up") == 0;

        measure_event(c, t, ev);
        if (bad)
                LOG_WARN("rolling back", "target", t->now.target, "row", ev->row, "why", ev->why, "actor", ev->actor);
        else
                LOG_INFO("event", "target", t->now.target, "kind", ev->kind, "row", ev->row, "phase", phase_name(ev->to), "why",
                         ev->why, "actor", ev->actor);
        log_decision(c, t, ev);
        api_watch_happened(c, t, ev);
}

static void env_failed(void *arg, struct target *t, const char *operation, const struct err *e)
{
        struct controller *c = arg;

        measure_failure(c, operation, e->kind);
        LOG_WARN("an operation failed and will be tried again", "target", t->now.target, "operation", operation, "error", e->msg);
}

static void env_routed_back(void *arg, struct target *t, int64_t took_ms)
{
        struct controller *c = arg;

        measure_rollback(c, took_ms);
        LOG_INFO("weights of the rollback are written", "target", t->now.target, LOG_INT("took_ms", took_ms));
}

static void env_woke(void *arg, struct target *t)
{
        struct controller *c = arg;
        struct due_target *one = due_find(&c->targets, t->now.target);

        if (one)
                due_at(&c->targets, one, 0);
}

void controller_env(struct controller *c)
{
        c->env = (struct target_env){
                .platform = c->platform,
                .evidence = prometheus_source(c->prometheus),
                .policies = c->policy_pool,
                .tick_ms = c->settings->tick,
                .scrape_ms = c->settings->scrape_interval,
                .now_ms = env_now,
                .wall_ms = env_wall,
                .dice = env_dice,
                .changed = env_changed,
                .happened = env_happened,
                .failed = env_failed,
                .routed_back = env_routed_back,
                .woke = env_woke,
                .arg = c,
        };
}

/* --- targets --- */

int controller_make(struct controller *c, const char *target, const char *model, struct target **out, struct err *e)
{
        struct err why = { 0 };

        if (controller_find(c, target, out, &why) == 0)
                return 0;
        if (why.kind != ERR_NOT_FOUND)
                return err_set(e, why.kind, "%s", why.msg);
        if (c->targets.n >= CONTROLLER_TARGETS_MAX)
                return err_set(e, ERR_UNAVAILABLE, "there are %d targets already", CONTROLLER_TARGETS_MAX);
        *out = target_new(&c->env, target, model);
        due_add(&c->targets, *out);
        return 0;
}

void controller_forget(struct controller *c, const char *target)
{
        struct due_target *one = due_find(&c->targets, target);

        controller_forget_unreadable(c, target);
        if (!one)
                return;
        struct target *t = one->t;

        target_forget(t);
        api_watch_gone(c, t);
        due_remove(&c->targets, one);
        target_free(t);
}

void controller_records_loaded(void *arg, const struct platform_record *records, size_t n, const struct err *failure)
{
        struct controller *c = arg;
        struct err e = { 0 };

        c->loading = false;
        if (failure) {
                LOG_WARN("cannot read the records yet", "error", failure->msg);
                (void) backoff_next(&load_backoff, &c->load_backoff, clock_ms(), random_u32());
                c->load_at_ms = clock_ms() + c->load_backoff.wait_ms;
                return;
        }
        for (size_t i = 0; i < n && i < CONTROLLER_TARGETS_MAX; i++) {
                struct target *t = target_load(&c->env, &records[i], &e);

                if (!t) {
                        controller_leave_alone(c, records[i].target, &e);
                        continue;
                }
                due_add(&c->targets, t);
                for (int k = 0; k < t->now.n_outbox; k++) /* perhaps we died before they were logged */
                        log_decision(c, t, &t->now.outbox[k]);
        }
        c->loaded = true;
        LOG_INFO("records read", LOG_INT("targets", (int64_t) c->targets.n));
}
