/* What the controller is told about a target, and what Prometheus should scrape. */
#include <stdio.h>
#include <string.h>

#include <utlist.h>

#include "rolloutd/kube_private.h"

static bool is_counted(const struct kube_slice *from, const struct kube_slice *until, const char *address)
{
        for (const struct kube_slice *s = from; s != until; s = s->next)
                for (int i = 0; i < s->n_pods; i++)
                        if (s->pods[i].ready && strcmp(s->pods[i].address, address) == 0)
                                return true;
        return false;
}

/* While slices are repacked a pod may be in two of them. */
int kube_release_ready(const struct kube_release *r)
{
        const struct kube_slice *s;
        int n = 0;

        LL_FOREACH(r->slices, s)
        {
                if (s == r->slices) {
                        n += s->n_ready;
                        continue;
                }
                for (int i = 0; i < s->n_pods; i++)
                        n += s->pods[i].ready && !is_counted(r->slices, s, s->pods[i].address);
        }
        return n;
}

static struct version_status *entry(struct world *w, int64_t version)
{
        for (int i = 0; i < w->n_versions; i++)
                if (w->versions[i].version == version)
                        return &w->versions[i];
        if (w->n_versions == WORLD_VERSIONS_MAX)
                return NULL;
        w->versions[w->n_versions] = (struct version_status){ .version = version, .wanted = -1 };
        return &w->versions[w->n_versions++];
}

static bool is_behind(const struct kube_release *r)
{
        return r->generation < r->written_generation;
}

static const char *message_of(const struct kube_release *r, int ready)
{
        if (r->pods_message)
                return r->pods_message;
        if (r->message)
                return r->message;
        if (!r->deployed)
                return "its Deployment is gone";
        if (is_behind(r) || r->observed_generation < r->generation)
                return "Kubernetes has not taken up the Deployment yet";
        return ready < (r->floor > 0 ? r->floor : r->replicas) ? "its pods are starting" : "";
}

static void add_release(const struct kube_release *r, struct world *w)
{
        struct version_status *v = r->retired ? NULL : entry(w, r->version);

        if (!v)
                return;
        v->wanted = r->deployed ? r->floor : r->written_generation && is_behind(r) ? r->floor : 0;
        v->ready = kube_release_ready(r);
        v->failed = r->pods_failed || r->failed;
        (void) snprintf(v->message, sizeof v->message, "%s", message_of(r, v->ready));
}

static void say(struct world *w, const char *why)
{
        (void) snprintf(w->router_message, sizeof w->router_message, "%s", why);
}

/* Nothing has weight on a route that is still to be made, and that is certain. */
static bool is_unmade(const struct kube_target *t)
{
        return t->spec->route.mode == KUBE_ROUTE_OWNED && !t->route.exists;
}

static const struct version_status *known(const struct world *w, int64_t version)
{
        for (int i = 0; i < w->n_versions; i++)
                if (w->versions[i].version == version)
                        return &w->versions[i];
        return NULL;
}

/* Weight on what nothing is left of. */
static void add_backends(const struct kube_route *route, struct world *w)
{
        for (int i = 0; i < route->n_backends; i++) {
                const struct kube_backend *b = &route->backends[i];
                struct version_status *v = b->version && b->weight_bp > 0 && !known(w, b->version) ? entry(w, b->version) : NULL;

                if (!v)
                        continue;
                v->wanted = 0;
                (void) snprintf(v->message, sizeof v->message, "does not run, but has weight");
        }
}

static void add_route(const struct kube_platform *k, const struct kube_target *t, struct world *w)
{
        const struct kube_route *route = &t->route;
        bool seen = route->generation >= route->written_generation;
        bool usable = route->exists && route->ours && route->accepted && seen;

        add_backends(route, w);
        w->router_ok = k->kinds.routes.plural && (usable || is_unmade(t));
        if (!k->kinds.routes.plural)
                say(w, "the Gateway API is not installed: the server has no HTTPRoute");
        else if (route->trouble)
                say(w, route->trouble);
        else if (!route->exists)
                say(w, t->spec->route.mode == KUBE_ROUTE_OWNED ? "the HTTPRoute has not been made yet"
                                                               : "there is no such HTTPRoute");
        else if (!route->ours)
                say(w, "the HTTPRoute belongs to somebody else");
        else if (!seen)
                say(w, "the HTTPRoute that was written has not been seen yet");
        else if (!route->accepted)
                say(w, "the gateway has not accepted the HTTPRoute yet");
}

static int weight_of(const struct kube_route *route, int64_t version)
{
        int bp = 0;

        for (int i = 0; i < route->n_backends; i++)
                if (route->backends[i].version == version)
                        bp += route->backends[i].weight_bp;
        return bp;
}

/* Not only once the gateway has accepted them: who looks for changes by others must not be late. */
static bool weights_are_known(const struct kube_target *t, const struct world *w)
{
        const struct kube_route *route = &t->route;

        return w->router_ok || (route->exists && route->ours && route->generation >= route->written_generation);
}

void kube_world_of(const struct kube_platform *k, const struct kube_target *t, struct world *out)
{
        *out = (struct world){ 0 };
        for (int i = 0; i < t->n_releases; i++)
                add_release(&t->releases[i], out);
        add_route(k, t, out);
        bool known_weights = weights_are_known(t, out);
        for (int i = 0; i < out->n_versions; i++)
                out->versions[i].weight_bp = known_weights ? weight_of(&t->route, out->versions[i].version) : -1;
}

size_t kube_world_discover(const struct kube_platform *k, struct scrape_target *out, size_t max)
{
        size_t n = 0;

        for (const struct kube_target *t = k->targets; t; t = t->hh.next)
                for (int i = 0; i < t->n_releases; i++) {
                        const struct kube_slice *s;
                        LL_FOREACH(t->releases[i].slices, s)
                        {
                                for (int p = 0; p < s->n_pods; p++, n++) {
                                        if (n >= max)
                                                continue;
                                        out[n] = (struct scrape_target){ .version = t->releases[i].version };
                                        (void) snprintf(out[n].address, sizeof out[n].address, "%s", s->pods[p].address);
                                        (void) snprintf(out[n].target, sizeof out[n].target, "%s", t->id);
                                        (void) snprintf(out[n].model, sizeof out[n].model, "%s", t->spec->model);
                                }
                        }
                }
        return n;
}
