/* From a route and its slots as they are to one write. */
#include <stdio.h>
#include <string.h>

#include "ctl/direct.h"
#include "ctl/output.h"
#include "lib/auto.h"
#include "lib/kube_route.h"
#include "lib/mem.h"
#include "lib/release.h"

#define LABEL_ROLLOUT "sluice.dev/rollout"
#define LABEL_RELEASE "sluice.dev/release"

static bool is_ours(const struct direct *d, const json_t *object)
{
        const char *uid = kube_meta(d->rollout, "uid");
        const json_t *meta = json_object_get(object, "metadata"), *owners = json_object_get(meta, "ownerReferences");
        const char *label = json_str(json_object_get(meta, "labels"), LABEL_ROLLOUT);
        size_t i;
        json_t *owner;

        if (json_array_size(owners) == 0) /* taken away, but rolloutd has made it */
                return label && strcmp(label, d->name) == 0;
        json_array_foreach (owners, i, owner) {
                const char *theirs = json_str(owner, "uid");
                if (theirs && *uid && strcmp(theirs, uid) == 0)
                        return true;
        }
        return false;
}

/* --- Owned --- */

static json_t *new_route(const struct direct *d, json_t *spec)
{
        return json_pack("{s:{s:s, s:s, s:{s:s}, s:[{s:s, s:s, s:s, s:s, s:b}]}, s:O}", "metadata", "name", d->aim.route,
                         "namespace", d->namespace_, "labels", LABEL_ROLLOUT, d->name, "ownerReferences", "apiVersion",
                         "sluice.dev/v1alpha1", "kind", "ModelRollout", "name", d->name, "uid", kube_meta(d->rollout, "uid"),
                         "controller", true, "spec", spec);
}

/* With the release alone in it: nothing else gets traffic now, and what has no weight needs no mention. */
static int next_owned(const struct direct *d, struct direct_seen *seen, struct direct_move *out, struct err *e)
{
        struct kube_share all = { .bp = KUBE_ROUTE_WHOLE };
        json_t *made = NULL;

        if (seen->route && !is_ours(d, seen->route))
                return err_set(e, ERR_INVALID, "HTTPRoute %s/%s does not belong to the ModelRollout", d->namespace_,
                               d->aim.route);
        release_object_name(d->name, d->aim.release, all.service);
        if (kube_route_owned(d->aim.shape, d->aim.port, &all, 1, false, &made, e))
                return -1;
        AUTO(json) spec = made;
        if (seen->route && kube_route_covers(json_object_get(seen->route, "spec"), spec))
                return 0;
        out->kind = "httproute";
        out->name = d->aim.route;
        out->verb = seen->route ? KUBE_JSON_PATCH : KUBE_CREATE;
        if (seen->route)
                out->body = json_pack("[{s:s, s:s, s:s}, {s:s, s:s, s:O}]", "op", "test", "path", "/metadata/uid", "value",
                                      kube_meta(seen->route, "uid"), "op", "replace", "path", "/spec", "value", spec);
        else
                seen->route = new_route(d, spec), out->body = json_incref(seen->route);
        (void) json_object_set(seen->route, "spec", spec);
        return 0;
}

/* --- Adopted --- */

/* One that is somebody else's by now selects nothing of ours; it may not even be needed. */
static int64_t selected_by(const struct direct *d, const json_t *service)
{
        const json_t *selector = json_object_get(json_object_get(service, "spec"), "selector");
        const char *text = json_str(selector, LABEL_RELEASE);
        int64_t release = 0;

        return service && is_ours(d, service) && text && release_parse(text, &release, NULL) == 0 ? release : 0;
}

static int write_slot(const struct direct *d, struct direct_seen *seen, int s, struct direct_move *out, struct err *e)
{
        json_t *spec = json_object_get(seen->slots[s], "spec");

        if (spec && !is_ours(d, seen->slots[s]))
                return err_set(e, ERR_INVALID, "Service %s/%s does not belong to the ModelRollout", d->namespace_,
                               d->aim.backends[s]);
        if (!spec)
                return err_set(e, ERR_NOT_FOUND, "Service %s/%s, which the route needs, does not exist", d->namespace_,
                               d->aim.backends[s]);
        AUTO(json)
        selector = json_pack("{s:s, s:s}", LABEL_ROLLOUT, d->name, LABEL_RELEASE, release_text(d->aim.release).text);
        *out = (struct direct_move){ .verb = KUBE_JSON_PATCH, .kind = "service", .name = d->aim.backends[s], .slot = s };
        out->body = json_pack("[{s:s, s:s, s:O}]", "op", "replace", "path", "/spec/selector", "value", selector);
        (void) json_object_set(spec, "selector", selector);
        return 0;
}

static void set_weights(json_t *route, const struct kube_route_rule *r, const json_t *patch)
{
        json_t *rule = json_array_get(json_object_get(json_object_get(route, "spec"), "rules"), (size_t) r->index);
        size_t n = json_array_size(patch);

        for (size_t i = 0; i < (size_t) r->n; i++) /* the weights are the patch's last steps, in the order of refs */
                (void) json_object_set(json_array_get(json_object_get(rule, "backendRefs"), (size_t) r->refs[i].index), "weight",
                                       json_object_get(json_array_get(patch, n - (size_t) r->n + i), "value"));
}

static int next_adopted(const struct direct *d, struct direct_seen *seen, struct direct_move *out, struct err *e)
{
        const struct kube_slot_want want = { d->aim.release, KUBE_ROUTE_WHOLE };
        struct kube_slot live[KUBE_SLOTS] = { { 0, 0 } };
        struct kube_slot_plan plan;
        struct kube_route_rule r;

        if (!seen->route)
                return err_set(e, ERR_NOT_FOUND, "HTTPRoute %s/%s does not exist", d->namespace_, d->aim.route);
        if (kube_route_find_pair(seen->route, d->aim.rule, d->aim.backends, &r, e))
                return -1;
        for (int s = 0; s < KUBE_SLOTS; s++) {
                live[s].bp = r.refs[s].is.bp;
                live[s].release = selected_by(d, seen->slots[s]);
        }
        if (kube_slots_plan(live, &want, 1, &plan, e))
                return -1;
        if (plan.move == KUBE_SLOT_SWITCH)
                return write_slot(d, seen, plan.slot, out, e);
        *out = (struct direct_move){ .verb = KUBE_JSON_PATCH, .kind = "httproute", .name = d->aim.route, .slot = -1 };
        if (kube_route_patch(seen->route, &r, plan.bp, false, &out->body, e))
                return -1;
        if (out->body)
                set_weights(seen->route, &r, out->body);
        return 0;
}

int direct_next(const struct direct *d, struct direct_seen *seen, struct direct_move *out, struct err *e)
{
        *out = (struct direct_move){ .slot = -1 };
        return d->aim.adopted ? next_adopted(d, seen, out, e) : next_owned(d, seen, out, e);
}

json_t *direct_shares(const struct direct *d, const json_t *route)
{
        struct kube_route_rule r;
        int failed = !route || (d->aim.adopted ? kube_route_find_pair(route, d->aim.rule, d->aim.backends, &r, NULL)
                                               : kube_route_find_owned(route, d->name, &r, NULL));
        json_t *shares = failed ? NULL : json_object();

        for (int i = 0; !failed && i < r.n; i++)
                (void) json_object_set_new(shares, r.refs[i].is.service, json_integer(r.refs[i].is.bp));
        return shares;
}
