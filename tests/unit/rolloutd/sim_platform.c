/*
 * The simulated platform. What it refuses to see:
 * - weight on a version that was never ready;
 * - a calm route that gives a candidate more than the saved record asks for (act only on what is saved), or more than its replicas carry;
 * - a calm route that raises a version of which nothing is ready, as far as the controller has seen;
 * - a saved record that skips a step, unless a person pushed it;
 * - after a restart, more weight for the candidate than the router had, unless it is the first step, a step that has passed
 *   since, or a person pushed it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "rolloutd/rollout_json.h"
#include "tests/unit/rolloutd/sim.h"

struct sim_call {
        int64_t due_ms;
        void (*run)(struct sim *s, struct sim_call *c);
        bool heard, survives;
        struct sim_call *prev, *next;
        _Alignas(16) char data[];
};

void *sim_call_data(struct sim_call *c)
{
        return c->data;
}

bool sim_call_heard(const struct sim_call *c)
{
        return c->heard;
}

void sim_later(struct sim *s, void (*run)(struct sim *s, struct sim_call *c), const void *data, size_t size, bool survives)
{
        struct sim_call *c = xcalloc(1, sizeof *c + size);

        c->due_ms = s->now_ms + 1 + (s->slow_ms ? sim_dice(s) % (uint32_t) s->slow_ms : 0);
        c->run = run;
        c->heard = true;
        c->survives = survives;
        memcpy(c->data, data, size);
        DL_APPEND(s->calls, c);
}

void sim_platform_run(struct sim *s)
{
        struct sim_call *c, *next;

        DL_FOREACH_SAFE(s->calls, c, next)
        {
                if (c->due_ms > s->now_ms || s->crash_now)
                        continue;
                DL_DELETE(s->calls, c);
                c->run(s, c);
                if (c->heard && sim_chance(s, s->crash))
                        s->crash_now = true;
                free(c);
        }
}

int64_t sim_platform_next(const struct sim *s)
{
        const struct sim_call *c;
        int64_t next = INT64_MAX;

        DL_FOREACH(s->calls, c)
        if (c->due_ms < next)
                next = c->due_ms;
        return next;
}

void sim_calls_drop(struct sim *s)
{
        struct sim_call *c, *next;

        DL_FOREACH_SAFE(s->calls, c, next)
        {
                c->heard = false;
                if (c->survives && s->target)
                        continue;
                DL_DELETE(s->calls, c);
                free(c);
        }
}

void sim_calls_forget(struct sim *s, void (*run)(struct sim *s, struct sim_call *c))
{
        struct sim_call *c;

        DL_FOREACH(s->calls, c)
        if (c->run == run)
                c->heard = false;
}

void sim_broken(struct sim *s, const char *fmt, ...)
{
        va_list ap;

        if (*s->why)
                return;
        va_start(ap, fmt);
        vsnprintf(s->why, sizeof s->why, fmt, ap);
        va_end(ap);
}

/* Does this call fail before (true, *e set) or after it was carried out (false, *e set), or not at all? */
static bool fails(struct sim *s, struct err *e)
{
        *e = (struct err){ 0 };
        if (sim_chance(s, s->fail)) {
                (void) err_set(e, sim_chance(s, .5) ? ERR_UNAVAILABLE : ERR_TIMEOUT, "the platform failed");
                return true;
        }
        if (sim_chance(s, s->lie))
                (void) err_set(e, ERR_TIMEOUT, "the platform did not say");
        return false;
}

/* As fails(), for what writes an object that others write too. */
static bool write_fails(struct sim *s, struct err *e)
{
        if (!sim_chance(s, s->storm))
                return fails(s, e);
        s->conflicts++;
        *e = (struct err){ 0 };
        (void) err_set(e, ERR_CONFLICT, "somebody else was faster");
        return true;
}

static struct sim *sim_of(struct platform *p)
{
        return (struct sim *) p;
}

/* --- state --- */

struct save {
        platform_saved_fn done;
        void *arg;
        int64_t expected;
        char json[];
};

/* Since the record of number `since` it fell back to what the router had: the step that it is in now was earned again. */
static bool fell_back(const struct rollout *after, int64_t since)
{
        for (int i = 0; i < after->n_outbox; i++)
                if (after->outbox[i].number > since && strcmp(after->outbox[i].row, "restart.lower") == 0)
                        return true;
        return false;
}

static void check_progress(struct sim *s, const struct rollout *before, const struct rollout *after)
{
        bool same = after->rollout_id == before->rollout_id, first = before->stable.version == 0;
        bool last_step = before->phase == PHASE_CANARY && before->step == before->policy->n_steps - 1;

        if (same && after->phase == PHASE_CANARY && before->phase == PHASE_CANARY && after->step > before->step + 1 &&
            !s->human_pushed)
                sim_broken(s, "step %d was skipped", before->step + 1);
        if (same && after->phase == PHASE_CANARY && before->phase == PHASE_PENDING && after->step != 0 && !s->human_pushed)
                sim_broken(s, "the first step was skipped");
        if ((after->phase == PHASE_PROMOTING || after->phase == PHASE_DONE) && phase_is_under_way(before->phase) &&
            before->phase != PHASE_PROMOTING && !first && !s->human_pushed && !last_step)
                sim_broken(s, "promoted from %s, step %d", phase_name(before->phase), before->step);
        if (after->step != s->restart_step ||
            fell_back(after, before->last_event)) /* or passed; or both, while no save succeeded */
                s->restart_bp = -1;
        if (after->last_event < before->last_event)
                sim_broken(s, "events are numbered backwards");
}

static void keep_record(struct sim *s, const char *json)
{
        struct rollout after;

        if (rollout_decode(json, NULL, &after, NULL) < 0) {
                sim_broken(s, "a record was saved that does not decode");
                return;
        }
        check_progress(s, &s->saved, &after);
        rollout_done(&s->saved);
        s->saved = after;
        memcpy(s->record, json, strlen(json) + 1);
        s->revision++;
        s->saves++;
}

static void save_now(struct sim *s, struct sim_call *c)
{
        struct save *d = sim_call_data(c);
        struct err e;
        bool failed = write_fails(s, &e);

        if (!failed && s->revision && sim_chance(s, s->stranger))
                s->revision++; /* somebody else saved the same */
        if (!failed && d->expected != s->revision) {
                s->conflicts++;
                (void) err_set(&e, ERR_CONFLICT, "revision %lld stands", (long long) s->revision);
        } else if (!failed) {
                keep_record(s, d->json);
        }
        if (sim_call_heard(c))
                d->done(d->arg, s->revision, e.kind ? &e : NULL);
}

static void op_save(struct platform *p, const char *target, const char *json, int64_t expected, platform_saved_fn done, void *arg)
{
        size_t size = sizeof(struct save) + strlen(json) + 1;
        struct save *d = xcalloc(1, size);

        (void) target;
        *d = (struct save){ done, arg, expected };
        memcpy(d->json, json, strlen(json) + 1);
        if (strlen(json) >= SIM_RECORD_MAX)
                sim_broken(sim_of(p), "a record of %zu bytes", strlen(json));
        sim_later(sim_of(p), save_now, d, size, true);
        free(d);
}

struct load {
        platform_records_fn done;
        void *arg;
};

static void load_now(struct sim *s, struct sim_call *c)
{
        const struct platform_record record = { "credit", s->record, s->revision };
        struct load *d = sim_call_data(c);
        struct err e;

        if (!sim_call_heard(c))
                return;
        if (fails(s, &e) || e.kind)
                d->done(d->arg, NULL, 0, &e);
        else
                d->done(d->arg, &record, s->revision ? 1 : 0, NULL);
}

static void op_load(struct platform *p, platform_records_fn done, void *arg)
{
        sim_later(sim_of(p), load_now, &(struct load){ done, arg }, sizeof(struct load), false);
}

struct done {
        platform_done_fn done;
        void *arg;
        int64_t number, version;
        int replicas;
};

static void record_now(struct sim *s, struct sim_call *c)
{
        struct done *d = sim_call_data(c);
        struct err e;

        if (!fails(s, &e) && (s->n_history == 0 || d->number > s->history[s->n_history - 1]))
                s->history[s->n_history++ % 4096] = d->number;
        if (sim_call_heard(c))
                d->done(d->arg, e.kind ? &e : NULL);
}

static void op_record(struct platform *p, const char *target, const char *event, platform_done_fn done, void *arg)
{
        json_t *doc = json_loads(event, 0, NULL);
        struct done d = { .done = done, .arg = arg, .number = json_integer_value(json_object_get(doc, "number")) };

        (void) target;
        json_decref(doc);
        sim_later(sim_of(p), record_now, &d, sizeof d, true);
}

/* --- the world --- */

struct observe {
        platform_world_fn done;
        void *arg;
};

static void see(const struct sim *s, struct world *w)
{
        *w = (struct world){ .router_ok = !s->router_down };
        for (int v = 1; v < SIM_PLACES; v++) {
                const struct sim_version *one = &s->versions[v];

                if (one->wanted > 0)
                        w->versions[w->n_versions++] =
                                (struct version_status){ .version = sim_key(s, v),
                                                         .wanted = one->wanted,
                                                         .ready = sim_alive(s, one) ? one->wanted : 0,
                                                         .failed = one->dead,
                                                         .weight_bp = s->router_down ? -1 : one->weight_bp };
        }
}

void sim_blind(struct sim *s, bool blind)
{
        if (blind && !s->blind) {
                see(s, &s->frozen);
                s->frozen_acts = s->acts;
        }
        s->blind = blind;
}

static void observe_now(struct sim *s, struct sim_call *c)
{
        struct observe *d = sim_call_data(c);
        struct world w;
        struct err e;

        if (!sim_call_heard(c))
                return;
        if (fails(s, &e)) {
                d->done(d->arg, NULL, &e);
                return;
        }
        see(s, &w);
        if (s->blind && s->frozen_acts != s->acts) { /* a platform believes what it has done itself, not an older event */
                (void) err_set(&e, ERR_UNAVAILABLE, "what was written has not been seen yet");
                d->done(d->arg, NULL, &e);
                return;
        }
        d->done(d->arg, s->blind ? &s->frozen : &w, NULL);
}

static void op_observe(struct platform *p, const char *target, platform_world_fn done, void *arg)
{
        (void) target;
        sim_later(sim_of(p), observe_now, &(struct observe){ done, arg }, sizeof(struct observe), false);
}

static void deploy_now(struct sim *s, struct sim_call *c)
{
        struct done *d = sim_call_data(c);
        struct sim_version *v = &s->versions[sim_place(d->version)];
        struct err e;

        if (!fails(s, &e)) {
                if (v->wanted == 0)
                        v->ready_at_ms = s->now_ms + 500 + sim_dice(s) % (uint32_t) s->start_ms;
                v->wanted = d->replicas;
                s->acts++;
                v->key = d->version;
        }
        if (sim_call_heard(c))
                d->done(d->arg, e.kind ? &e : NULL);
}

static void op_deploy(struct platform *p, const char *target, const struct deployment *dep, platform_done_fn done, void *arg)
{
        struct done d = { .done = done, .arg = arg, .version = dep->version, .replicas = dep->replicas };

        (void) target;
        sim_later(sim_of(p), deploy_now, &d, sizeof d, true);
}

static void retire_now(struct sim *s, struct sim_call *c)
{
        struct done *d = sim_call_data(c);
        struct sim_version *v = &s->versions[sim_place(d->version)];
        struct err e;

        if (!fails(s, &e)) {
                if (v->weight_bp != 0)
                        (void) err_set(&e, ERR_CONFLICT, "it has weight");
                else
                        v->wanted = 0;
                s->acts++;
        }
        if (sim_call_heard(c))
                d->done(d->arg, e.kind ? &e : NULL);
}

static void op_retire(struct platform *p, const char *target, int64_t version, platform_done_fn done, void *arg)
{
        struct done d = { .done = done, .arg = arg, .version = version };

        (void) target;
        sim_later(sim_of(p), retire_now, &d, sizeof d, true);
}

/* --- routing --- */

struct route {
        platform_done_fn done;
        void *arg;
        struct weight w[2];
        int n;
        bool urgent, overtaken;
};

static int weight_of(const struct weight *w, int n, int64_t version)
{
        for (int i = 0; i < n; i++)
                if (w[i].version == version)
                        return w[i].bp;
        return 0;
}

static void check_ready(struct sim *s, const struct route *d)
{
        for (int i = 0; i < d->n; i++) {
                const struct version_status *seen = target_status(s->target, d->w[i].version);

                if (d->w[i].bp > 0 && (!seen || (d->w[i].bp > seen->weight_bp && seen->ready == 0)))
                        sim_broken(s, "version %lld gets %d and nothing of it is ready", (long long) d->w[i].version, d->w[i].bp);
        }
}

static void check_route(struct sim *s, const struct route *d)
{
        const struct rollout *r = &s->saved;
        struct weight asked[2];
        int n, sum = 0, bp;

        for (int i = 0; i < d->n; i++) {
                sum += d->w[i].bp;
                if (d->w[i].bp > 0 && !s->versions[sim_place(d->w[i].version)].was_ready)
                        sim_broken(s, "version %lld gets %d and was never ready", (long long) d->w[i].version, d->w[i].bp);
        }
        if (sum != WEIGHT_ALL)
                sim_broken(s, "weights sum to %d", sum);
        if (d->urgent)
                return;
        check_ready(s, d);
        n = rollout_weights(r, asked);
        for (int v = 1; v < SIM_PLACES; v++) {
                int64_t key = sim_key(s, v);
                int gets = weight_of(d->w, d->n, key), may = weight_of(asked, n, key);

                if (gets > may && key != r->stable.version)
                        sim_broken(s, "version %d gets %d, but the saved record says %d", v, gets, may);
                if (key == r->candidate.version && gets > s->versions[v].weight_bp &&
                    s->versions[v].wanted < capacity_of(r->candidate.replicas, gets))
                        sim_broken(s, "version %d gets %d with %d replicas", v, gets, s->versions[v].wanted);
        }
        bp = weight_of(d->w, d->n, r->candidate.version);
        if (s->restart_bp >= 0 && !s->human_pushed && r->phase == PHASE_CANARY && bp > s->restart_bp &&
            bp > r->policy->steps[0].weight_bp)
                sim_broken(s, "after a restart the candidate gets %d, the router had %lld", bp, (long long) s->restart_bp);
        s->restart_bp = -1;
}

static void route_now(struct sim *s, struct sim_call *c)
{
        struct route *d = sim_call_data(c);
        struct err e;
        bool failed = write_fails(s, &e);

        if (d->overtaken || s->router_down) {
                (void) err_set(&e, d->overtaken ? ERR_CONFLICT : ERR_UNAVAILABLE, "not routed");
                failed = true;
        }
        if (!failed) {
                s->routes++;
                s->acts++;
                for (int v = 1; v < SIM_PLACES && !s->router_stuck; v++)
                        s->versions[v].weight_bp = weight_of(d->w, d->n, sim_key(s, v));
        }
        if (sim_call_heard(c))
                d->done(d->arg, e.kind ? &e : NULL);
}

static void op_route(struct platform *p, const char *target, const struct weight *w, int n, bool urgent, platform_done_fn done,
                     void *arg)
{
        struct route d = { .done = done, .arg = arg, .n = n, .urgent = urgent };
        struct sim *s = sim_of(p);
        struct sim_call *c;

        (void) target;
        memcpy(d.w, w, (size_t) n * sizeof *w);
        check_route(s, &d);
        DL_FOREACH(s->calls, c)
        if (urgent && c->run == route_now)
                ((struct route *) sim_call_data(c))->overtaken = true;
        sim_later(s, route_now, &d, sizeof d, true);
}

static const struct platform_ops ops = {
        .name = "simulated",
        .load = op_load,
        .save = op_save,
        .record = op_record,
        .observe = op_observe,
        .deploy = op_deploy,
        .retire = op_retire,
        .route = op_route,
};

void sim_platform_init(struct sim *s)
{
        s->platform.ops = &ops;
}
