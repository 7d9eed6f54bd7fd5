/* Operations between being asked for and being told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/auto.h"
#include "lib/mem.h"
#include "rolloutd/kube_private.h"

enum op_kind { OP_DONE, OP_RECORD, OP_SAVED, OP_HISTORY, OP_OBSERVE };

struct kube_op {
        struct kube_op *prev, *next; /* in its platform's list of those asked for, or of those answered */
        struct kube_platform *k;
        enum op_kind kind;
        union {
                platform_done_fn done;
                platform_saved_fn saved;
                kube_history_fn history;
                platform_world_fn world;
        } fn;
        void *arg;
        char *target;
        bool answered, gone; /* gone: nobody wants to know */
        struct err *failure; /* NULL: success */
        int64_t revision;
        char *text;
};

static struct kube_op *add(struct kube_platform *k, enum op_kind kind, const char *target, void *arg)
{
        struct kube_op *op = xcalloc(1, sizeof *op);

        op->kind = kind;
        op->k = k;
        op->target = xstrdup(target);
        op->arg = arg;
        DL_APPEND(k->ops, op);
        return op;
}

struct kube_op *kube_op_done(struct kube_platform *k, const char *target, platform_done_fn done, void *arg)
{
        struct kube_op *op = add(k, OP_DONE, target, arg);

        op->fn.done = done;
        return op;
}

struct kube_op *kube_op_record(struct kube_platform *k, const char *target, platform_done_fn done, void *arg)
{
        struct kube_op *op = add(k, OP_RECORD, target, arg);

        op->fn.done = done;
        return op;
}

struct kube_op *kube_op_saved(struct kube_platform *k, const char *target, platform_saved_fn done, void *arg)
{
        struct kube_op *op = add(k, OP_SAVED, target, arg);

        op->fn.saved = done;
        return op;
}

struct kube_op *kube_op_history(struct kube_platform *k, const char *target, kube_history_fn done, void *arg)
{
        struct kube_op *op = add(k, OP_HISTORY, target, arg);

        op->fn.history = done;
        return op;
}

static void ready(struct kube_op *op)
{
        DL_DELETE(op->k->ops, op);
        DL_APPEND(op->k->answers, op);
}

void kube_op_observe(struct kube_platform *k, const char *target, platform_world_fn done, void *arg)
{
        struct kube_op *op = add(k, OP_OBSERVE, target, arg);

        op->fn.world = done;
        op->answered = true; /* by what is in memory when it is told */
        ready(op);
}

void kube_ops_was_read(struct kube_platform *k, const struct kube_target *t)
{
        struct kube_op *op, *next;

        DL_FOREACH_SAFE(k->ops, op, next)
        if (op->kind == OP_OBSERVE && strcmp(op->target, t->id) == 0)
                ready(op);
}

/* --- answers --- */

static void answer(struct kube_op *op, const struct err *failure)
{
        if (!op->answered)
                ready(op);
        op->answered = true;
        free(op->failure);
        op->failure = failure ? xmemdup(failure, sizeof *failure) : NULL;
}

void kube_op_answer(void *op, const struct err *failure)
{
        answer(op, failure);
}

void kube_op_answer_saved(void *op, int64_t revision, const struct err *failure)
{
        ((struct kube_op *) op)->revision = revision;
        answer(op, failure);
}

void kube_op_answer_history(void *op, const char *events, const struct err *failure)
{
        ((struct kube_op *) op)->text = events ? xstrdup(events) : NULL;
        answer(op, failure);
}

void kube_op_refuse(struct kube_op *op, enum err_kind kind, const char *why)
{
        struct err e = { 0 };

        (void) err_set(&e, kind, "%s", why);
        answer(op, &e);
}

/* --- telling --- */

static void free_op(struct kube_op *op)
{
        free(op->target);
        free(op->failure);
        free(op->text);
        free(op);
}

static int look(const struct kube_platform *k, const char *target, struct world *out, struct err *e)
{
        const struct kube_target *t = kube_find(k, target);

        if (!t)
                return err_set(e, ERR_NOT_FOUND, "there is no ModelRollout %s", target);
        kube_world_of(k, t, out);
        return 0;
}

static void tell_world(const struct kube_platform *k, const struct kube_op *op)
{
        struct world seen;
        struct err e = { 0 };

        if (op->failure || look(k, op->target, &seen, &e) < 0)
                op->fn.world(op->arg, NULL, op->failure ? op->failure : &e);
        else
                op->fn.world(op->arg, &seen, NULL);
}

static void tell(const struct kube_platform *k, struct kube_op *op)
{
        switch (op->kind) {
        case OP_DONE:
        case OP_RECORD:
                op->fn.done(op->arg, op->failure);
                break;
        case OP_SAVED:
                op->fn.saved(op->arg, op->revision, op->failure);
                break;
        case OP_HISTORY:
                op->fn.history(op->arg, op->text, op->failure);
                break;
        case OP_OBSERVE:
                tell_world(k, op);
                break;
        }
}

/* What the cluster has of a new target is read first, and nothing is told of it before. */
static bool waits(const struct kube_platform *k, const struct kube_op *op)
{
        const struct kube_target *t = op->kind == OP_OBSERVE ? kube_find(k, op->target) : NULL;

        return t && t->reading;
}

/* Only those that are there now: what is asked for in turn is told next time. */
void kube_ops_tell(struct kube_platform *k)
{
        struct kube_op *mine = TAKE(k->answers), *op;

        while ((op = mine)) {
                DL_DELETE(mine, op);
                if (waits(k, op)) {
                        DL_APPEND(k->ops, op);
                        continue;
                }
                if (!op->gone)
                        tell(k, op);
                free_op(op);
        }
}

/* Who carries out an operation on a target lets go of it with the target; history() and record() are calls that end by themselves. */
static void drop(struct kube_op **list, const char *target)
{
        struct kube_op *op, *next;

        DL_FOREACH_SAFE(*list, op, next)
        {
                if (strcmp(op->target, target) != 0 || op->kind == OP_HISTORY)
                        continue;
                op->gone = true;
                if (op->kind == OP_RECORD)
                        continue;
                DL_DELETE(*list, op);
                free_op(op);
        }
}

void kube_ops_gone(struct kube_platform *k, const char *target)
{
        drop(&k->ops, target);
        drop(&k->answers, target);
}

bool kube_ops_any(const struct kube_platform *k)
{
        return k->answers;
}

static void free_all(struct kube_op **list)
{
        struct kube_op *op, *next;

        DL_FOREACH_SAFE(*list, op, next)
        {
                DL_DELETE(*list, op);
                free_op(op);
        }
}

void kube_ops_free(struct kube_platform *k)
{
        free_all(&k->ops);
        free_all(&k->answers);
}
