/* Requests for weights and observations: queued, taken up by urgency, told when hopeless. */
#include "rolloutd/local_route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"

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
                if (w[i].bp && local_shares_have(out, w[i].version))
                        return err_set(e, ERR_INVALID, "version %lld is given two weights", (long long) w[i].version);
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

bool local_router_has_weight(const struct local_router *r, const char *target, int64_t version)
{
        const struct local_target *t;
        const struct local_route_op *op;
        const struct local_replica *p;

        DL_FOREACH(r->targets, t)
        {
                if (strcmp(t->name, target))
                        continue;
                if (local_shares_have(&t->asked, version))
                        return true;
                DL_FOREACH(t->routes, op)
                {
                        if (!op->failure.kind && local_shares_have(&op->shares, version))
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

/* --- what is next --- */

static bool runs_somewhere(const struct local_router *r, const struct local_target *t, const struct local_shares *s)
{
        const struct local_replica *p;

        DL_FOREACH(r->processes->head, p)
        {
                if (!p->retiring && !strcmp(p->target, t->name) && local_shares_have(s, p->version))
                        return true;
        }
        return false;
}

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
                        local_shift_finish_route(t, op, &op->failure);
                        return true;
                }
        }
        if (t->observers && (waiting || !local_target_matters(r, t) || now_ms >= t->observers->deadline_ms)) {
                local_shift_finish_observers(r, t);
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
                if (t->save_due_ms && t->save_due_ms < next)
                        next = t->save_due_ms;
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
                if (t->save_due_ms && now_ms >= t->save_due_ms && r->busy != t)
                        local_shift_save(r, t, &t->asked, false, now_ms);
        }
        int64_t talk = local_talk_run(&r->talk, now_ms), due = next_due(r, now_ms);
        if (r->talk.active)
                return talk < due ? talk : due;
        if (!(t = pick(r, now_ms)))
                return next_due(r, now_ms);
        local_shift_talk(r, t, now_ms);
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
                t->found = r->haproxy->found;
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

static int load_one(struct local_router *r, const char *path, struct err *e)
{
        const char *name = strrchr(path, '/') + 1;
        AUTO(str) target = xstrndup(name, strlen(name) - strlen(".json"));
        struct err why;

        if (name_check("target", target, e))
                return -1;
        struct local_target *t = local_target_get(r, target);
        if (local_target_read(t, path, &why) == 0)
                return 0;
        if (why.kind != ERR_INVALID)
                return err_set(e, why.kind, "%s", why.msg);
        LOG_WARN("weights were lost with the machine; the controller will ask again", "error", why.msg);
        t->asked.n = 0;
        return 0;
}

int local_router_load(struct local_router *r, struct err *e)
{
        char **paths;
        size_t n, i;

        if (local_store_list(r->store, "routes", &paths, &n, e))
                return -1;
        for (i = 0; i < n && load_one(r, paths[i], e) == 0; i++)
                ;
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
