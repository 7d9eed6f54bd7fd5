/* Finding our backends in a route, and changing their weights. */
#include "lib/kube_route.h"

#include <stdio.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/release.h"

enum { WEIGHT_MAX = 1000000, RULES_MAX = 16, POINTER_MAX = 96 };

static const char *text_of(const json_t *o, const char *key)
{
        const char *text = json_string_value(json_object_get(o, key));

        return text ? text : "";
}

static const json_t *rules_of(const json_t *route)
{
        return json_object_get(json_object_get(route, "spec"), "rules");
}

static int fail(const json_t *route, struct err *e, const char *sentence)
{
        const json_t *meta = json_object_get(route, "metadata");

        return err_set(e, ERR_INVALID, "HTTPRoute %s/%s %s", text_of(meta, "namespace"), text_of(meta, "name"), sentence);
}

/* --- one backendRef --- */

/* The name, if it is a Service of the route's own namespace; else NULL. */
static const char *service_of(const json_t *route, const json_t *ref)
{
        const char *kind = text_of(ref, "kind"), *namespace_ = text_of(ref, "namespace"), *name = text_of(ref, "name");
        const char *home = text_of(json_object_get(route, "metadata"), "namespace");

        if (*text_of(ref, "group") || (*kind && strcmp(kind, "Service") != 0) || (*namespace_ && strcmp(namespace_, home) != 0))
                return NULL;
        return *name && strlen(name) <= KUBE_SERVICE_MAX ? name : NULL;
}

static int weight_of(const json_t *route, const json_t *ref, int64_t *out, struct err *e)
{
        const json_t *weight = json_object_get(ref, "weight");

        *out = weight ? json_integer_value(weight) : 1;
        if (weight && (!json_is_integer(weight) || *out < 0 || *out > WEIGHT_MAX))
                return fail(route, e, "has a weight that is none");
        return 0;
}

/* --- one rule --- */

/* Which of ours a service is, or -1. */
typedef int (*ours_fn)(const void *arg, const struct kube_route_rule *r, const char *service);

static int take_ref(const json_t *route, const json_t *ref, int index, int as, int64_t weight, struct kube_route_rule *out,
                    struct err *e)
{
        int port = (int) json_integer_value(json_object_get(ref, "port"));
        struct kube_route_ref *r = &out->refs[as];

        if (*r->is.service)
                return fail(route, e, "names one of our Services twice in the same rule");
        if (out->n && port != out->port)
                return fail(route, e, "names our Services with different ports");
        *r = (struct kube_route_ref){ .index = index, .weight = weight };
        (void) snprintf(r->is.service, sizeof r->is.service, "%s", text_of(ref, "name"));
        out->port = port;
        out->total += weight;
        out->n++;
        return 0;
}

static int share_of(int64_t weight, int64_t total)
{
        int bp = total ? (int) ((weight * KUBE_ROUTE_WHOLE + total / 2) / total) : 0;

        if (weight == 0 || weight == total)
                return bp;
        return bp < 1 ? 1 : bp >= KUBE_ROUTE_WHOLE ? KUBE_ROUTE_WHOLE - 1 : bp;
}

/* What rounding leaves over is the largest one's, so that they add up. */
static void share(struct kube_route_rule *r)
{
        int largest = 0, left = r->total ? KUBE_ROUTE_WHOLE : 0;

        for (int i = 0; i < KUBE_ROUTE_REFS_MAX; i++) {
                struct kube_route_ref *ref = &r->refs[i];
                ref->is.bp = share_of(ref->weight, r->total);
                left -= ref->is.bp;
                if (ref->weight > r->refs[largest].weight)
                        largest = i;
        }
        r->refs[largest].is.bp += left;
}

static int read_rule(const json_t *route, const json_t *rule, int index, ours_fn ours, const void *arg,
                     struct kube_route_rule *out, struct err *e)
{
        const json_t *refs = json_object_get(rule, "backendRefs"), *ref;

        *out = (struct kube_route_rule){ .index = index };
        if (json_array_size(refs) > KUBE_ROUTE_REFS_MAX)
                return fail(route, e, "has a rule with more backends than the API allows");
        for (size_t i = 0; i < json_array_size(refs); i++) {
                int64_t weight;
                ref = json_array_get(refs, i);
                if (weight_of(route, ref, &weight, e))
                        return -1;
                const char *service = service_of(route, ref);
                int as = service ? ours(arg, out, service) : -1;
                if (as < 0)
                        out->foreign += weight;
                else if (take_ref(route, ref, (int) i, as, weight, out, e))
                        return -1;
        }
        share(out);
        return 0;
}

/* --- Adopted --- */

static int of_pair(const void *arg, const struct kube_route_rule *r, const char *service)
{
        const char *const *services = arg;

        (void) r;
        for (int i = 0; i < KUBE_ROUTE_PAIR; i++)
                if (strcmp(services[i], service) == 0)
                        return i;
        return -1;
}

static bool has_pair(const json_t *route, const json_t *rule, const char *const *services)
{
        bool has[KUBE_ROUTE_PAIR] = { false };
        size_t i;
        json_t *ref;

        json_array_foreach (json_object_get(rule, "backendRefs"), i, ref) {
                const char *service = service_of(route, ref);
                int as = service ? of_pair(services, NULL, service) : -1;
                if (as >= 0)
                        has[as] = true;
        }
        return has[0] && has[1];
}

static int count_rules(const json_t *route, struct err *e)
{
        size_t n = json_array_size(rules_of(route));

        if (n > RULES_MAX)
                return fail(route, e, "has more rules than the API allows");
        return n ? (int) n : fail(route, e, "has no rules");
}

static int none_found(const json_t *route, const char *name, const char *const *services, bool named, struct err *e)
{
        char why[KUBE_ROUTE_WHY_MAX];

        if (name && !named)
                (void) snprintf(why, sizeof why, "has no rule called \"%s\"", name);
        else
                (void) snprintf(why, sizeof why, "has no rule%s%s with both backends %s and %s", name ? " called " : "",
                                name ? name : "", services[0], services[1]);
        return fail(route, e, why);
}

static int ambiguous(const json_t *route, int one, int other, struct err *e)
{
        char why[KUBE_ROUTE_WHY_MAX];

        (void) snprintf(why, sizeof why, "has our backends in rule %d and in rule %d: spec.route.rule has to name one", one,
                        other);
        return fail(route, e, why);
}

int kube_route_find_pair(const json_t *route, const char *name, const char *const services[KUBE_ROUTE_PAIR],
                         struct kube_route_rule *out, struct err *e)
{
        struct kube_route_rule found = { .index = -1 };
        bool named = false;
        int n = count_rules(route, e);

        if (n < 0)
                return -1;
        for (int i = 0; i < n; i++) {
                const json_t *rule = json_array_get(rules_of(route), (size_t) i);
                if (name && strcmp(text_of(rule, "name"), name) != 0)
                        continue;
                named = true;
                if (!has_pair(route, rule, services))
                        continue;
                if (found.index >= 0)
                        return ambiguous(route, found.index, i, e);
                if (read_rule(route, rule, i, of_pair, services, &found, e))
                        return -1;
        }
        if (found.index < 0)
                return none_found(route, name, services, named, e);
        if (found.port <= 0)
                return fail(route, e, "names our Services without a port");
        *out = found;
        return 0;
}

/* --- Owned --- */

static int of_rollout(const void *arg, const struct kube_route_rule *r, const char *service)
{
        int64_t release;

        return release_of_object(arg, service, &release) ? -1 : r->n;
}

int kube_route_find_owned(const json_t *route, const char *rollout, struct kube_route_rule *out, struct err *e)
{
        const json_t *rules = rules_of(route);

        for (size_t i = 0; i < json_array_size(rules) && i < RULES_MAX; i++) {
                struct kube_route_rule r;
                if (read_rule(route, json_array_get(rules, i), (int) i, of_rollout, rollout, &r, e))
                        return -1;
                if (r.n) {
                        *out = r;
                        return 0;
                }
        }
        *out = (struct kube_route_rule){ .index = -1 };
        return 0;
}

/* Members that the ModelRollout's route has in the same words. */
static json_t *members(const json_t *shape, const char *const *names)
{
        json_t *out = json_object();

        for (; *names; names++) {
                json_t *member = json_object_get(shape, *names);
                if (json_array_size(member))
                        (void) json_object_set_new(out, *names, json_deep_copy(member));
        }
        return out;
}

int kube_route_owned(const json_t *shape, int port, const struct kube_share *shares, int n, bool keep_zeros, json_t **spec,
                     struct err *e)
{
        static const char *const of_spec[] = { "parentRefs", "hostnames", NULL }, *const of_rule[] = { "matches", "filters",
                                                                                                       NULL };
        json_t *refs = json_array();
        int sum = 0;

        for (int i = 0; i < n; i++) {
                sum += shares[i].bp;
                if (shares[i].bp || keep_zeros)
                        (void) json_array_append_new(refs, json_pack("{s:s, s:i, s:i}", "name", shares[i].service, "port", port,
                                                                     "weight", shares[i].bp));
        }
        json_t *rule = members(shape, of_rule), *made = members(shape, of_spec);
        /* Said as the server would say it, so that another's matches are told from none of ours. */
        if (!json_object_get(rule, "matches"))
                (void) json_object_set_new(rule, "matches",
                                           json_pack("[{s:{s:s, s:s}}]", "path", "type", "PathPrefix", "value", "/"));
        (void) json_object_set_new(rule, "backendRefs", refs);
        (void) json_object_set_new(made, "rules", json_pack("[o]", rule));
        if (sum != KUBE_ROUTE_WHOLE) {
                json_decref(made);
                return err_set(e, ERR_INVALID, "shares of traffic add up to %d, not %d", sum, KUBE_ROUTE_WHOLE);
        }
        *spec = made;
        return 0;
}

bool kube_route_covers(const json_t *live, const json_t *wanted)
{
        const char *key;
        json_t *value;
        size_t i;

        if (json_is_array(wanted)) {
                if (json_array_size(live) != json_array_size(wanted))
                        return false;
                json_array_foreach (wanted, i, value)
                        if (!kube_route_covers(json_array_get(live, i), value))
                                return false;
                return true;
        }
        if (!json_is_object(wanted))
                return json_equal(live, wanted);
        json_object_foreach ((json_t *) wanted, key, value)
                if (!kube_route_covers(json_object_get(live, key), value))
                        return false;
        return true;
}

/* --- the patch --- */

/* What a ref has to weigh for its share, exactly. */
static int weigh(const json_t *route, const struct kube_route_rule *r, int bp, int64_t *out, struct err *e)
{
        int64_t whole = r->foreign ? r->total : KUBE_ROUTE_WHOLE;
        char why[KUBE_ROUTE_WHY_MAX];

        *out = bp * whole / KUBE_ROUTE_WHOLE;
        if (whole > 0 && *out * KUBE_ROUTE_WHOLE == bp * whole)
                return 0;
        (void) snprintf(
                why, sizeof why,
                "has other backends in our rule, and ours weigh %lld together: %g %% of that is no whole number (let them weigh "
                "%d together)",
                (long long) whole, bp / 100.0, KUBE_ROUTE_WHOLE);
        return fail(route, e, why);
}

static bool stands(const struct kube_route_rule *r, const int *bp)
{
        for (int i = 0; i < r->n; i++)
                if (r->total == 0 || r->refs[i].weight * KUBE_ROUTE_WHOLE != bp[i] * r->total)
                        return false;
        return true;
}

static void add_test(json_t *patch, const char *pointer, const char *value)
{
        (void) json_array_append_new(patch, json_pack("{s:s, s:s, s:s}", "op", "test", "path", pointer, "value", value));
}

static void add_guards(json_t *patch, const json_t *route, const struct kube_route_rule *r, bool exact)
{
        const char *name = text_of(json_array_get(rules_of(route), (size_t) r->index), "name");
        char pointer[POINTER_MAX];

        if (exact)
                add_test(patch, "/metadata/resourceVersion", text_of(json_object_get(route, "metadata"), "resourceVersion"));
        if (*name) {
                (void) snprintf(pointer, sizeof pointer, "/spec/rules/%d/name", r->index);
                add_test(patch, pointer, name);
        }
        for (int i = 0; i < r->n; i++) {
                (void) snprintf(pointer, sizeof pointer, "/spec/rules/%d/backendRefs/%d/name", r->index, r->refs[i].index);
                add_test(patch, pointer, r->refs[i].is.service);
        }
}

int kube_route_patch(const json_t *route, const struct kube_route_rule *r, const int *bp, bool exact, json_t **patch,
                     struct err *e)
{
        char pointer[POINTER_MAX];

        *patch = NULL;
        if (stands(r, bp))
                return 0;
        AUTO(json) made = json_array();
        add_guards(made, route, r, exact);
        for (int i = 0; i < r->n; i++) {
                int64_t weight;
                if (weigh(route, r, bp[i], &weight, e))
                        return -1;
                (void) snprintf(pointer, sizeof pointer, "/spec/rules/%d/backendRefs/%d/weight", r->index, r->refs[i].index);
                /* "add" also replaces, and a weight may be unset. */
                (void) json_array_append_new(
                        made, json_pack("{s:s, s:s, s:I}", "op", "add", "path", pointer, "value", (json_int_t) weight));
        }
        *patch = TAKE(made);
        return 0;
}
