/* What the watches tell, as structs; whatever is foreign or malformed is not taken in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/release.h"
#include "rolloutd/kube_private.h"

struct kube_target *kube_find(const struct kube_platform *k, const char *id)
{
        struct kube_target *t;

        HASH_FIND_STR(k->targets, id, t);
        return t;
}

struct kube_target *kube_find_named(const struct kube_platform *k, const char *namespace_, const char *name)
{
        AUTO(str) id = xasprintf("%s.%s", namespace_, name);

        return kube_find(k, id);
}

struct kube_release *kube_release_of(struct kube_target *t, int64_t version, bool make)
{
        for (int i = 0; i < t->n_releases; i++)
                if (t->releases[i].version == version)
                        return &t->releases[i];
        if (!make || t->n_releases == KUBE_RELEASES_MAX)
                return NULL;
        t->releases = xrealloc(t->releases, (size_t) t->n_releases + 1, sizeof *t->releases);
        t->releases[t->n_releases] = (struct kube_release){ .version = version, .floor = -1 };
        return &t->releases[t->n_releases++];
}

void kube_object_name(const struct kube_target *t, int64_t version, char out[static KUBE_OBJECT_NAME_MAX + 1])
{
        release_object_name(t->name, version, out);
}

/* --- telling --- */

void kube_index_stirred(struct kube_platform *k, struct kube_target *t)
{
        if (k->announcing && k->listener.changed)
                k->listener.changed(k->listener.arg, t->id);
}

void kube_index_tell(struct kube_platform *k, struct kube_target *t)
{
        struct desire d;

        if (!k->announcing)
                return;
        t->announced = true;
        kube_spec_desire(t->spec, t->id, &d);
        if (t->rival && !*d.invalid)
                (void) snprintf(d.invalid, sizeof d.invalid, "%s, which is older, has the route %s", t->rival->name,
                                t->spec->route.name);
        k->listener.wanted(k->listener.arg, &d);
}

void kube_index_announce(struct kube_platform *k)
{
        struct kube_target *t, *next;

        k->announcing = true;
        HASH_ITER (hh, k->targets, t, next)
                kube_index_tell(k, t);
}

/* --- releases --- */

static void free_slices(struct kube_release *r)
{
        struct kube_slice *s, *next;

        LL_FOREACH_SAFE(r->slices, s, next)
        {
                free(s->name);
                free(s->pods);
                free(s);
        }
}

static void free_release(struct kube_release *r)
{
        free_slices(r);
        free(r->message);
        free(r->pods_message);
}

/* --- targets --- */

static struct kube_target *add_target(struct kube_platform *k, const json_t *object)
{
        struct kube_target *t = xcalloc(1, sizeof *t);

        t->namespace_ = xstrdup(kube_meta(object, "namespace"));
        t->name = xstrdup(kube_meta(object, "name"));
        t->uid = xstrdup(kube_meta(object, "uid"));
        t->id = xasprintf("%s.%s", t->namespace_, t->name);
        (void) clock_rfc3339_any(kube_meta(object, "creationTimestamp"), &t->created_ms);
        t->spec = kube_spec_new(object);
        HASH_ADD_KEYPTR(hh, k->targets, t->id, strlen(t->id), t);
        return t;
}

static void free_target(struct kube_platform *k, struct kube_target *t)
{
        kube_workload_drop(k, t);
        kube_router_drop(k, t);
        kube_leftover_drop(t);
        kube_state_drop(k, t);
        kube_read_drop(k, t);
        HASH_DEL(k->targets, t);
        for (int i = 0; i < t->n_releases; i++)
                free_release(&t->releases[i]);
        free(t->releases);
        free(t->route.backends);
        kube_spec_free(t->spec);
        free(t->route.trouble);
        free(t->id);
        free(t->namespace_);
        free(t->name);
        free(t->uid);
        free(t);
}

static void remove_target(struct kube_platform *k, struct kube_target *t)
{
        AUTO(str) id = xstrdup(t->id);
        bool tell = t->announced;

        kube_ops_gone(k, id);
        kube_claims_remove(k, t);
        free_target(k, t);
        if (tell)
                k->listener.gone(k->listener.arg, id);
}

void kube_index_free(struct kube_platform *k)
{
        struct kube_target *t, *next;

        k->announcing = false;
        HASH_ITER (hh, k->targets, t, next) {
                kube_claims_remove(k, t);
                free_target(k, t);
        }
}

static const char *text_or_empty(const char *text)
{
        return text ? text : "";
}

/* Its status changes all the time; that is no news to who reads specs. */
static bool same_spec(const struct kube_spec *s, const json_t *object)
{
        const json_t *meta = json_object_get(object, "metadata");
        const json_t *at = json_object_get(json_object_get(meta, "annotations"), KUBE_MARK_AT);

        return json_integer_value(json_object_get(meta, "generation")) == s->generation &&
               strcmp(text_or_empty(json_string_value(at)), text_or_empty(s->mark_id)) == 0;
}

static bool same_route(const struct kube_spec *a, const struct kube_spec *b)
{
        bool same = a->route.mode == b->route.mode && strcmp(a->route.name, b->route.name) == 0 &&
                    strcmp(text_or_empty(a->route.rule), text_or_empty(b->route.rule)) == 0;

        for (int i = 0; i < KUBE_SLOTS; i++)
                same = same && strcmp(text_or_empty(a->route.backends[i]), text_or_empty(b->route.backends[i])) == 0;
        return same;
}

static bool same_shape(const struct kube_spec *a, const struct kube_spec *b)
{
        return same_route(a, b) && a->route.port == b->route.port &&
               strcmp(text_or_empty(a->route.owned), text_or_empty(b->route.owned)) == 0;
}

/* What the watches have told before it came is read once. */
static void read_if_late(struct kube_platform *k, struct kube_target *t)
{
        if (k->deployments)
                kube_read_start(k, t);
}

/* Releases that run are scaled as their owner wishes now, so they have to be deployed again. */
static void heed_wish(struct kube_target *t, const struct kube_spec *old)
{
        if (t->spec->invalid || strcmp(t->spec->wish, old->wish) == 0)
                return;
        for (int i = 0; i < t->n_releases; i++)
                t->releases[i].floor = -1;
}

static void change_target(struct kube_platform *k, struct kube_target *t, const json_t *object)
{
        struct kube_spec *old = t->spec, *s;

        if (same_spec(old, object))
                return;
        s = kube_spec_new(object);
        if (s->generation < old->generation) { /* read in another way, we are further already */
                kube_spec_free(s);
                return;
        }
        if (same_route(old, s)) {
                t->spec = s;
        } else {
                kube_claims_remove(k, t);
                t->spec = s;
                if (old->route.mode == KUBE_ROUTE_OWNED && t->route.exists && t->route.ours)
                        kube_leftover_add(k, t, old->route.name, t->route.uid);
                kube_claims_add(k, t);
                read_if_late(k, t);
        }
        heed_wish(t, old);
        if (k->announcing && !same_shape(old, s) && !s->invalid && !t->rival)
                kube_router_wanted(k, t);
        kube_spec_free(old);
        kube_index_tell(k, t);
}

static bool is_going(const json_t *object)
{
        return *kube_meta(object, "deletionTimestamp");
}

void kube_index_rollout(void *arg, enum kube_change change, const json_t *object)
{
        struct kube_platform *k = arg;
        struct kube_target *t = kube_find_named(k, kube_meta(object, "namespace"), kube_meta(object, "name"));

        if (t && (change == KUBE_DELETED || is_going(object) || strcmp(t->uid, kube_meta(object, "uid")) != 0)) {
                remove_target(k, t);
                t = NULL;
        }
        if (change == KUBE_DELETED || is_going(object))
                return;
        if (t) {
                change_target(k, t, object);
        } else {
                t = add_target(k, object);
                kube_claims_add(k, t);
                read_if_late(k, t);
                kube_index_tell(k, t);
        }
        kube_state_seen(k, t, object);
}

/* --- routes --- */

void kube_index_route(void *arg, enum kube_change change, const json_t *object)
{
        struct kube_platform *k = arg;
        const char *namespace_ = kube_meta(object, "namespace"), *name = kube_meta(object, "name");
        struct kube_target *t;

        for (int i = 0; (t = kube_claims_route(k, namespace_, name, i)); i++) {
                kube_router_seen(k, t, change == KUBE_DELETED ? NULL : object);
                kube_index_stirred(k, t);
        }
        kube_leftover_seen(k, change, object);
}
