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
        char *key;      /* "namespace/name" */
        json_t *object; /* NULL: only keys are kept */
        char *uid, *version;
        uint64_t seen; /* the list that it was in last */
        UT_hash_handle hh;
};

struct kube_cache {
        struct entry *entries;
        uint64_t list; /* number of the current list */
        struct kube_cache_options o;
};

struct kube_cache *kube_cache_new(const struct kube_cache_options *o)
{
        struct kube_cache *c = xcalloc(1, sizeof *c);

        c->o = *o;
        return c;
}

static void drop(struct kube_cache *c, struct entry *en)
{
        HASH_DEL(c->entries, en);
        json_decref(en->object);
        free(en->key);
        free(en->uid);
        free(en->version);
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
        if (c->o.changed)
                c->o.changed(c->o.arg, change, object);
}

static void replace(char **text, const char *with)
{
        if (*text && strcmp(*text, with) == 0)
                return;
        free(*text);
        *text = xstrdup(with);
}

static void keep(struct kube_cache *c, struct entry *en, json_t *object)
{
        replace(&en->uid, kube_meta(object, "uid"));
        replace(&en->version, kube_meta(object, "resourceVersion"));
        en->seen = c->list;
        if (c->o.keys_only)
                return;
        json_decref(en->object);
        en->object = json_incref(object);
}

static void add(struct kube_cache *c, json_t *object)
{
        struct entry *en = xcalloc(1, sizeof *en);

        en->key = xasprintf("%s/%s", kube_meta(object, "namespace"), kube_meta(object, "name"));
        keep(c, en, object);
        HASH_ADD_KEYPTR(hh, c->entries, en->key, strlen(en->key), en);
        report(c, KUBE_ADDED, object);
}

/* The object as far as its entry remembers it; caller owns it. */
static json_t *remembered(const struct entry *en)
{
        const char *slash = strchr(en->key, '/');

        if (en->object)
                return json_incref(en->object);
        return json_pack("{s:{s:s%, s:s, s:s, s:s}}", "metadata", "namespace", en->key, (size_t) (slash - en->key), "name",
                         slash + 1, "uid", en->uid, "resourceVersion", en->version);
}

static void forget(struct kube_cache *c, struct entry *en, json_t *last)
{
        AUTO(json) object = last ? json_incref(last) : remembered(en);

        drop(c, en);
        report(c, KUBE_DELETED, object);
}

void kube_cache_put(struct kube_cache *c, json_t *object)
{
        if (!*kube_meta(object, "name"))
                return;
        (void) json_object_del(json_object_get(object, "metadata"), "managedFields");
        if (c->o.prune)
                c->o.prune(object);
        struct entry *en = find(c, kube_meta(object, "namespace"), kube_meta(object, "name"));
        if (en && strcmp(en->uid, kube_meta(object, "uid")) != 0) {
                forget(c, en, NULL);
                en = NULL;
        }
        if (!en) {
                add(c, object);
                return;
        }
        en->seen = c->list;
        if (strcmp(en->version, kube_meta(object, "resourceVersion")) == 0)
                return;
        keep(c, en, object);
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

        HASH_ITER (hh, c->entries, en, next) {
                AUTO(json) object = remembered(en);
                fn(arg, object);
        }
}
