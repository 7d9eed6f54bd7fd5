/* One conversation with HAProxy about one target: tell the difference, hear how it is, answer who asked. */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/fault.h"
#include "lib/log.h"
#include "rolloutd/local_route.h"

enum {
        AGAIN_MS = 50,   /* after a conversation that failed */
        LATER_MS = 1000, /* when several in a row did not lead where they should */
        TRIES = 4,
};

/* --- answers to the controller: each done function may ask for more, so every list is left in order before --- */

void local_shift_finish_route(struct local_target *t, struct local_route_op *op, const struct err *failure)
{
        struct err e = failure ? *failure : (struct err){ 0 };

        DL_DELETE(t->routes, op);
        t->save_due_ms = clock_ms(); /* whatever came of it, to last */
        op->done(op->arg, failure ? &e : NULL);
        free(op);
}

void local_shift_finish_observers(struct local_router *r, struct local_target *t)
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

/*
 * The weights asked for are written twice: before HAProxy is told, so that whoever comes after us does not take the new ones back, but
 * without waiting for a disk that may be slow or full; and after, to last.
 */
void local_shift_save(struct local_router *r, struct local_target *t, const struct local_shares *shares, bool quick,
                      int64_t now_ms)
{
        bool again = t->save_due_ms != 0;
        struct err e;

        t->save_due_ms = 0;
        if (local_target_save(t->name, shares, r->store, quick, &e) == 0)
                return;
        t->save_due_ms = now_ms + LATER_MS;
        if (!again)
                LOG_ERROR("cannot save weights, trying again", "model", t->name, "error", e.msg);
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
        local_shift_finish_route(t, t->routes, there ? NULL : &t->trouble);
}

/* No such backend: HAProxy was started before this model was known. */
static void not_understood(struct local_router *r, struct local_target *t)
{
        t->known = false;
        r->haproxy->reload |= !t->reloaded;
        t->due_ms = t->reloaded ? clock_ms() + LATER_MS : 0;
        t->reloaded = true;
}

/* The first word of a HAProxy that ran before we did. Somebody may have steered it by hand while nobody else could. */
static void adopt(struct local_router *r, struct local_target *t)
{
        struct local_shares live;

        t->dirty = true;
        local_target_live(r, t, &live);
        if (t->found && live.n > 0 && !local_shares_alike(&live, &t->asked)) {
                LOG_WARN("HAProxy has other weights than were asked for last; they stay", "model", t->name);
                t->asked = live;
                t->save_due_ms = clock_ms();
        }
        t->found = false;
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
                        adopt(r, t);
        }
        t->reloaded &= !t->known;
        if (t->known || !r->haproxy->reload) /* else they wait for the reload */
                local_shift_finish_observers(r, t);
}

void local_shift_talk(struct local_router *r, struct local_target *t, int64_t now_ms)
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
                if (r->routing)
                        local_shift_save(r, t, shares, true, now_ms);
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
