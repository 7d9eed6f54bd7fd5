/* Optimistic concurrency, as every writer of shared objects needs it. */
#include "lib/kube_modify.h"

#include <stdlib.h>

#include "lib/mem.h"
#include "lib/random.h"

enum { TRIES_MAX = 5, PAUSE_MS = 10 };

struct kube_modify {
        struct kube *kube;
        struct kube_call target;
        struct kube_flight *flight;
        int tries;
        kube_edit_fn edit;
        kube_done_fn done;
        void *arg;
};

static void ask(struct kube_modify *m, int64_t delay_ms);

static void end(struct kube_modify *m, json_t *object, const struct kube_failure *failure)
{
        m->done(m->arg, object, failure);
        free(m);
}

static void on_written(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_modify *m = arg;

        m->flight = NULL;
        if (failure && failure->reason == KUBE_CONFLICT && ++m->tries < TRIES_MAX)
                ask(m, PAUSE_MS + random_u32() % 2);
        else
                end(m, object, failure);
}

static void on_read(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_modify *m = arg;
        struct kube_failure why;
        struct err e = { 0 };

        m->flight = NULL;
        int wanted = failure ? 0 : m->edit(m->arg, object, &e);
        if (wanted == 0) {
                end(m, object, failure);
                return;
        }
        if (wanted < 0) {
                kube_failure_from_err(&e, &why);
                why.reason = KUBE_INVALID;
                end(m, NULL, &why);
                return;
        }
        struct kube_call call = m->target;
        call.verb = KUBE_UPDATE;
        call.body = object;
        call.delay_ms = 0;
        m->flight = kube_start(m->kube, &call, on_written, m);
}

static void ask(struct kube_modify *m, int64_t delay_ms)
{
        struct kube_call call = m->target;

        call.verb = KUBE_GET;
        call.body = NULL;
        call.delay_ms = delay_ms;
        m->flight = kube_start(m->kube, &call, on_read, m);
}

struct kube_modify *kube_modify_start(struct kube *k, const struct kube_call *target, kube_edit_fn edit, kube_done_fn done,
                                      void *arg)
{
        struct kube_modify *m = xcalloc(1, sizeof *m);

        *m = (struct kube_modify){ .kube = k, .target = *target, .edit = edit, .done = done, .arg = arg };
        ask(m, target->delay_ms);
        return m;
}

void kube_modify_cancel(struct kube_modify *m)
{
        if (!m)
                return;
        if (m->flight)
                kube_cancel(m->kube, m->flight);
        free(m);
}
