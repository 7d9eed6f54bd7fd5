/* Deployments and EndpointSlices of releases, as the watches tell of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/auto.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/release.h"
#include "lib/utf8.h"
#include "rolloutd/kube_pods.h"
#include "rolloutd/kube_private.h"

enum { PODS_MAX = 10000 };

static const char *label(const json_t *object, const char *name)
{
        return json_string_value(json_object_get(json_object_get(json_object_get(object, "metadata"), "labels"), name));
}

/* Whose it says it is. */
static struct kube_target *target_of(const struct kube_platform *k, const json_t *object, int64_t *version)
{
        const char *rollout = label(object, KUBE_LABEL_ROLLOUT), *release = label(object, KUBE_LABEL_RELEASE);

        if (!rollout || !release || release_parse(release, version, NULL) < 0)
                return NULL;
        return kube_find_named(k, kube_meta(object, "namespace"), rollout);
}

/* And whose it is: labels can be written by anybody, and a ModelRollout of the same name may have come after another. */
static bool is_owned(const json_t *object, const struct kube_target *t)
{
        const json_t *owners = json_object_get(json_object_get(object, "metadata"), "ownerReferences"), *o;
        size_t i;

        json_array_foreach (owners, i, o) {
                const char *uid = json_string_value(json_object_get(o, "uid"));
                if (uid && strcmp(uid, t->uid) == 0)
                        return true;
        }
        return false;
}

/* --- Deployments --- */

static void set_message(struct kube_release *r, const char *text)
{
        free(TAKE(r->message));
        if (!*text)
                return;
        r->message = xstrdup(text);
        utf8_clean(r->message);
}

static int count(const json_t *in, const char *member, int fallback)
{
        const json_t *v = json_object_get(in, member);
        json_int_t n = json_integer_value(v);

        return json_is_integer(v) && n >= 0 && n <= INT32_MAX ? (int) n : fallback;
}

/* The slot is moved by dropping; a caller must not use r any more. */
static void forget_if_empty(struct kube_target *t, struct kube_release *r)
{
        if (r->deployed || r->slices)
                return;
        free(r->message);
        free(r->pods_message);
        *r = t->releases[--t->n_releases];
}

static void take_deployment(struct kube_platform *k, struct kube_target *t, int64_t version, const json_t *object)
{
        struct kube_release *r = kube_release_of(t, version, true);
        const json_t *spec = json_object_get(object, "spec"), *status = json_object_get(object, "status");
        int64_t generation = json_integer_value(json_object_get(json_object_get(object, "metadata"), "generation"));
        struct kube_trouble trouble;

        if (!r || generation < r->written_generation)
                return;
        r->deployed = true;
        r->generation = generation;
        r->observed_generation = json_integer_value(json_object_get(status, "observedGeneration"));
        r->replicas = count(spec, "replicas", 1);
        r->available = count(status, "availableReplicas", 0);
        r->floor = kube_scale_floor(object, t->spec->invalid ? NULL : t->spec->wish);
        kube_deployment_trouble(object, &trouble);
        r->failed = trouble.failed;
        set_message(r, trouble.message);
        kube_index_stirred(k, t);
}

static void lose_deployment(struct kube_platform *k, struct kube_target *t, int64_t version)
{
        struct kube_release *r = kube_release_of(t, version, false);

        if (!r)
                return;
        r->deployed = false;
        r->generation = r->observed_generation = r->written_generation = 0;
        r->floor = -1;
        r->replicas = r->available = 0;
        r->failed = false;
        set_message(r, "");
        forget_if_empty(t, r);
        kube_index_stirred(k, t);
}

/* Missing from a list, all that is known is the name. */
static struct kube_target *target_named(const struct kube_platform *k, const char *namespace_, const char *name, int64_t *version)
{
        char is[KUBE_OBJECT_NAME_MAX + 1];

        for (struct kube_target *t = k->targets; t; t = t->hh.next) {
                if (strcmp(t->namespace_, namespace_) != 0)
                        continue;
                for (int i = 0; i < t->n_releases; i++) {
                        kube_object_name(t, t->releases[i].version, is);
                        if (strcmp(is, name) == 0) {
                                *version = t->releases[i].version;
                                return t;
                        }
                }
        }
        return NULL;
}

void kube_index_deployment(void *arg, enum kube_change change, const json_t *object)
{
        struct kube_platform *k = arg;
        char name[KUBE_OBJECT_NAME_MAX + 1];
        int64_t version;
        struct kube_target *t = target_of(k, object, &version);

        if (!t && change == KUBE_DELETED && !label(object, KUBE_LABEL_ROLLOUT)) {
                t = target_named(k, kube_meta(object, "namespace"), kube_meta(object, "name"), &version);
                if (t)
                        lose_deployment(k, t, version);
                return;
        }
        if (!t || !is_owned(object, t))
                return;
        kube_object_name(t, version, name);
        if (strcmp(name, kube_meta(object, "name")) != 0)
                return;
        if (change == KUBE_DELETED)
                lose_deployment(k, t, version);
        else
                take_deployment(k, t, version, object);
}

/* --- EndpointSlices --- */

static int port_of(const json_t *slice)
{
        const json_t *ports = json_object_get(slice, "ports");

        return count(json_array_get(ports, 0), "port", 0);
}

static bool is_ready(const json_t *endpoint)
{
        const json_t *conditions = json_object_get(endpoint, "conditions"), *ready = json_object_get(conditions, "ready");

        return (!ready || json_is_true(ready) || json_is_null(ready)) &&
               !json_is_true(json_object_get(conditions, "terminating"));
}

static void take_pods(struct kube_slice *s, const json_t *slice)
{
        const json_t *endpoints = json_object_get(slice, "endpoints"), *endpoint;
        size_t i, n = json_array_size(endpoints);
        int port = port_of(slice);

        s->n_pods = s->n_ready = 0;
        s->pods = xrealloc(s->pods, n < PODS_MAX ? n + 1 : PODS_MAX + 1, sizeof *s->pods);
        json_array_foreach (endpoints, i, endpoint) {
                const char *ip = json_string_value(json_array_get(json_object_get(endpoint, "addresses"), 0));
                struct kube_pod *pod = &s->pods[s->n_pods];

                if (!ip || strlen(ip) > 39 || !json_is_utf8(ip) || !port || s->n_pods == PODS_MAX)
                        continue;
                (void) snprintf(pod->address, sizeof pod->address, strchr(ip, ':') ? "[%.39s]:%d" : "%.39s:%d", ip, port);
                pod->ready = is_ready(endpoint);
                s->n_ready += pod->ready;
                s->n_pods++;
        }
        s->pods = xrealloc(s->pods, (size_t) s->n_pods + 1, sizeof *s->pods);
}

static void take_slice(struct kube_platform *k, struct kube_target *t, int64_t version, const json_t *object)
{
        struct kube_release *r = kube_release_of(t, version, true);
        const char *name = kube_meta(object, "name");
        struct kube_slice *s;

        if (!r)
                return;
        for (s = r->slices; s && strcmp(s->name, name) != 0;)
                s = s->next;
        if (!s) {
                s = xcalloc(1, sizeof *s);
                s->name = xstrdup(name);
                LL_PREPEND(r->slices, s);
        }
        take_pods(s, object);
        kube_index_stirred(k, t);
}

static bool lose_slice(struct kube_platform *k, struct kube_target *t, const char *name)
{
        for (int i = 0; i < t->n_releases; i++) {
                struct kube_release *r = &t->releases[i];
                struct kube_slice *s;

                LL_FOREACH(r->slices, s)
                {
                        if (strcmp(s->name, name) != 0)
                                continue;
                        LL_DELETE(r->slices, s);
                        free(s->name);
                        free(s->pods);
                        free(s);
                        forget_if_empty(t, r);
                        kube_index_stirred(k, t);
                        return true;
                }
        }
        return false;
}

static void lose_slice_named(struct kube_platform *k, const char *namespace_, const char *name)
{
        for (struct kube_target *t = k->targets; t; t = t->hh.next)
                if (strcmp(t->namespace_, namespace_) == 0 && lose_slice(k, t, name))
                        return;
}

/* Of the release's own Service; a preview's or a slot's selects the same pods. */
static bool is_of_release(const json_t *object, const struct kube_target *t, int64_t version)
{
        const char *service = label(object, "kubernetes.io/service-name");
        char name[KUBE_OBJECT_NAME_MAX + 1];

        kube_object_name(t, version, name);
        return service && strcmp(service, name) == 0;
}

void kube_index_slice(void *arg, enum kube_change change, const json_t *object)
{
        struct kube_platform *k = arg;
        int64_t version;
        struct kube_target *t;

        if (change == KUBE_DELETED) {
                lose_slice_named(k, kube_meta(object, "namespace"), kube_meta(object, "name"));
                return;
        }
        t = target_of(k, object, &version);
        if (t && is_of_release(object, t, version))
                take_slice(k, t, version, object);
}
