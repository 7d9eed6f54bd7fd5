/*
 * load(): the records of all ModelRollouts, by a read that is never older than the last write of the leader before us. reload(): that of
 * one; nothing is decided about it meanwhile, so it waits for nobody.
 */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/kube_list.h"
#include "lib/mem.h"
#include "rolloutd/kube_private.h"

enum { FOREVER_MS = 3600000, ONE_MS = 2000 };

struct kube_load {
        struct kube_load *prev, *next;
        struct kube_platform *k;
        struct kube_list *list; /* NULL: waits until we lead */
        bool one;
        struct kube_flight *flight; /* of that one */
        struct platform_record *records;
        size_t n;
        platform_records_fn done; /* NULL: nobody wants to know any more */
        void *arg;
};

static void free_load(struct kube_load *l)
{
        kube_list_cancel(l->list);
        if (l->flight)
                kube_cancel(l->k->kube, l->flight);
        for (size_t i = 0; i < l->n; i++) {
                free((char *) l->records[i].target);
                free((char *) l->records[i].json);
        }
        free(l->records);
        free(l);
}

static void take(struct kube_load *l, const json_t *object)
{
        struct kube_target *t = kube_find_named(l->k, kube_meta(object, "namespace"), kube_meta(object, "name"));
        int64_t revision;

        if (!t) { /* it will be reported, but later than its record is read */
                kube_index_rollout(l->k, KUBE_ADDED, object);
                t = kube_find_named(l->k, kube_meta(object, "namespace"), kube_meta(object, "name"));
        }
        const char *record = t ? kube_state_read(l->k, t, object, &revision) : NULL;
        if (!record)
                return;
        l->records = xrealloc(l->records, l->n + 1, sizeof *l->records);
        l->records[l->n++] = (struct platform_record){ .target = xstrdup(t->id), .json = xstrdup(record), .revision = revision };
}

static void on_page(void *arg, json_t *items)
{
        const json_t *object;
        size_t i;

        json_array_foreach (items, i, object)
                take(arg, object);
}

static void finish(struct kube_load *l, const struct kube_failure *failure)
{
        DL_DELETE(l->k->loads, l);
        if (l->done)
                l->done(l->arg, failure ? NULL : l->records, failure ? 0 : l->n, failure ? &failure->err : NULL);
        free_load(l);
}

static void on_listed(void *arg, const char *version, const struct kube_failure *failure)
{
        struct kube_load *l = arg;
        struct kube_platform *k = l->k;

        (void) version;
        l->list = NULL;
        finish(l, failure);
        if (!failure && !k->announcing)
                kube_index_announce(k);
}

static void on_one(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_load *l = arg;

        l->flight = NULL;
        if (l->done && !failure)
                take(l, object);
        finish(l, failure);
}

void kube_load_one(struct kube_platform *k, const struct kube_target *t, platform_records_fn done, void *arg)
{
        struct kube_load *l = xcalloc(1, sizeof *l);
        struct kube_call call = { .verb = KUBE_GET,
                                  .lane = KUBE_URGENT,
                                  .resource = &k->kinds.rollouts,
                                  .namespace_ = t->namespace_,
                                  .name = t->name,
                                  .timeout_ms = ONE_MS };

        *l = (struct kube_load){ .k = k, .one = true, .done = done, .arg = arg };
        DL_APPEND(k->loads, l);
        l->flight = kube_start(k->kube, &call, on_one, l);
}

void kube_load_start(struct kube_platform *k, platform_records_fn done, void *arg)
{
        struct kube_load *l = xcalloc(1, sizeof *l);

        *l = (struct kube_load){ .k = k, .done = done, .arg = arg };
        DL_APPEND(k->loads, l);
}

void kube_load_drop(struct kube_platform *k, const void *arg)
{
        struct kube_load *l;

        DL_FOREACH(k->loads, l)
        {
                if (l->arg == arg)
                        l->done = NULL;
        }
}

int64_t kube_load_run(struct kube_platform *k, int64_t now_ms)
{
        struct kube_load *l;

        (void) now_ms;
        if (!k->loads || !k->leading || !kube_connect_is_synced(k->connect))
                return FOREVER_MS;
        DL_FOREACH(k->loads, l)
        {
                if (!l->list && !l->one)
                        l->list = kube_list_start(k->kube, &(struct kube_list_call){ .resource = &k->kinds.rollouts,
                                                                                     .namespace_ = k->settings.namespace_,
                                                                                     .page = on_page,
                                                                                     .done = on_listed,
                                                                                     .arg = l });
        }
        return FOREVER_MS;
}

void kube_load_free(struct kube_platform *k)
{
        struct kube_load *l, *next;

        DL_FOREACH_SAFE(k->loads, l, next)
        {
                DL_DELETE(k->loads, l);
                free_load(l);
        }
}
