/* load(): the records of all ModelRollouts, by a read that is never older than the last write of the leader before us. */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/kube_list.h"
#include "lib/mem.h"
#include "rolloutd/kube_private.h"

enum { FOREVER_MS = 3600000 };

struct kube_load {
        struct kube_load *prev, *next;
        struct kube_platform *k;
        struct kube_list *list; /* NULL: waits until we lead */
        struct platform_record *records;
        size_t n;
        platform_records_fn done; /* NULL: nobody wants to know any more */
        void *arg;
};

static void free_load(struct kube_load *l)
{
        kube_list_cancel(l->list);
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

static void on_listed(void *arg, const char *version, const struct kube_failure *failure)
{
        struct kube_load *l = arg;
        struct kube_platform *k = l->k;

        (void) version;
        l->list = NULL;
        DL_DELETE(k->loads, l);
        if (l->done)
                l->done(l->arg, failure ? NULL : l->records, failure ? 0 : l->n, failure ? &failure->err : NULL);
        free_load(l);
        if (!failure && !k->announcing)
                kube_index_announce(k);
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
                if (!l->list)
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
