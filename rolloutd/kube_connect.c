/* Asking the server what it has, then watching it. */
#include <stdlib.h>
#include <string.h>

#include "lib/backoff.h"
#include "lib/clock.h"
#include "lib/kube_served.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/random.h"
#include "rolloutd/kube_private.h"

enum { CANDIDATES_MAX = 3, ABSENT_MS = 5000, FOREVER_MS = 3600000 };

static const struct backoff_policy patience = { .base_ms = 200, .cap_ms = 10000 };

/* Every label of ours has this one; HTTPRoutes may be the user's and have none. */
static const char OURS[] = "labelSelector=sluice.dev%2Frollout";

/* Slots and previews; of those of releases nothing is to be known but that they are there. */
static const char OF_NO_RELEASE[] = "labelSelector=sluice.dev%2Frollout%2C%21sluice.dev%2Frelease";

struct want {
        size_t at; /* in struct kube_kinds */
        struct kube_resource candidates[CANDIDATES_MAX];
        const char *absent; /* what to do when the server has none of them; NULL: it has the one, always */
        bool needed;        /* nothing works without */
};

#define KIND(member) offsetof(struct kube_kinds, member)
static const struct want wants[] = {
        { KIND(rollouts),
          { { "sluice.dev", "v1alpha1", "modelrollouts" } },
          "install the ModelRollout CRD (charts/sluice/crds/modelrollouts.yaml)",
          true },
        { KIND(deployments), { { "apps", "v1", "deployments" } }, NULL, true },
        { KIND(services), { { "", "v1", "services" } }, NULL, true },
        { KIND(slices),
          { { "discovery.k8s.io", "v1", "endpointslices" }, { "discovery.k8s.io", "v1beta1", "endpointslices" } },
          "Kubernetes must be 1.17 or newer",
          true },
        { KIND(revisions), { { "apps", "v1", "controllerrevisions" } }, NULL, true },
        { KIND(configmaps), { { "", "v1", "configmaps" } }, NULL, true },
        { KIND(secrets), { { "", "v1", "secrets" } }, NULL, true },
        { KIND(pods), { { "", "v1", "pods" } }, NULL, true },
        { KIND(leases), { { "coordination.k8s.io", "v1", "leases" } }, NULL, true },
        { KIND(budgets),
          { { "policy", "v1", "poddisruptionbudgets" }, { "policy", "v1beta1", "poddisruptionbudgets" } },
          "releases get no PodDisruptionBudget",
          false },
        { KIND(autoscalers),
          { { "autoscaling", "v2", "horizontalpodautoscalers" }, { "autoscaling", "v2beta2", "horizontalpodautoscalers" } },
          "spec.autoscaling cannot be used",
          false },
        { KIND(events), { { "events.k8s.io", "v1", "events" }, { "", "v1", "events" } }, "no Events are written", false },
        { KIND(routes),
          { { "gateway.networking.k8s.io", "v1", "httproutes" }, { "gateway.networking.k8s.io", "v1beta1", "httproutes" } },
          "install the Gateway API; until then no traffic can be moved",
          false },
};
enum { WANTS = sizeof wants / sizeof *wants, ROUTES = WANTS - 1 };

struct kube_connect {
        struct kube_platform *k;
        struct kube_served *asking;
        int at;     /* in wants: what is asked for, or next; WANTS: all is known */
        bool known; /* all have been asked for once */
        bool warned[WANTS];
        struct err said; /* the failure last logged */
        struct backoff backoff;
        int64_t due_ms, again_ms;
};

struct kube_connect *kube_connect_new(struct kube_platform *k)
{
        struct kube_connect *c = xcalloc(1, sizeof *c);

        c->k = k;
        return c;
}

void kube_connect_free(struct kube_connect *c)
{
        if (!c)
                return;
        kube_served_cancel(c->asking);
        kube_watch_free(c->k->rollouts);
        kube_watch_free(c->k->deployments);
        kube_watch_free(c->k->slices);
        kube_watch_free(c->k->services);
        kube_watch_free(c->k->routes);
        free(c);
}

/* --- kinds --- */

static struct kube_resource *slot(struct kube_connect *c, const struct want *w)
{
        return (struct kube_resource *) ((char *) &c->k->kinds + w->at);
}

static size_t count(const struct want *w)
{
        size_t n = 0;

        while (n < CANDIDATES_MAX && w->candidates[n].plural)
                n++;
        return n;
}

static void say_failure(struct kube_connect *c, const struct err *why)
{
        if (strcmp(c->said.msg, why->msg) == 0)
                return;
        c->said = *why;
        LOG_WARN("the Kubernetes API cannot be asked yet", "server", kube_config_of(c->k->kube)->server, "error", why->msg);
}

static void absent(struct kube_connect *c, const struct want *w)
{
        bool *warned = &c->warned[w - wants];

        if (!*warned)
                LOG_WARN("the server has no such kind", "kind", w->candidates[0].plural, "group", w->candidates[0].group,
                         "consequence", w->absent);
        *warned = true;
        c->due_ms = clock_ms() + (w->needed ? ABSENT_MS : 0);
        c->at += !w->needed;
        c->known |= c->at == WANTS;
}

static void found(struct kube_connect *c, const struct want *w, const struct kube_resource *best)
{
        if (c->warned[w - wants])
                LOG_INFO("the server has the kind now", "kind", best->plural, "version", best->version);
        *slot(c, w) = *best;
        c->at++;
        c->known |= c->at == WANTS;
        c->due_ms = 0;
}

static void on_served(void *arg, const struct kube_resource *best, const struct kube_failure *failure)
{
        struct kube_connect *c = arg;
        const struct want *w = &wants[c->at];

        c->asking = NULL;
        if (failure) {
                say_failure(c, &failure->err);
                (void) backoff_next(&patience, &c->backoff, clock_ms(), random_u32());
                c->due_ms = clock_ms() + c->backoff.wait_ms;
                return;
        }
        c->backoff = (struct backoff){ 0 };
        if (best)
                found(c, w, best);
        else
                absent(c, w);
}

static void ask(struct kube_connect *c)
{
        const struct want *w = &wants[c->at];

        if (w->absent)
                c->asking = kube_served_start(c->k->kube, w->candidates, count(w), on_served, c);
        else
                found(c, w, &w->candidates[0]);
}

/* --- watches --- */

static void trouble(void *arg, const struct kube_failure *why)
{
        (void) arg;
        LOG_WARN("a watch was interrupted and is taken up again", "reason", kube_reason_name(why->reason), "error", why->err.msg);
}

static struct kube_watch *watch(struct kube_connect *c, const struct kube_resource *r, const char *selector,
                                kube_change_fn changed)
{
        return kube_watch_start(c->k->kube, &(struct kube_watch_options){ .resource = r,
                                                                          .namespace_ = c->k->settings.namespace_,
                                                                          .selector = selector,
                                                                          .keys_only = true,
                                                                          .changed = changed,
                                                                          .trouble = trouble,
                                                                          .arg = c->k });
}

static void begin_watches(struct kube_connect *c)
{
        struct kube_platform *k = c->k;

        if (!k->rollouts)
                k->rollouts = watch(c, &k->kinds.rollouts, NULL, kube_index_rollout);
        if (!kube_watch_is_synced(k->rollouts))
                return;
        if (!k->deployments)
                k->deployments = watch(c, &k->kinds.deployments, OURS, kube_index_deployment);
        if (!k->slices)
                k->slices = watch(c, &k->kinds.slices, OURS, kube_index_slice);
        if (!k->services)
                k->services = watch(c, &k->kinds.services, OF_NO_RELEASE, kube_index_service);
        if (!k->routes && k->kinds.routes.plural)
                k->routes = watch(c, &k->kinds.routes, NULL, kube_index_route);
}

static int64_t sooner(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

static int64_t run_watches(struct kube_platform *k, int64_t now_ms)
{
        struct kube_watch *const all[] = { k->rollouts, k->deployments, k->slices, k->services, k->routes };
        int64_t wake = FOREVER_MS;

        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
                if (all[i])
                        wake = sooner(wake, kube_watch_run(all[i], now_ms));
        return wake;
}

bool kube_connect_is_synced(const struct kube_connect *c)
{
        const struct kube_platform *k = c->k;

        return k->deployments && kube_watch_is_synced(k->deployments) && k->slices && kube_watch_is_synced(k->slices) &&
               (!k->routes || kube_watch_is_synced(k->routes));
}

/* What is not needed may be installed later. */
static void ask_again(struct kube_connect *c, int64_t now_ms)
{
        if (c->at < WANTS || c->k->kinds.routes.plural || now_ms < c->again_ms)
                return;
        c->again_ms = now_ms + ABSENT_MS;
        c->at = ROUTES;
}

int64_t kube_connect_run(struct kube_connect *c, int64_t now_ms)
{
        int64_t wake = FOREVER_MS;

        if (c->known) {
                ask_again(c, now_ms);
                begin_watches(c);
                wake = run_watches(c->k, now_ms);
        }
        while (c->at < WANTS && !c->asking && now_ms >= c->due_ms)
                ask(c);
        if (c->at < WANTS && !c->asking)
                wake = sooner(wake, c->due_ms - now_ms);
        if (c->known && !c->k->kinds.routes.plural)
                wake = sooner(wake, ABSENT_MS);
        return wake;
}
