/*
 * Routes that were made for a ModelRollout which wants another one by now: its spec.route has another name or mode. Until the new one is
 * accepted and has weights, the old one carries the traffic, so a rollback is written to it too; then it is deleted. They are known by
 * their owner, so a later leader finds them as well.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "rolloutd/kube_make.h"
#include "rolloutd/kube_private.h"

enum { AGAIN_MS = 5000 };

struct kube_leftover {
        struct kube_leftover *next;
        struct kube_platform *k;
        struct kube_target *t;
        char *name;
        char uid[37];
        struct kube_flight *deleting;
        int64_t due_ms;
};

static struct kube_leftover *find(struct kube_target *t, const char *name)
{
        struct kube_leftover *l;

        LL_FOREACH(t->leftovers, l)
        if (strcmp(l->name, name) == 0)
                return l;
        return NULL;
}

static void discard(struct kube_leftover *l)
{
        LL_DELETE(l->t->leftovers, l);
        if (l->deleting)
                kube_cancel(l->k->kube, l->deleting);
        free(l->name);
        free(l);
}

void kube_leftover_drop(struct kube_target *t)
{
        while (t->leftovers)
                discard(t->leftovers);
}

static bool is_wanted(const struct kube_target *t, const char *name)
{
        return t->spec->route.mode == KUBE_ROUTE_OWNED && t->spec->route.name && strcmp(t->spec->route.name, name) == 0;
}

void kube_leftover_add(struct kube_platform *k, struct kube_target *t, const char *name, const char *uid)
{
        struct kube_leftover *l = find(t, name);

        if (is_wanted(t, name) || !*uid)
                return;
        if (!l) {
                l = xcalloc(1, sizeof *l);
                *l = (struct kube_leftover){ .k = k, .t = t, .name = xstrdup(name) };
                LL_PREPEND(t->leftovers, l);
        }
        (void) snprintf(l->uid, sizeof l->uid, "%s", uid);
}

static bool is_owned(const struct kube_target *t, const json_t *route)
{
        const json_t *owner;
        size_t i;

        json_array_foreach (json_object_get(json_object_get(route, "metadata"), "ownerReferences"), i, owner) {
                const char *uid = json_string_value(json_object_get(owner, "uid"));
                if (uid && strcmp(uid, t->uid) == 0)
                        return true;
        }
        return false;
}

static void gone(struct kube_platform *k, const char *namespace_, const char *name)
{
        for (struct kube_target *t = k->targets; t; t = t->hh.next) {
                struct kube_leftover *l = strcmp(t->namespace_, namespace_) == 0 ? find(t, name) : NULL;
                if (l)
                        discard(l);
        }
}

void kube_leftover_seen(struct kube_platform *k, enum kube_change change, const json_t *route)
{
        const json_t *labels = json_object_get(json_object_get(route, "metadata"), "labels");
        const char *rollout = json_string_value(json_object_get(labels, KUBE_LABEL_ROLLOUT));
        const char *namespace_ = kube_meta(route, "namespace"), *name = kube_meta(route, "name");
        struct kube_target *t = rollout ? kube_find_named(k, namespace_, rollout) : NULL;

        if (change == KUBE_DELETED)
                gone(k, namespace_, name);
        else if (t && is_owned(t, route) && !*kube_meta(route, "deletionTimestamp"))
                kube_leftover_add(k, t, name, kube_meta(route, "uid"));
        if (t)
                kube_leftover_collect(k, t);
}

/* --- the end of one --- */

static void on_deleted(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_leftover *l = arg;

        (void) object;
        l->deleting = NULL;
        l->due_ms = clock_ms() + AGAIN_MS;
        if (failure && failure->reason != KUBE_NOT_FOUND) {
                LOG_WARN("a former route cannot be deleted yet", "target", l->t->id, "route", l->name, "error", failure->err.msg);
                return;
        }
        LOG_INFO("a former route is deleted: the new one has the traffic", "target", l->t->id, "route", l->name);
        discard(l);
}

/* Whoever has adopted our route by now needs it. */
static bool is_adopted(const struct kube_platform *k, const struct kube_leftover *l)
{
        const struct kube_target *other;

        for (int i = 0; (other = kube_claims_route(k, l->t->namespace_, l->name, i)); i++)
                if (other->spec->route.mode == KUBE_ROUTE_ADOPTED)
                        return true;
        return false;
}

static bool serves(const struct kube_target *t)
{
        const struct kube_route *r = &t->route;

        if (t->reading || t->rival || t->routing || !r->exists || !r->ours || !r->accepted)
                return false;
        for (int i = 0; i < r->n_backends; i++)
                if (r->backends[i].version && r->backends[i].weight_bp > 0)
                        return true;
        return false;
}

static void delete_it(struct kube_leftover *l)
{
        AUTO(json) options = kube_delete_options(l->uid, NULL, "Background");
        struct kube_call call = { .verb = KUBE_DELETE,
                                  .resource = &l->k->kinds.routes,
                                  .namespace_ = l->t->namespace_,
                                  .name = l->name,
                                  .body = options,
                                  .timeout_ms = kube_write_ms(l->k->settings.lease_ms) };

        l->deleting = kube_start(l->k->kube, &call, on_deleted, l);
}

void kube_leftover_collect(struct kube_platform *k, struct kube_target *t)
{
        struct kube_leftover *l, *next;

        if (!t->leftovers || !serves(t) || kube_may_write(k, kube_write_ms(k->settings.lease_ms), NULL))
                return;
        LL_FOREACH_SAFE(t->leftovers, l, next)
        {
                if (is_wanted(t, l->name))
                        discard(l);
                else if (!l->deleting && clock_ms() >= l->due_ms && !is_adopted(k, l))
                        delete_it(l);
        }
}

/* --- going back meanwhile --- */

static void on_written(void *arg, json_t *object, const struct kube_failure *failure)
{
        (void) arg;
        (void) object;
        if (failure && failure->reason != KUBE_NOT_FOUND)
                LOG_WARN("a former route does not have the weights of the rollback", "error", failure->err.msg);
}

void kube_leftover_back(struct kube_platform *k, struct kube_target *t, const struct weight *w, int n)
{
        struct kube_leftover *l;
        AUTO(json) refs = json_array();

        for (int i = 0; i < n; i++) {
                char service[KUBE_OBJECT_NAME_MAX + 1];
                kube_object_name(t, w[i].version, service);
                (void) json_array_append_new(
                        refs, json_pack("{s:s, s:i, s:i}", "name", service, "port", t->spec->route.port, "weight", w[i].bp));
        }
        LL_FOREACH(t->leftovers, l)
        {
                AUTO(json)
                patch = json_pack("[{s:s, s:s, s:s}, {s:s, s:s, s:O}]", "op", "test", "path", "/metadata/uid", "value", l->uid,
                                  "op", "replace", "path", "/spec/rules/0/backendRefs", "value", refs);
                struct kube_call call = { .verb = KUBE_JSON_PATCH,
                                          .lane = KUBE_URGENT,
                                          .resource = &k->kinds.routes,
                                          .namespace_ = t->namespace_,
                                          .name = l->name,
                                          .body = patch,
                                          .timeout_ms = KUBE_URGENT_TIMEOUT_MS };

                if (kube_may_write(k, KUBE_URGENT_TIMEOUT_MS, NULL) == 0)
                        (void) kube_start(k->kube, &call, on_written, NULL);
        }
}
