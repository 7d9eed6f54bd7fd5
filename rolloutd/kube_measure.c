/* What metrics tell of the Kubernetes platform. */
#include "rolloutd/kube_private.h"

static void tried(void *arg, enum kube_verb verb, const char *resource, int status, int64_t took_us)
{
        const struct platform_meter *m = arg;

        m->called(m->arg, kube_verb_name(verb), *resource ? resource : "discovery", status, verb == KUBE_WATCH ? -1 : took_us);
}

void kube_measure_meter(struct platform *p, const struct platform_meter *m)
{
        struct kube_platform *k = (struct kube_platform *) p;

        k->meter = *m;
        kube_observe(k->kube, tried, &k->meter);
}

int kube_measure_mirrors(const struct platform *p, struct platform_mirror out[static PLATFORM_MIRRORS_MAX])
{
        const struct kube_platform *k = (const struct kube_platform *) p;
        const struct {
                const struct kube_resource *resource;
                const struct kube_watch *watch;
        } all[] = { { &k->kinds.rollouts, k->rollouts },
                    { &k->kinds.deployments, k->deployments },
                    { &k->kinds.slices, k->slices },
                    { &k->kinds.services, k->services },
                    { &k->kinds.routes, k->routes } };
        int n = 0;

        for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
                if (!all[i].watch)
                        continue;
                const struct kube_watch_stats *st = kube_watch_stats(all[i].watch);
                out[n++] = (struct platform_mirror){ all[i].resource->plural, st->lists, st->watches, st->failures, st->events };
        }
        return n;
}

int64_t kube_measure_epoch(const struct platform *p)
{
        const struct kube_platform *k = (const struct kube_platform *) p;

        return k->leading ? k->epoch : -1;
}
