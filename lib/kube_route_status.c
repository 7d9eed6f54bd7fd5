/* What a route's parents say about it (conditions of HTTPRoute.status.parents). */
#include <stdio.h>
#include <string.h>

#include "lib/kube_route.h"

static const char *text_of(const json_t *o, const char *key)
{
        const char *text = json_string_value(json_object_get(o, key));

        return text ? text : "";
}

static const char *text_or(const json_t *o, const char *key, const char *fallback)
{
        const char *text = text_of(o, key);

        return *text ? text : fallback;
}

/* Two parentRefs mean the same parent; absent members have defaults. */
static bool same_parent(const json_t *route, const json_t *a, const json_t *b)
{
        const char *home = text_of(json_object_get(route, "metadata"), "namespace");

        return strcmp(text_of(a, "name"), text_of(b, "name")) == 0 &&
               strcmp(text_or(a, "namespace", home), text_or(b, "namespace", home)) == 0 &&
               strcmp(text_or(a, "kind", "Gateway"), text_or(b, "kind", "Gateway")) == 0 &&
               strcmp(text_of(a, "sectionName"), text_of(b, "sectionName")) == 0 &&
               json_integer_value(json_object_get(a, "port")) == json_integer_value(json_object_get(b, "port"));
}

static const json_t *condition(const json_t *parent, const char *type)
{
        size_t i;
        json_t *c;

        json_array_foreach (json_object_get(parent, "conditions"), i, c)
                if (strcmp(text_of(c, "type"), type) == 0)
                        return c;
        return NULL;
}

struct listener { /* who reads it, and the sentence if it is bad news */
        const char *name;
        json_int_t generation;
        char *why;
};

static bool says(const struct listener *l, const char *what, const json_t *c)
{
        const char *message = text_of(c, "message");

        (void) snprintf(l->why, KUBE_ROUTE_WHY_MAX, "%s %s: %s%s%s", l->name, what, text_or(c, "reason", "no reason given"),
                        *message ? ": " : "", message);
        return false;
}

static bool holds(const struct listener *l, const json_t *parent, const char *type, const char *if_not)
{
        const json_t *c = condition(parent, type), *seen = json_object_get(c, "observedGeneration");

        if (!c) {
                (void) snprintf(l->why, KUBE_ROUTE_WHY_MAX, "%s has not said yet whether the route is %s", l->name, type);
                return false;
        }
        if (seen && json_integer_value(seen) < l->generation) {
                (void) snprintf(l->why, KUBE_ROUTE_WHY_MAX, "%s has not yet seen generation %lld of the route", l->name,
                                (long long) l->generation);
                return false;
        }
        return strcmp(text_of(c, "status"), "True") == 0 || says(l, if_not, c);
}

static bool parent_accepts(const struct listener *l, const json_t *parent)
{
        const json_t *partial = condition(parent, "PartiallyInvalid");

        if (!holds(l, parent, "Accepted", "does not accept the route") ||
            !holds(l, parent, "ResolvedRefs", "cannot resolve the route's references"))
                return false;
        return strcmp(text_of(partial, "status"), "True") != 0 || says(l, "takes only parts of the route", partial);
}

/* All that was said for this reference; there must be something. */
static bool ref_accepted(const json_t *route, const json_t *ref, char why[static KUBE_ROUTE_WHY_MAX])
{
        const json_t *meta = json_object_get(route, "metadata");
        char name[KUBE_ROUTE_WHY_MAX / 2];
        struct listener l = { name, json_integer_value(json_object_get(meta, "generation")), why };
        bool any = false;
        size_t i;
        json_t *parent;

        (void) snprintf(name, sizeof name, "%s %s/%s", text_or(ref, "kind", "Gateway"),
                        text_or(ref, "namespace", text_of(meta, "namespace")), text_of(ref, "name"));
        json_array_foreach (json_object_get(json_object_get(route, "status"), "parents"), i, parent) {
                if (!same_parent(route, ref, json_object_get(parent, "parentRef")))
                        continue;
                if (!parent_accepts(&l, parent))
                        return false;
                any = true;
        }
        if (!any)
                (void) snprintf(why, KUBE_ROUTE_WHY_MAX, "%s has not said yet whether it accepts the route", name);
        return any;
}

bool kube_route_accepted(const json_t *route, char why[static KUBE_ROUTE_WHY_MAX])
{
        const json_t *refs = json_object_get(json_object_get(route, "spec"), "parentRefs");
        size_t i;
        json_t *ref;

        if (json_array_size(refs) == 0) {
                (void) snprintf(why, KUBE_ROUTE_WHY_MAX, "the route has no parents: nothing reads it");
                return false;
        }
        json_array_foreach (refs, i, ref)
                if (!ref_accepted(route, ref, why))
                        return false;
        *why = '\0';
        return true;
}
