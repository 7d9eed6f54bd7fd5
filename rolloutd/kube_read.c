/*
 * What the cluster has of a ModelRollout that has come after the watches began, or wants another route now. Each watch has a pace of its
 * own, so its Deployments, slices and route may have been reported before it was, and to nobody.
 */
#include <stdlib.h>

#include <utlist.h>

#include "lib/auto.h"
#include "lib/backoff.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/random.h"
#include "rolloutd/kube_private.h"

enum { FOREVER_MS = 3600000 };

static const struct backoff_policy patience = { .base_ms = 200, .cap_ms = 10000 };

enum read_stage { READ_DEPLOYMENTS, READ_SLICES, READ_ROUTE, READ_OVER };

struct kube_read {
        struct kube_read *prev, *next; /* in the platform's list of those that wait to try again */
        struct kube_platform *k;
        struct kube_target *t;
        enum read_stage stage;
        struct kube_flight *flight;
        struct backoff backoff;
        int64_t due_ms;
        bool waits;
};

static void read_on(struct kube_read *r);

static void over(struct kube_read *r)
{
        struct kube_platform *k = r->k;
        struct kube_target *t = r->t;

        t->reading = NULL;
        free(r);
        kube_ops_was_read(k, t);
        kube_index_stirred(k, t);
}

static void took(struct kube_read *r, const json_t *object)
{
        kube_change_fn taken_by[] = { [READ_DEPLOYMENTS] = kube_index_deployment, [READ_SLICES] = kube_index_slice };
        json_t *item;
        size_t i;

        if (r->stage == READ_ROUTE) {
                kube_router_seen(r->k, r->t, object);
                return;
        }
        json_array_foreach (json_object_get(object, "items"), i, item)
                taken_by[r->stage](r->k, KUBE_ADDED, item);
}

static void on_read(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_read *r = arg;

        r->flight = NULL;
        if (failure && !(r->stage == READ_ROUTE && failure->reason == KUBE_NOT_FOUND)) {
                (void) backoff_next(&patience, &r->backoff, clock_ms(), random_u32());
                r->due_ms = clock_ms() + r->backoff.wait_ms;
                r->waits = true;
                DL_APPEND(r->k->reads, r);
                return;
        }
        took(r, object);
        r->stage++;
        read_on(r);
}

static void read_on(struct kube_read *r)
{
        const struct kube_kinds *kinds = &r->k->kinds;
        bool deployments = r->stage == READ_DEPLOYMENTS;
        AUTO(str) since = kube_watch_since(deployments ? r->k->deployments : r->k->slices); /* the rest comes by the watch */
        AUTO(str) query = xasprintf("labelSelector=sluice.dev%%2Frollout%%3D%s%s", r->t->name, since);
        struct kube_call call = { .verb = KUBE_LIST, .namespace_ = r->t->namespace_, .query = query };

        if (r->stage == READ_ROUTE && !kinds->routes.plural)
                r->stage = READ_OVER;
        if (r->stage == READ_OVER) {
                over(r);
                return;
        }
        call.resource = deployments ? &kinds->deployments : &kinds->slices;
        if (r->stage == READ_ROUTE)
                call = (struct kube_call){ .verb = KUBE_GET,
                                           .resource = &kinds->routes,
                                           .namespace_ = r->t->namespace_,
                                           .name = r->t->spec->route.name };
        r->flight = kube_start(r->k->kube, &call, on_read, r);
}

void kube_read_start(struct kube_platform *k, struct kube_target *t)
{
        kube_read_drop(k, t);
        t->reading = xcalloc(1, sizeof *t->reading);
        *t->reading = (struct kube_read){ .k = k, .t = t };
        read_on(t->reading);
}

void kube_read_drop(struct kube_platform *k, struct kube_target *t)
{
        struct kube_read *r = t->reading;

        if (!r)
                return;
        if (r->flight)
                kube_cancel(k->kube, r->flight);
        if (r->waits)
                DL_DELETE(k->reads, r);
        free(TAKE(t->reading));
}

int64_t kube_read_run(struct kube_platform *k, int64_t now_ms)
{
        int64_t wake = FOREVER_MS;
        struct kube_read *r, *next;

        DL_FOREACH_SAFE(k->reads, r, next)
        {
                if (now_ms < r->due_ms) {
                        wake = r->due_ms - now_ms < wake ? r->due_ms - now_ms : wake;
                        continue;
                }
                DL_DELETE(k->reads, r);
                r->waits = false;
                read_on(r);
        }
        return wake;
}
