/* HTTPRoute as a router: ours from head to foot (Owned), or two weights in somebody's (Adopted). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/mem.h"
#include "lib/release.h"
#include "rolloutd/kube_router.h"

static const struct kube_resource *resource(const struct kube_platform *k)
{
        return &k->kinds.routes;
}

static bool adopted(const struct kube_target *t)
{
        return t->spec->route.mode == KUBE_ROUTE_ADOPTED;
}

/* --- whose it is --- */

static bool owner_is(const struct kube_target *t, const json_t *owner)
{
        const char *uid = json_string_value(json_object_get(owner, "uid"));

        return uid && strcmp(uid, t->uid) == 0;
}

static bool owner_was(const struct kube_target *t, const json_t *owner)
{
        const char *kind = json_string_value(json_object_get(owner, "kind"));
        const char *name = json_string_value(json_object_get(owner, "name"));

        return kind && name && strcmp(kind, "ModelRollout") == 0 && strcmp(name, t->name) == 0;
}

/* Somebody has taken the ownerReference away, but it is the one that we made. */
static bool is_orphan(const struct kube_target *t, const json_t *route)
{
        const json_t *meta = json_object_get(route, "metadata");
        const char *label = json_string_value(json_object_get(json_object_get(meta, "labels"), KUBE_LABEL_ROLLOUT));

        return json_array_size(json_object_get(meta, "ownerReferences")) == 0 && label && strcmp(label, t->name) == 0;
}

static int check_owner(const struct kube_target *t, const json_t *route, struct kube_reading *out, struct err *e)
{
        bool former = false;
        size_t i;
        json_t *owner;

        out->ours = is_orphan(t, route);
        json_array_foreach (json_object_get(json_object_get(route, "metadata"), "ownerReferences"), i, owner) {
                out->ours |= owner_is(t, owner);
                former |= owner_was(t, owner);
        }
        if (out->ours)
                return 0;
        if (!former)
                return err_set(
                        e, ERR_INVALID,
                        "HTTPRoute %s/%s exists and is not ours: choose another spec.route.name, delete it, or let it be Adopted",
                        t->namespace_, t->spec->route.name);
        (void) snprintf(out->why, sizeof out->why,
                        "the route belongs to a former ModelRollout of this name and is being deleted");
        return 0;
}

/* --- what we want --- */

static bool lacks_or_has(const json_t *live, const json_t *wanted, const char *member)
{
        return json_array_size(json_object_get(wanted, member)) || !json_array_size(json_object_get(live, member));
}

/* Everything wanted is there, and nothing of what is the ModelRollout's to say beyond it. */
static bool is_like(const json_t *live, const json_t *wanted)
{
        const json_t *rule = json_array_get(json_object_get(live, "rules"), 0);
        const json_t *want = json_array_get(json_object_get(wanted, "rules"), 0);

        return kube_route_covers(live, wanted) && lacks_or_has(live, wanted, "hostnames") && lacks_or_has(rule, want, "filters");
}

static json_t *wanted_spec(const struct kube_target *t, const struct kube_share *shares, int n, bool keep_zeros, struct err *e)
{
        AUTO(json) shape = t->spec->route.owned ? json_loads(t->spec->route.owned, 0, NULL) : NULL;
        json_t *spec = NULL;

        (void) kube_route_owned(shape, t->spec->route.port, shares, n, keep_zeros, &spec, e);
        return spec;
}

/* --- reading --- */

static int read_owned(const struct kube_target *t, const json_t *route, struct kube_reading *out, struct err *e)
{
        struct kube_share shares[KUBE_ROUTE_REFS_MAX];

        if (check_owner(t, route, out, e) || kube_route_find_owned(route, t->name, &out->rule, e))
                return -1;
        int n = kube_router_standing(t, &out->rule, shares);
        /* Shares are rounded where somebody has written odd weights; then it is not like ours either. */
        AUTO(json) wanted = wanted_spec(t, shares, n, true, NULL);
        out->shaped = wanted && is_like(json_object_get(route, "spec"), wanted);
        return 0;
}

static int read_adopted(const struct kube_target *t, const json_t *route, struct kube_reading *out, struct err *e)
{
        const char *const pair[] = { t->spec->route.backends[0], t->spec->route.backends[1] };

        if (!pair[0] || !pair[1])
                return err_set(e, ERR_INVALID, "spec.route.backends does not name two Services");
        out->ours = true;
        out->shaped = true;
        return kube_route_find_pair(route, t->spec->route.rule, pair, &out->rule, e);
}

static int read_route(const struct kube_platform *k, const struct kube_target *t, const json_t *route, struct kube_reading *out,
                      struct err *e)
{
        (void) k;
        *out = (struct kube_reading){ .ours = false };
        if (adopted(t) ? read_adopted(t, route, out, e) : read_owned(t, route, out, e))
                return -1;
        if (out->ours)
                out->accepted = kube_route_accepted(route, out->why);
        return 0;
}

/* --- writing --- */

static void add(json_t *patch, const char *op, const char *path, json_t *value)
{
        (void) json_array_append_new(patch, json_pack("{s:s, s:s, s:o}", "op", op, "path", path, "value", value));
}

/* The annotations may all have been taken away. */
static void add_epoch(json_t *patch, const struct kube_platform *k, const json_t *route)
{
        AUTO(str) epoch = xasprintf("%lld", (long long) k->epoch);
        bool some = json_is_object(json_object_get(json_object_get(route, "metadata"), "annotations"));

        if (some)
                add(patch, "add", "/metadata/annotations/sluice.dev~1epoch", json_string(epoch));
        else
                add(patch, "add", "/metadata/annotations", json_pack("{s:s}", KUBE_ANNOTATION_EPOCH, epoch));
}

static void make_owned(const struct kube_platform *k, const struct kube_target *t, json_t *spec, struct kube_write *out)
{
        AUTO(str) version = xasprintf("%s/%s", k->kinds.routes.group, k->kinds.routes.version);

        out->verb = KUBE_CREATE;
        out->body = json_pack("{s:s, s:s, s:o, s:O}", "apiVersion", version, "kind", "HTTPRoute", "metadata",
                              kube_metadata(k, t, t->spec->route.name, 0), "spec", spec);
}

/* Ours whole, so whatever others have put into it goes; but only while it is the same object. */
static void change_owned(const struct kube_platform *k, const struct kube_target *t, const json_t *route, json_t *spec,
                         bool exact, struct kube_write *out)
{
        out->verb = KUBE_JSON_PATCH;
        out->body = json_array();
        add(out->body, "test", "/metadata/uid", json_string(kube_meta(route, "uid")));
        if (exact)
                add(out->body, "test", "/metadata/resourceVersion", json_string(kube_meta(route, "resourceVersion")));
        add(out->body, "replace", "/spec", json_incref(spec));
        if (is_orphan(t, route))
                add(out->body, "add", "/metadata/ownerReferences", json_pack("[o]", kube_owner(t)));
        add_epoch(out->body, k, route);
}

static int write_owned(const struct kube_platform *k, const struct kube_target *t, const json_t *route,
                       const struct kube_share *shares, int n, bool exact, struct kube_write *out, struct err *e)
{
        AUTO(json) spec = wanted_spec(t, shares, n, t->route.keep_zeros, e);

        if (!spec)
                return -1;
        if (!route)
                make_owned(k, t, spec, out);
        else if (!is_like(json_object_get(route, "spec"), spec))
                change_owned(k, t, route, spec, exact, out);
        return 0;
}

static int write_adopted(const struct kube_target *t, const json_t *route, const struct kube_reading *r,
                         const struct kube_share *shares, bool exact, struct kube_write *out, struct err *e)
{
        const int bp[KUBE_SLOTS] = { shares[0].bp, shares[1].bp };

        if (!route)
                return err_set(e, ERR_NOT_FOUND, "HTTPRoute %s/%s, which spec.route names, does not exist", t->namespace_,
                               t->spec->route.name);
        out->verb = KUBE_JSON_PATCH;
        return kube_route_patch(route, &r->rule, bp, exact, &out->body, e);
}

static int write_route(const struct kube_platform *k, const struct kube_target *t, const json_t *route,
                       const struct kube_reading *r, const struct kube_share *shares, int n, bool exact, struct kube_write *out,
                       struct err *e)
{
        *out = (struct kube_write){ .body = NULL };
        if (adopted(t))
                return write_adopted(t, route, r, shares, exact, out, e);
        return write_owned(k, t, route, shares, n, exact, out, e);
}

const struct kube_router kube_httproute = {
        .kind = "HTTPRoute",
        .resource = resource,
        .read = read_route,
        .write = write_route,
};
