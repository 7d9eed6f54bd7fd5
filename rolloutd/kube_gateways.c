/* What is peculiar about gateways: one table, and who of them reads a route (parentRefs, Gateway, GatewayClass, controllerName). */
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "rolloutd/kube_gateways.h"

enum { FRESH_MS = 600000, RETRY_MS = 60000, GATEWAYS_MAX = 4096, KEY_MAX = 320 };

/*
 * Settling times: how long programming a data plane was seen to take, or is documented to take, after the route was accepted
 * (github.com/howardjohn/gateway-api-bench; the clouds' own documentation). Clouds program load balancers and check the health of a
 * backend anew when it appears, so theirs stay in the route at weight 0. Everywhere else a backend without weight is left out.
 */
static const struct kube_quirks quirks[] = {
        { "networking.gke.io/gateway", true, 60000 },
        { "gateway.k8s.aws/alb", true, 30000 },
        { "application-networking.k8s.aws/gateway-api-controller", true, 30000 },
        { "alb.networking.azure.io/alb-controller", true, 10000 },
        { "haproxy-ingress.github.io/controller", false, 5000 },
        { "gateway.nginx.org/nginx-gateway-controller", false, 5000 },
        { "gateway.envoyproxy.io/gatewayclass-controller", false, 1000 },
        { "istio.io/gateway-controller", false, 1000 },
        { "io.cilium/gateway-controller", false, 1000 },
        { "kgateway.dev/kgateway", false, 1000 },
        { "konghq.com/kic-gateway-controller", false, 3000 },
        { "traefik.io/gateway-controller", false, 2000 },
        { "projectcontour.io/gateway-controller", false, 1000 },
};
static const struct kube_quirks usual = { "", false, 0 };

const struct kube_quirks *kube_gateways_row(const char *controller)
{
        for (size_t i = 0; i < sizeof quirks / sizeof *quirks; i++)
                if (strcmp(quirks[i].controller, controller) == 0)
                        return &quirks[i];
        return &usual;
}

/* --- who reads it --- */

static const struct kube_resource versions[][2] = {
        { { "gateway.networking.k8s.io", "v1", "gateways" }, { "gateway.networking.k8s.io", "v1", "gatewayclasses" } },
        { { "gateway.networking.k8s.io", "v1beta1", "gateways" }, { "gateway.networking.k8s.io", "v1beta1", "gatewayclasses" } },
};

struct gateway {
        UT_hash_handle hh; /* by key */
        char *key;         /* NAMESPACE/NAME */
        const struct kube_quirks *quirks;
        int64_t due_ms; /* to be asked again */
        struct kube_flight *flight;
        struct kube_gateways *all;
};

struct kube_gateways {
        struct kube_platform *k;
        struct gateway *known;
};

static const struct kube_resource *kind(const struct gateway *g, bool class)
{
        const char *served = g->all->k->kinds.routes.version;

        return &versions[served && strcmp(served, "v1") != 0][class];
}

/* Absent, forbidden or away: the usual, and later again. */
static void give_up(struct gateway *g)
{
        g->due_ms = clock_ms() + RETRY_MS;
}

static const char *spec_text(const json_t *object, const char *member)
{
        return json_string_value(json_object_get(json_object_get(object, "spec"), member));
}

static void on_class(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct gateway *g = arg;
        const char *controller = failure ? NULL : spec_text(object, "controllerName");

        g->flight = NULL;
        if (!controller) {
                give_up(g);
                return;
        }
        g->quirks = kube_gateways_row(controller);
        g->due_ms = clock_ms() + FRESH_MS;
}

static void on_gateway(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct gateway *g = arg;
        const char *class = failure ? NULL : spec_text(object, "gatewayClassName");

        g->flight = NULL;
        if (!class) {
                give_up(g);
                return;
        }
        const struct kube_call call = { .verb = KUBE_GET, .resource = kind(g, true), .name = class };
        g->flight = kube_start(g->all->k->kube, &call, on_class, g);
}

static void ask(struct gateway *g, const char *namespace_, const char *name)
{
        const struct kube_call call = { .verb = KUBE_GET, .resource = kind(g, false), .namespace_ = namespace_, .name = name };

        g->flight = kube_start(g->all->k->kube, &call, on_gateway, g);
}

static struct gateway *find(struct kube_gateways *all, const char *namespace_, const char *name)
{
        struct gateway *g;
        char *key = xasprintf("%s/%s", namespace_, name);

        HASH_FIND_STR(all->known, key, g);
        if (!g && HASH_COUNT(all->known) < GATEWAYS_MAX) {
                g = xcalloc(1, sizeof *g);
                *g = (struct gateway){ .key = xstrdup(key), .quirks = &usual, .all = all };
                HASH_ADD_KEYPTR(hh, all->known, g->key, strlen(g->key), g);
        }
        free(key);
        return g;
}

static const char *text_or(const json_t *o, const char *key, const char *fallback)
{
        const char *text = json_string_value(json_object_get(o, key));

        return text && *text ? text : fallback;
}

struct kube_quirks kube_gateways_quirks(struct kube_platform *k, const json_t *parent_refs, const char *namespace_)
{
        struct kube_quirks all = usual;
        size_t i;
        json_t *ref;

        if (!k->gateways) {
                k->gateways = xcalloc(1, sizeof *k->gateways);
                k->gateways->k = k;
        }
        json_array_foreach (parent_refs, i, ref) {
                const char *name = text_or(ref, "name", "");
                if (!*name || strcmp(text_or(ref, "kind", "Gateway"), "Gateway") != 0)
                        continue;
                const char *home = text_or(ref, "namespace", namespace_);
                struct gateway *g = find(k->gateways, home, name);
                if (!g)
                        continue;
                if (!g->flight && clock_ms() >= g->due_ms)
                        ask(g, home, name);
                all.keep_zeros |= g->quirks->keep_zeros;
                all.settle_ms = g->quirks->settle_ms > all.settle_ms ? g->quirks->settle_ms : all.settle_ms;
        }
        return all;
}

void kube_gateways_free(struct kube_platform *k)
{
        struct gateway *g, *next;

        if (!k->gateways)
                return;
        HASH_ITER (hh, k->gateways->known, g, next) {
                HASH_DEL(k->gateways->known, g);
                if (g->flight)
                        kube_cancel(k->kube, g->flight);
                free(g->key);
                free(g);
        }
        free(k->gateways);
        k->gateways = NULL;
}
