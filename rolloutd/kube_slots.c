/* Two slots, any releases. */
#include "rolloutd/kube_slots.h"

#include <stdio.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/release.h"

/* --- the plan --- */

static int asked_for(const struct weight *w, int n, int64_t release)
{
        for (int i = 0; i < n; i++)
                if (w[i].version == release)
                        return w[i].bp;
        return -1;
}

static int slot_of(const struct kube_slot *live, int64_t release)
{
        for (int s = 0; s < KUBE_SLOTS; s++)
                if (live[s].release == release)
                        return s;
        return -1;
}

/* How little a slot would be missed; the newer release is more likely the one that is being left. */
static int cost(const struct kube_slot *live, int s, const struct weight *w, int n)
{
        const struct kube_slot *other = &live[!s];

        if (live[s].bp == 0)
                return 0;
        if (live[s].release == 0)
                return 1;
        if (asked_for(w, n, live[s].release) == 0)
                return 2;
        return release_version(live[s].release) > release_version(other->release) ||
                               (release_version(live[s].release) == release_version(other->release) &&
                                live[s].release > other->release)
                       ? 3
                       : 4;
}

/* The slot for a release that has none yet. taken: they select what is wanted. */
static int pick(const struct kube_slot *live, const bool *taken, const struct weight *w, int n)
{
        if (taken[0] || taken[1])
                return taken[0];
        return cost(live, 1, w, n) < cost(live, 0, w, n);
}

static void make_room(const struct kube_slot *live, int s, int64_t release, struct kube_slot_plan *out)
{
        bool free = live[s].bp == 0 || live[!s].release == 0; /* or there is nobody to give its weight to */

        out->slot = s;
        out->release = release;
        out->move = free ? KUBE_SLOT_SWITCH : KUBE_SLOT_CLEAR;
        out->bp[s] = 0;
        out->bp[!s] = WEIGHT_ALL;
}

int kube_slots_plan(const struct kube_slot live[KUBE_SLOTS], const struct weight *w, int n, struct kube_slot_plan *out,
                    struct err *e)
{
        bool taken[KUBE_SLOTS] = { false };
        int64_t missing = 0;
        int wanted = 0;

        *out = (struct kube_slot_plan){ .move = KUBE_SLOT_READY };
        for (int i = 0; i < n; i++) {
                int s = w[i].bp ? slot_of(live, w[i].version) : -1;
                wanted += w[i].bp > 0;
                if (s >= 0) {
                        taken[s] = true;
                        out->bp[s] = w[i].bp;
                } else if (w[i].bp && !missing) {
                        missing = w[i].version;
                }
        }
        if (wanted > KUBE_SLOTS)
                return err_set(e, ERR_INVALID, "%d releases cannot share the traffic of a route with %d backends", wanted,
                               KUBE_SLOTS);
        if (!missing)
                return 0;
        make_room(live, pick(live, taken, w, n), missing, out);
        return 0;
}

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
