/* A hash table of objects, swept after each list. */
#include "lib/kube_cache.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "lib/auto.h"
#include "lib/kube_client.h"
#include "lib/mem.h"

struct entry {
        char *key; /* "namespace/name" */
        json_t *object;
        uint64_t seen; /* the list that it was in last */
        UT_hash_handle hh;
};

struct kube_cache {
        struct entry *entries;
        uint64_t list; /* number of the current list */
        void (*prune)(json_t *object);
        kube_change_fn changed;
        void *arg;
};

struct kube_cache *kube_cache_new(void (*prune)(json_t *object), kube_change_fn changed, void *arg)
{
        struct kube_cache *c = xcalloc(1, sizeof *c);

        c->prune = prune;
        c->changed = changed;
        c->arg = arg;
        return c;
}

static void drop(struct kube_cache *c, struct entry *en)
{
        HASH_DEL(c->entries, en);
        json_decref(en->object);
        free(en->key);
        free(en);
}

void kube_cache_free(struct kube_cache *c)
{
        struct entry *en, *next;

        if (!c)
                return;
        HASH_ITER (hh, c->entries, en, next)
                drop(c, en);
        free(c);
}

static struct entry *find(const struct kube_cache *c, const char *namespace_, const char *name)
{
        AUTO(str) key = xasprintf("%s/%s", namespace_, name);
        struct entry *en;

        HASH_FIND_STR(c->entries, key, en);
        return en;
}

static void report(struct kube_cache *c, enum kube_change change, const json_t *object)
{
        if (c->changed)
                c->changed(c->arg, change, object);
}

static void add(struct kube_cache *c, json_t *object)
{
        struct entry *en = xcalloc(1, sizeof *en);

        en->key = xasprintf("%s/%s", kube_meta(object, "namespace"), kube_meta(object, "name"));
        en->object = json_incref(object);
        en->seen = c->list;
        HASH_ADD_KEYPTR(hh, c->entries, en->key, strlen(en->key), en);
        report(c, KUBE_ADDED, en->object);
}

static void forget(struct kube_cache *c, struct entry *en, json_t *last)
{
        AUTO(json) object = json_incref(last ? last : en->object);

        drop(c, en);
        report(c, KUBE_DELETED, object);
}

static bool same(const json_t *a, const json_t *b, const char *member)
{
        return strcmp(kube_meta(a, member), kube_meta(b, member)) == 0;
}

void kube_cache_put(struct kube_cache *c, json_t *object)
{
        if (!*kube_meta(object, "name"))
                return;
        (void) json_object_del(json_object_get(object, "metadata"), "managedFields");
        if (c->prune)
                c->prune(object);
        struct entry *en = find(c, kube_meta(object, "namespace"), kube_meta(object, "name"));
        if (en && !same(en->object, object, "uid")) {
                forget(c, en, NULL);
                en = NULL;
        }
        if (!en) {
                add(c, object);
                return;
        }
        en->seen = c->list;
        if (same(en->object, object, "resourceVersion"))
                return;
        json_decref(en->object);
        en->object = json_incref(object);
        report(c, KUBE_CHANGED, object);
}

void kube_cache_remove(struct kube_cache *c, json_t *object)
{
        struct entry *en = find(c, kube_meta(object, "namespace"), kube_meta(object, "name"));

        if (en)
                forget(c, en, object);
}

void kube_cache_begin(struct kube_cache *c)
{
        c->list++;
}

void kube_cache_end(struct kube_cache *c)
{
        struct entry *en, *next;

        HASH_ITER (hh, c->entries, en, next) {
                if (en->seen != c->list)
                        forget(c, en, NULL);
        }
}

const json_t *kube_cache_get(const struct kube_cache *c, const char *namespace_, const char *name)
{
        const struct entry *en = find(c, namespace_, name);

        return en ? en->object : NULL;
}

size_t kube_cache_count(const struct kube_cache *c)
{
        return HASH_COUNT(c->entries);
}

void kube_cache_each(const struct kube_cache *c, void (*fn)(void *arg, const json_t *object), void *arg)
{
        struct entry *en, *next;

        HASH_ITER (hh, c->entries, en, next)
                fn(arg, en->object);
}
