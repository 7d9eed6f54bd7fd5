/* Saved records that cannot be understood: left as they are, told to their owners, and read again until they can be. */
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/utf8.h"
#include "rolloutd/controller_private.h"

enum { READ_AGAIN_MS = 5000 };

static struct unreadable *find(struct controller *c, const char *target)
{
        for (size_t i = 0; i < c->n_unreadable; i++)
                if (strcmp(c->unreadable[i].target, target) == 0)
                        return &c->unreadable[i];
        return NULL;
}

static void tell(struct controller *c, struct unreadable *u, const struct err *why)
{
        const struct platform_ops *ops = c->platform->ops;
        struct desire_trouble trouble = { .reason = "RecordUnreadable" };

        snprintf(u->why, sizeof u->why, "%.*s", (int) sizeof u->why - 1, why->msg);
        snprintf(trouble.message, sizeof trouble.message,
                 "what rolloutd has saved cannot be understood, so what serves is left as it is: %.150s", why->msg);
        utf8_clean(trouble.message);
        if (ops->complain)
                ops->complain(c->platform, u->target, &trouble);
}

void controller_leave_alone(struct controller *c, const char *target, const struct err *why)
{
        c->unreadable = xrealloc(c->unreadable, c->n_unreadable + 1, sizeof *c->unreadable);
        struct unreadable *u = &c->unreadable[c->n_unreadable++];

        snprintf(u->target, sizeof u->target, "%.*s", TARGET_MAX_LEN, target);
        LOG_ERROR("a record cannot be understood and is left alone", "target", target, "error", why->msg);
        tell(c, u, why);
}

void controller_forget_unreadable(struct controller *c, const char *target)
{
        struct unreadable *u = find(c, target);

        if (u)
                *u = c->unreadable[--c->n_unreadable];
}

static void read_again(void *arg, const struct platform_record *records, size_t n, const struct err *failure)
{
        struct controller *c = arg;
        struct unreadable *u = find(c, c->rereading);
        struct target *t = NULL;
        struct err e = { 0 };

        *c->rereading = '\0';
        if (!u || failure)
                return;
        if (n)
                t = target_load(&c->env, &records[0], &e);
        if (n && !t) {
                tell(c, u, &e);
                return;
        }
        LOG_INFO(t ? "a record can be understood again" : "a record that could not be understood is gone", "target", u->target);
        controller_forget_unreadable(c, u->target);
        if (t)
                due_add(&c->targets, t);
}

int64_t controller_read_again(struct controller *c, int64_t now_ms)
{
        const struct platform_ops *ops = c->platform->ops;

        if (!c->n_unreadable || !ops->reload || c->draining)
                return READ_AGAIN_MS;
        if (now_ms < c->reread_at_ms)
                return c->reread_at_ms - now_ms;
        c->reread_at_ms = now_ms + READ_AGAIN_MS;
        if (!*c->rereading) { /* one at a time, in turn */
                memcpy(c->rereading, c->unreadable[c->reread_next++ % c->n_unreadable].target, sizeof c->rereading);
                ops->reload(c->platform, c->rereading, read_again, c);
        }
        return READ_AGAIN_MS;
}
