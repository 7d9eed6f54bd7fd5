/* Conversations with HAProxy about weights. */
#include "rolloutd/local_route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/clock.h"
#include "lib/fault.h"
#include "lib/log.h"
#include "lib/mem.h"

enum {
        AGAIN_MS = 50,   /* after a conversation that failed */
        LATER_MS = 1000, /* when several in a row did not lead where they should */
        TRIES = 4,
};

/* --- requests --- */

static int check_shares(const struct weight *w, int n, struct local_shares *out, struct err *e)
{
        int64_t sum = 0;

        if (n < 1 || n > WORLD_VERSIONS_MAX)
                return err_set(e, ERR_INVALID, "weights for %d versions: at most %d can have any", n, WORLD_VERSIONS_MAX);
        for (int i = 0; i < n; i++) {
                if (w[i].bp < 0 || w[i].bp > WEIGHT_ALL || w[i].version < 1)
                        return err_set(e, ERR_INVALID, "version %lld cannot have a weight of %d", (long long) w[i].version,
                                       w[i].bp);
                sum += w[i].bp;
                if (w[i].bp)
                        out->w[out->n++] = w[i];
        }
        return sum == WEIGHT_ALL ? 0 : err_set(e, ERR_INVALID, "the weights sum to %lld, not %d", (long long) sum, WEIGHT_ALL);
}

/* The one that is being carried out may have been already: it is left to come to its end. */
static void overtake(struct local_router *r, struct local_target *t)
{
        struct local_route_op *op;

        DL_FOREACH(t->routes, op)
        {
                if (!op->failure.kind && !(r->busy == t && r->routing && op == t->routes))
                        (void) err_set(&op->failure, ERR_CONFLICT, "a rollback of %s came first", t->name);
        }
}

void local_router_route(struct local_router *r, const char *target, const struct weight *w, int n, bool urgent, int64_t now_ms,
                        platform_done_fn done, void *arg)
{
        struct local_target *t = local_target_get(r, target);
        struct local_route_op *op = xcalloc(1, sizeof *op);

        *op = (struct local_route_op){ .urgent = urgent, .deadline_ms = now_ms + LOCAL_ROUTE_MS, .done = done, .arg = arg };
        if (check_shares(w, n, &op->shares, &op->failure) == 0 && urgent) {
                overtake(r, t);
                t->due_ms = 0;
        }
        DL_APPEND(t->routes, op);
}

void local_router_observe(struct local_router *r, const char *target, int64_t now_ms, platform_world_fn done, void *arg)
{
        struct local_target *t = local_target_get(r, target);
        struct local_observe_op *op = xcalloc(1, sizeof *op);

        *op = (struct local_observe_op){ .deadline_ms = now_ms + LOCAL_ROUTE_MS, .done = done, .arg = arg };
        DL_APPEND(t->observers, op);
}

static bool has_share(const struct local_shares *s, int64_t version)
{
        for (int i = 0; i < s->n; i++)
                if (s->w[i].version == version)
                        return true;
        return false;
}

bool local_router_has_weight(const struct local_router *r, const char *target, int64_t version)
{
        const struct local_target *t;
        const struct local_route_op *op;
        const struct local_replica *p;

        DL_FOREACH(r->targets, t)
        {
                if (strcmp(t->name, target))
                        continue;
                if (has_share(&t->asked, version))
                        return true;
                DL_FOREACH(t->routes, op)
                {
                        if (!op->failure.kind && has_share(&op->shares, version))
                                return true;
                }
                DL_FOREACH(r->processes->head, p)
                {
                        if (p->version == version && !strcmp(p->target, target) && t->known && t->actual[p->slot].weight > 0)
                                return true;
                }
        }
        return false;
}

/* --- answers to the controller: each done function may ask for more, so every list is left in order before --- */

static void finish_route(struct local_target *t, struct local_route_op *op, const struct err *failure)
{
        struct err e = failure ? *failure : (struct err){ 0 };

        DL_DELETE(t->routes, op);
        op->done(op->arg, failure ? &e : NULL);
        free(op);
}

static void finish_observers(struct local_router *r, struct local_target *t)
{
        struct local_observe_op *ops = TAKE(t->observers);
        struct world w;

        if (!ops)
                return;
        local_world_fill(r, t, &w);
        while (ops) {
                struct local_observe_op *op = ops;
                DL_DELETE(ops, op);
                op->done(op->arg, &w, NULL);
                free(op);
        }
}

/* --- a conversation --- */

static bool runs_somewhere(const struct local_router *r, const struct local_target *t, const struct local_shares *s)
{
        const struct local_replica *p;

        DL_FOREACH(r->processes->head, p)
        {
                if (!p->retiring && !strcmp(p->target, t->name) && has_share(s, p->version))
                        return true;
        }
        return false;
}

/* Before HAProxy is told: whoever comes after us then does not take the new weights back. Traffic does not wait for a full disk. */
static void save(struct local_router *r, struct local_target *t, const struct local_shares *shares)
{
        struct err e;

        t->unsaved = local_target_save(t->name, shares, r->store, &e) != 0;
        if (t->unsaved)
                LOG_ERROR("cannot save weights", "model", t->name, "error", e.msg);
}

/* HAProxy has told how things are. */
static void compare(struct local_router *r, struct local_target *t, bool routing)
{
        bool there = local_slots_equal(t->actual, r->wanted);

        t->tries = there ? 0 : t->tries + 1;
        t->dirty |= !there; /* it may have become so while we talked */
        t->due_ms = t->tries < TRIES ? 0 : clock_ms() + LATER_MS;
        if (t->tries >= TRIES)
                (void) err_set(&t->trouble, ERR_UNAVAILABLE, "HAProxy does not take the weights of %s", t->name);
        if (!routing || (!there && t->tries < TRIES))
                return;
        if (there)
                t->asked = t->routes->shares;
        fault_point("local-routed");
        finish_route(t, t->routes, there ? NULL : &t->trouble);
}

/* No such backend: HAProxy was started before this model was known. */
static void not_understood(struct local_router *r, struct local_target *t)
{
        t->known = false;
        r->haproxy->reload |= !t->reloaded;
        t->due_ms = t->reloaded ? clock_ms() + LATER_MS : 0;
        t->reloaded = true;
}

static void talked(void *arg, const char *answer, const struct err *failure)
{
        struct local_router *r = arg;
        struct local_target *t = TAKE(r->busy);
        bool routing = r->routing, knew = t->known;

        r->routing = false;
        t->trouble = (struct err){ 0 };
        if (failure) {
                t->trouble = *failure;
                (void) err_wrap(&t->trouble, "HAProxy's runtime socket");
                t->due_ms = clock_ms() + AGAIN_MS;
        } else {
                char backend[LOCAL_BACKEND_MAX];
                local_backend_name(t->name, backend);
                t->known = local_slots_parse(answer, backend, t->actual, &t->trouble) == 0;
                if (!t->known)
                        not_understood(r, t);
                else if (knew)
                        compare(r, t, routing);
                else
                        t->dirty = true;
        }
        t->reloaded &= !t->known;
        if (t->known || !r->haproxy->reload) /* else they wait for the reload */
                finish_observers(r, t);
}

static void talk_about(struct local_router *r, struct local_target *t, int64_t now_ms)
{
        char backend[LOCAL_BACKEND_MAX];
        AUTO_STRBUF commands, all;

        r->busy = t;
        r->routing = t->known && t->routes;
        local_backend_name(t->name, backend);
        strbuf_init(&commands, LOCAL_PLAN_MAX);
        strbuf_init(&all, LOCAL_PLAN_MAX + 256);
        if (t->known) { /* else first hear how it is */
                const struct local_shares *shares = r->routing ? &t->routes->shares : &t->asked;
                if (r->routing || t->unsaved)
                        save(r, t, shares);
                local_target_want(r, t, shares, r->wanted);
                local_slots_plan(backend, t->actual, r->wanted, &commands);
        }
        strbuf_addf(&all, "%sshow servers state %s\n", strbuf_str(&commands), backend);
        int64_t deadline = now_ms + LOCAL_ROUTE_MS;
        if (r->routing && t->routes->deadline_ms < deadline)
                deadline = t->routes->deadline_ms;
        t->dirty = false; /* from here on it is something new */
        local_haproxy_ask(r->haproxy, &r->talk, strbuf_str(&all), deadline, talked, r);
}

/* --- what is next --- */

/* Which target to talk about: 3 an urgent route, 2 a route, 1 something else, 0 nothing to say. */
static int urgency(const struct local_router *r, const struct local_target *t, int64_t now_ms)
{
        if (now_ms < t->due_ms || !local_target_matters(r, t))
                return 0;
        if (t->routes)
                return t->routes->urgent ? 3 : 2;
        return t->dirty || t->observers || !t->known;
}

static struct local_target *pick(struct local_router *r, int64_t now_ms)
{
        struct local_target *t, *best = NULL;
        int most;

        /* While a successor starts, only what cannot wait is told to the predecessor; the successor is told when it answers. */
        if (r->haproxy->state == LOCAL_HAPROXY_UP)
                most = 0;
        else if (r->haproxy->state == LOCAL_HAPROXY_STARTING && r->haproxy->serving.pid)
                most = 2;
        else
                return NULL;

        DL_FOREACH(r->targets, t)
        {
                int u = urgency(r, t, now_ms);
                if (u > most) {
                        most = u;
                        best = t;
                }
        }
        if (best) { /* next time the others come before it */
                DL_DELETE(r->targets, best);
                DL_APPEND(r->targets, best);
        }
        return best;
}

/* True: something was told, lists may have changed. */
static bool tell_hopeless(struct local_router *r, struct local_target *t, int64_t now_ms)
{
        bool waiting = r->haproxy->state == LOCAL_HAPROXY_DOWN && now_ms < r->haproxy->start_due_ms;
        struct local_route_op *op;

        DL_FOREACH(t->routes, op)
        {
                bool in_flight = r->busy == t && r->routing && op == t->routes;
                if (in_flight)
                        continue;
                if (!op->failure.kind && !runs_somewhere(r, t, &op->shares))
                        (void) err_set(&op->failure, ERR_UNAVAILABLE,
                                       "%s: none of the versions asked for runs; traffic stays as it is", t->name);
                if (!op->failure.kind && now_ms >= op->deadline_ms)
                        (void) err_set(&op->failure, ERR_TIMEOUT, "HAProxy has not taken the weights of %s in time%s%s", t->name,
                                       *r->haproxy->message ? ": " : "", r->haproxy->message);
                if (op->failure.kind) {
                        finish_route(t, op, &op->failure);
                        return true;
                }
        }
        if (t->observers && (waiting || !local_target_matters(r, t) || now_ms >= t->observers->deadline_ms)) {
                finish_observers(r, t);
                return true;
        }
        return false;
}

static int64_t next_due(const struct local_router *r, int64_t now_ms)
{
        int64_t next = INT64_MAX;
        const struct local_target *t;

        DL_FOREACH(r->targets, t)
        {
                if (t->routes && t->routes->deadline_ms < next)
                        next = t->routes->deadline_ms;
                if (t->observers && t->observers->deadline_ms < next)
                        next = t->observers->deadline_ms;
                if (t->due_ms > now_ms && t->due_ms < next)
                        next = t->due_ms;
        }
        return next;
}

int64_t local_router_run(struct local_router *r, int64_t now_ms)
{
        struct local_target *t, *after;

        DL_FOREACH_SAFE(r->targets, t, after)
        {
                while (tell_hopeless(r, t, now_ms))
                        ;
        }
        int64_t talk = local_talk_run(&r->talk, now_ms), due = next_due(r, now_ms);
        if (r->talk.active)
                return talk < due ? talk : due;
        if (!(t = pick(r, now_ms)))
                return next_due(r, now_ms);
        talk_about(r, t, now_ms);
        return now_ms;
}

/* --- what the others tell --- */

void local_router_changed(void *router, const char *target)
{
        struct local_target *t = local_target_get(router, target);

        t->dirty = true;
        t->tries = 0;
        t->due_ms = 0;
}

void local_router_came_up(void *router)
{
        struct local_router *r = router;
        struct local_target *t;

        DL_FOREACH(r->targets, t)
        {
                t->known = false;
                t->due_ms = 0;
        }
}

void local_router_config(void *router, struct strbuf *out)
{
        struct local_router *r = router;
        struct local_backend *b;
        struct local_target *t;
        size_t n = 0;

        DL_COUNT(r->targets, t, n);
        b = xcalloc(n + 1, sizeof *b);
        n = 0;
        DL_FOREACH(r->targets, t)
        {
                if (!local_target_matters(r, t))
                        continue;
                b[n].target = t->name;
                local_target_want(r, t, &t->asked, b[n++].slots);
        }
        local_config_text(r->setup->traffic_listen, r->haproxy->socket.sun_path, b, n, out);
        free(b);
}

/* --- beginning and end --- */

int local_router_load(struct local_router *r, struct err *e)
{
        char **paths;
        size_t n, i;

        if (local_store_list(r->store, "routes", &paths, &n, e))
                return -1;
        for (i = 0; i < n; i++) {
                const char *name = strrchr(paths[i], '/') + 1;
                AUTO(str) target = xstrndup(name, strlen(name) - strlen(".json"));
                if (name_check("target", target, e) || local_target_read(local_target_get(r, target), paths[i], e))
                        break;
        }
        local_paths_free(paths, n);
        return i == n ? 0 : -1;
}

static void target_free(struct local_target *t)
{
        struct local_route_op *route, *next_route;
        struct local_observe_op *seen, *next_seen;

        DL_FOREACH_SAFE(t->routes, route, next_route)
        {
                free(route);
        }
        DL_FOREACH_SAFE(t->observers, seen, next_seen)
        {
                free(seen);
        }
        free(t);
}

void local_router_done(struct local_router *r)
{
        local_talk_stop(&r->talk);
        while (r->targets) {
                struct local_target *t = r->targets;
                DL_DELETE(r->targets, t);
                target_free(t);
        }
}
