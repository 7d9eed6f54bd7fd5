/* Who waits for a target, and for what. */
#include <stdlib.h>

#include <utlist.h>

#include "lib/mem.h"
#include "rolloutd/target_private.h"

struct target_waiter {
        enum target_until until;
        uint64_t edits;
        int64_t deadline_ms;
        void (*done)(void *arg, struct target *t, const struct err *failure);
        void *arg;
        struct target_waiter *next;
};

static bool is_over(const struct target *t, const struct target_waiter *w, int64_t now, struct err *e)
{
        if (w->until == TARGET_SAVED ? t->saved_edits >= w->edits : phase_is_at_rest(t->now.phase) && target_weights_stand(t))
                return true;
        if (now < w->deadline_ms)
                return false;
        err_set(e, ERR_TIMEOUT, "%s; it is decided and is being tried again: %s",
                w->until == TARGET_SAVED ? "the decision could not be saved yet" : "the router has not taken the new weights yet",
                t->world_failure          ? t->world_failure->msg
                : t->world.router_message ? t->world.router_message
                                          : "nothing is wrong so far");
        return true;
}

void target_waiters_answer(struct target *t)
{
        struct target_waiter *w, *next;
        int64_t now = target_now(t);

        LL_FOREACH_SAFE(t->waiters, w, next)
        {
                struct err e = { 0 };

                if (!is_over(t, w, now, &e))
                        continue;
                LL_DELETE(t->waiters, w);
                w->done(w->arg, t, e.kind ? &e : NULL);
                free(w);
        }
}

void target_wait(struct target *t, enum target_until until, int64_t timeout_ms,
                 void (*done)(void *arg, struct target *t, const struct err *failure), void *arg)
{
        struct target_waiter *w = xcalloc(1, sizeof *w);

        *w = (struct target_waiter){ until, t->edits, target_now(t) + timeout_ms, done, arg, NULL };
        LL_APPEND(t->waiters, w);
}

/* Somebody else's save won. What was asked for has been asked for again; if it was not taken, who waits is told. */
void target_waiters_reloaded(struct target *t, bool taken)
{
        struct target_waiter *w, *next;

        LL_FOREACH_SAFE(t->waiters, w, next)
        {
                struct err e = { 0 };

                w->edits = t->edits;
                if (taken || w->until != TARGET_SAVED)
                        continue;
                err_set(&e, ERR_CONFLICT, "somebody else changed %s meanwhile: it is in phase %s now", t->now.target,
                        phase_name(t->now.phase));
                LL_DELETE(t->waiters, w);
                w->done(w->arg, t, &e);
                free(w);
        }
}

void target_waiters_gone(struct target *t)
{
        struct target_waiter *w, *next;
        struct err e = { 0 };

        (void) err_set(&e, ERR_NOT_FOUND, "the declaration of %s is gone", t->now.target);
        LL_FOREACH_SAFE(t->waiters, w, next)
        {
                LL_DELETE(t->waiters, w);
                w->done(w->arg, t, &e);
                free(w);
        }
}

int64_t target_waiters_due(const struct target *t)
{
        int64_t due = INT64_MAX;

        for (const struct target_waiter *w = t->waiters; w; w = w->next)
                if (w->deadline_ms < due)
                        due = w->deadline_ms;
        return due;
}

void target_waiters_free(struct target *t)
{
        struct target_waiter *w, *next;

        LL_FOREACH_SAFE(t->waiters, w, next)
        free(w);
}
