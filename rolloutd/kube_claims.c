/* Who wants which route and which Services: two may not move the same weights. */
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/mem.h"
#include "rolloutd/kube_private.h"

enum { KEYS_MAX = 1 + KUBE_SLOTS };

struct kube_claim {
        UT_hash_handle hh;
        char *key; /* "route NAMESPACE/NAME", "service NAMESPACE/NAME" */
        struct kube_target **by;
        int n;
};

/* How many; the caller frees each. */
static int keys_of(const struct kube_target *t, char *out[static KEYS_MAX])
{
        int n = 0;

        out[n++] = xasprintf("route %s/%s", t->namespace_, t->spec->route.name);
        for (int i = 0; i < KUBE_SLOTS; i++)
                if (t->spec->route.mode == KUBE_ROUTE_ADOPTED && t->spec->route.backends[i])
                        out[n++] = xasprintf("service %s/%s", t->namespace_, t->spec->route.backends[i]);
        return n;
}

static struct kube_claim *find(const struct kube_platform *k, const char *key)
{
        struct kube_claim *c;

        HASH_FIND_STR(k->claims, key, c);
        return c;
}

static bool is_older(const struct kube_target *a, const struct kube_target *b)
{
        return a->created_ms != b->created_ms ? a->created_ms < b->created_ms : strcmp(a->uid, b->uid) < 0;
}

/* One route may have several rules, so two Adopted share it unless they share a Service. */
static bool clash(const struct kube_claim *c, const struct kube_target *a, const struct kube_target *b)
{
        return *c->key == 's' || a->spec->route.mode == KUBE_ROUTE_OWNED || b->spec->route.mode == KUBE_ROUTE_OWNED;
}

static struct kube_target *rival_of(const struct kube_platform *k, const struct kube_target *t)
{
        struct kube_target *oldest = NULL;
        char *keys[KEYS_MAX];
        int n = keys_of(t, keys);

        for (int i = 0; i < n; i++) {
                AUTO(str) key = keys[i];
                const struct kube_claim *c = find(k, key);

                for (int j = 0; c && j < c->n; j++) {
                        struct kube_target *o = c->by[j];
                        if (o != t && clash(c, o, t) && is_older(o, t) && (!oldest || is_older(o, oldest)))
                                oldest = o;
                }
        }
        return oldest;
}

/* Telling changes no claim, but it may look at targets: so all rivals are right before anybody is told. */
static void settle(struct kube_platform *k, const struct kube_target *t, const struct kube_claim *c)
{
        for (int j = 0; j < c->n; j++) {
                struct kube_target *o = c->by[j], *rival = rival_of(k, o);

                if (o->rival == rival)
                        continue;
                o->rival = rival;
                if (o != t)
                        kube_index_tell(k, o);
        }
}

static struct kube_claim *enter(struct kube_platform *k, const char *key, struct kube_target *t)
{
        struct kube_claim *c = find(k, key);

        if (!c) {
                c = xcalloc(1, sizeof *c);
                c->key = xstrdup(key);
                HASH_ADD_KEYPTR(hh, k->claims, c->key, strlen(c->key), c);
        }
        c->by = xrealloc(c->by, (size_t) c->n + 1, sizeof *c->by);
        c->by[c->n++] = t;
        return c;
}

void kube_claims_add(struct kube_platform *k, struct kube_target *t)
{
        struct kube_claim *claims[KEYS_MAX];
        char *keys[KEYS_MAX];
        int n = keys_of(t, keys);

        for (int i = 0; i < n; i++) {
                AUTO(str) key = keys[i];
                claims[i] = enter(k, key, t);
        }
        for (int i = 0; i < n; i++)
                settle(k, t, claims[i]);
}

static void leave(struct kube_claim *c, const struct kube_target *t)
{
        for (int j = c->n; j-- > 0;)
                if (c->by[j] == t)
                        c->by[j] = c->by[--c->n];
}

void kube_claims_remove(struct kube_platform *k, struct kube_target *t)
{
        struct kube_claim *claims[KEYS_MAX];
        char *keys[KEYS_MAX];
        int n = keys_of(t, keys);

        for (int i = 0; i < n; i++) {
                AUTO(str) key = keys[i];
                claims[i] = find(k, key);
                if (claims[i])
                        leave(claims[i], t);
        }
        t->rival = NULL;
        for (int i = 0; i < n; i++) {
                if (!claims[i])
                        continue;
                settle(k, t, claims[i]);
                if (claims[i]->n)
                        continue;
                HASH_DEL(k->claims, claims[i]);
                free(claims[i]->key);
                free(claims[i]->by);
                free(claims[i]);
        }
}

struct kube_target *kube_claims_route(const struct kube_platform *k, const char *namespace_, const char *route, int i)
{
        AUTO(str) key = xasprintf("route %s/%s", namespace_, route);
        const struct kube_claim *c = find(k, key);

        return c && i < c->n ? c->by[i] : NULL;
}
