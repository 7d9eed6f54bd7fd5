/* The two Services of an adopted route, as JSON. */
#include "rolloutd/kube_slots.h"

#include <stdio.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/release.h"

/* --- Services --- */

json_t *kube_slot_service(const struct kube_platform *k, const struct kube_target *t, int slot, int port, int64_t release)
{
        /* Nothing has the label's empty value: a Service without any selector would be somebody's to fill by hand. */
        return json_pack("{s:s, s:s, s:o, s:{s:{s:s, s:s}, s:[{s:s, s:i, s:i, s:s}]}}", "apiVersion", "v1", "kind", "Service",
                         "metadata", kube_metadata(k, t, t->spec->route.backends[slot], 0), "spec", "selector",
                         KUBE_LABEL_ROLLOUT, t->name, KUBE_LABEL_RELEASE, release ? release_text(release).text : "", "ports",
                         "name", "http", "port", port, "targetPort", t->spec->route.port, "protocol", "TCP");
}

static bool is_owned(const struct kube_target *t, const json_t *object)
{
        size_t i;
        json_t *owner;

        json_array_foreach (json_object_get(json_object_get(object, "metadata"), "ownerReferences"), i, owner) {
                const char *uid = json_string_value(json_object_get(owner, "uid"));
                if (uid && strcmp(uid, t->uid) == 0)
                        return true;
        }
        return false;
}

int kube_slot_release(const struct kube_target *t, const json_t *service, int64_t *release, struct err *e)
{
        const json_t *selector = json_object_get(json_object_get(service, "spec"), "selector");
        const char *text = json_string_value(json_object_get(selector, KUBE_LABEL_RELEASE));

        *release = 0;
        if (!service)
                return 0;
        if (!is_owned(t, service))
                return err_set(e, ERR_INVALID,
                               "Service %s/%s, which spec.route.backends names, is somebody else's: delete it or name another",
                               t->namespace_, kube_meta(service, "name"));
        if (text && *text && release_parse(text, release, NULL) < 0)
                *release = 0;
        return 0;
}

static void replace(json_t *patch, const char *path, json_t *value)
{
        (void) json_array_append_new(patch, json_pack("{s:s, s:s, s:O}", "op", "replace", "path", path, "value", value));
}

/* The server adds members to each port, a node port among them, so ports are compared by what we say of them. */
static bool same_port(const json_t *live, const json_t *wanted)
{
        const json_t *a = json_array_get(live, 0), *b = json_array_get(wanted, 0);

        return json_array_size(live) == 1 && json_equal(json_object_get(a, "port"), json_object_get(b, "port")) &&
               json_equal(json_object_get(a, "targetPort"), json_object_get(b, "targetPort"));
}

static const json_t *annotations_of(const json_t *object)
{
        return json_object_get(json_object_get(object, "metadata"), "annotations");
}

static void add_epoch(json_t *patch, const json_t *live, const json_t *wanted)
{
        json_t *epoch = json_object_get(annotations_of(wanted), KUBE_ANNOTATION_EPOCH);

        if (json_is_object(annotations_of(live)) && epoch)
                (void) json_array_append_new(patch, json_pack("{s:s, s:s, s:O}", "op", "add", "path",
                                                              "/metadata/annotations/sluice.dev~1epoch", "value", epoch));
}

json_t *kube_slot_patch(const json_t *live, const json_t *wanted)
{
        const json_t *spec = json_object_get(live, "spec"), *want = json_object_get(wanted, "spec");
        json_t *selector = json_object_get(want, "selector"), *ports = json_object_get(want, "ports");
        bool same_selector = json_equal(json_object_get(spec, "selector"), selector);
        bool same_ports = same_port(json_object_get(spec, "ports"), ports);

        if (same_selector && same_ports)
                return NULL;
        json_t *patch = json_pack("[{s:s, s:s, s:s}]", "op", "test", "path", "/metadata/resourceVersion", "value",
                                  kube_meta(live, "resourceVersion"));
        if (!same_selector)
                replace(patch, "/spec/selector", selector);
        if (!same_ports)
                replace(patch, "/spec/ports", ports);
        add_epoch(patch, live, wanted);
        return patch;
}

/* --- endpoints --- */

static bool belongs(const struct kube_release *r, const char *ip)
{
        size_t len = strlen(ip);

        for (const struct kube_slice *s = r ? r->slices : NULL; s; s = s->next)
                for (int i = 0; i < s->n_pods; i++) {
                        const char *address = s->pods[i].address;
                        bool v6 = *address == '[';
                        if (strncmp(address + v6, ip, len) == 0 && strchr(v6 ? "]" : ":", address[v6 + len]))
                                return true;
                }
        return false;
}

/* How many ready endpoints of this release; -1: there is another's. */
static int count_ready(const json_t *slice, const struct kube_release *r)
{
        int ready = 0;
        size_t i, j;
        json_t *endpoint, *address;

        json_array_foreach (json_object_get(slice, "endpoints"), i, endpoint) {
                if (json_is_false(json_object_get(json_object_get(endpoint, "conditions"), "ready")))
                        continue;
                json_array_foreach (json_object_get(endpoint, "addresses"), j, address)
                        if (!json_is_string(address) || !belongs(r, json_string_value(address)))
                                return -1;
                ready++;
        }
        return ready;
}

bool kube_slot_follows(const json_t *slices, const struct kube_release *r)
{
        int ready = 0;
        size_t i;
        json_t *slice;

        json_array_foreach (json_object_get(slices, "items"), i, slice) {
                int n = count_ready(slice, r);
                if (n < 0)
                        return false;
                ready += n;
        }
        return ready > 0;
}
