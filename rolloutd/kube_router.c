/* route(): who may, who overtakes whom; and what a route is seen to be. */
#include "rolloutd/kube_router.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/release.h"
#include "rolloutd/kube_gateways.h"
#include "rolloutd/kube_slots.h"

enum { FOREVER_MS = 3600000, TIDY_MS = 500, TIDY_AGAIN_MS = 30000, TIDY_CALM_MS = 5000 };

const struct kube_router *kube_router_of(const struct kube_target *t)
{
        (void) t;
        return &kube_httproute;
}

static void changed(struct kube_platform *k, struct kube_target *t)
{
        if (k->listener.changed && t->announced)
                k->listener.changed(k->listener.arg, t->id);
}

static void say(struct kube_route *r, const char *why)
{
        free(r->trouble);
        r->trouble = *why ? xstrdup(why) : NULL;
}

/* --- jobs --- */

static void discard(struct kube_router_job *j)
{
        kube_shift_stop(j);
        if (j->t->routing == j)
                j->t->routing = NULL;
        DL_DELETE(j->k->routings, j);
        free(j);
}

static struct kube_router_job *begin(struct kube_platform *k, struct kube_target *t)
{
        struct kube_router_job *j = xcalloc(1, sizeof *j);

        j->k = k;
        j->t = t;
        t->routing = j;
        DL_APPEND(k->routings, j);
        return j;
}

/* Put in order what is ours around the weights; any route() overtakes it. */
static void tidy(struct kube_platform *k, struct kube_target *t, int64_t delay_ms)
{
        if (t->routing || t->rival || !t->spec->route.name || !kube_router_of(t)->resource(k)->plural)
                return;
        kube_shift_start(begin(k, t), delay_ms);
}

void kube_router_finish(struct kube_router_job *j, const struct err *failure)
{
        struct kube_platform *k = j->k;
        struct kube_target *t = j->t;
        platform_done_fn done = j->done;
        struct err why = failure ? *failure : (struct err){ 0 };
        bool again = j->again || (!done && failure);
        void *arg = j->arg;

        discard(j);
        if (why.kind == ERR_INVALID) { /* also for whoever looks at the route later */
                t->route.ours = false;
                say(&t->route, why.msg);
        }
        if (again)
                tidy(k, t, failure ? TIDY_AGAIN_MS : 0);
        if (done)
                done(arg, failure ? &why : NULL);
        else
                changed(k, t);
}

static int check_target(const struct kube_platform *k, const struct kube_target *t, bool urgent, struct err *e)
{
        if (t->routing && t->routing->urgent && !urgent)
                return err_set(e, ERR_CONFLICT, "a rollback is being written");
        if (t->rival && !urgent)
                return err_set(e, ERR_INVALID, "ModelRollout %s, which is older, has the route", t->rival->name);
        if (!t->spec->route.name)
                return err_set(e, ERR_INVALID, "spec.route cannot be followed: %s",
                               t->spec->invalid ? t->spec->invalid : "no name");
        if (!kube_router_of(t)->resource(k)->plural)
                return err_set(e, ERR_UNAVAILABLE, "the cluster has no %ss: install the Gateway API", kube_router_of(t)->kind);
        return 0;
}

/* True: what it was there for besides its weights is still to be done. */
static bool overtake(struct kube_router_job *old, bool urgent)
{
        bool again = old->again || !old->done;
        platform_done_fn done = old->done;
        void *arg = old->arg;
        struct err e = { 0 };

        (void) err_set(&e, ERR_CONFLICT, "%s has taken its place", urgent ? "a rollback" : "another shift of traffic");
        discard(old);
        if (done)
                done(arg, &e);
        return again;
}

void kube_router_route(struct kube_platform *k, struct kube_target *t, const struct weight *w, int n, bool urgent,
                       platform_done_fn done, void *arg)
{
        struct err e = { 0 };

        if (check_target(k, t, urgent, &e)) {
                done(arg, &e);
                return;
        }
        if (urgent)
                kube_leftover_back(k, t, w, n);
        bool again = t->routing && overtake(t->routing, urgent);
        struct kube_router_job *j = begin(k, t);
        j->n = n < WORLD_VERSIONS_MAX ? n : WORLD_VERSIONS_MAX;
        memcpy(j->weights, w, (size_t) j->n * sizeof *w);
        j->urgent = urgent;
        j->done = done;
        j->arg = arg;
        j->again = again;
        kube_shift_start(j, 0);
}

void kube_router_drop(struct kube_platform *k, struct kube_target *t)
{
        (void) k;
        if (t->routing)
                discard(t->routing);
}

void kube_router_free(struct kube_platform *k)
{
        while (k->routings)
                discard(k->routings);
        kube_gateways_free(k);
}

void kube_router_wanted(struct kube_platform *k, struct kube_target *t)
{
        t->route.slots_known = false;
        if (t->routing)
                t->routing->again = true;
        else if (t->route.exists)
                tidy(k, t, 0);
}

/* --- what it is seen to be --- */

static bool is_deployed(const struct kube_target *t, const char *service)
{
        int64_t release = 0;

        (void) release_of_object(t->name, service, &release);
        for (int i = 0; i < t->n_releases; i++)
                if (t->releases[i].version == release)
                        return t->releases[i].deployed;
        return false;
}

int kube_router_standing(const struct kube_target *t, const struct kube_route_rule *rule,
                         struct kube_share out[KUBE_ROUTE_REFS_MAX])
{
        int n = 0;

        for (int i = 0; rule->total && i < rule->n; i++)
                if (rule->refs[i].is.bp || is_deployed(t, rule->refs[i].is.service))
                        out[n++] = rule->refs[i].is;
        return n;
}

void kube_router_knows(struct kube_target *t, int slot, int64_t release)
{
        t->route.slots[slot] = release;
        t->route.slots_known |= slot == KUBE_SLOTS - 1;
}

/* Is it as we left it? */
static bool slot_stands(const struct kube_platform *k, const struct kube_target *t, int slot, const json_t *service)
{
        const struct kube_route *r = &t->route;
        int64_t release;

        if (!service || kube_slot_release(t, service, &release, NULL) || release != r->slots[slot])
                return false;
        AUTO(json) wanted = kube_slot_service(k, t, slot, r->port, release);
        AUTO(json) patch = kube_slot_patch(service, wanted);
        return !patch;
}

/* Before the slots are known they are to be read anyway. */
void kube_router_slot_seen(struct kube_platform *k, struct kube_target *t, int slot, const json_t *service)
{
        if (!t->route.slots_known || !t->route.ours || slot_stands(k, t, slot, service))
                return;
        if (t->routing)
                t->routing->again = true;
        else
                tidy(k, t, 0);
}

static int64_t generation_of(const json_t *route)
{
        return json_integer_value(json_object_get(json_object_get(route, "metadata"), "generation"));
}

/* A watch event from before our last write. */
static bool is_older(const struct kube_route *r, const json_t *route)
{
        return r->exists && strcmp(r->uid, kube_meta(route, "uid")) == 0 && generation_of(route) < r->written_generation;
}

static void add_backend(struct kube_route *r, const char *service, int64_t version, int bp)
{
        int i = 0;

        while (i < r->n_backends && strcmp(r->backends[i].service, service) != 0)
                i++;
        if (i == r->n_backends) {
                r->backends = xrealloc(r->backends, (size_t) ++r->n_backends, sizeof *r->backends);
                r->backends[i] = (struct kube_backend){ .version = version };
                (void) snprintf(r->backends[i].service, sizeof r->backends[i].service, "%s", service);
        }
        r->backends[i].weight_bp += bp;
}

static void fill_backends(struct kube_target *t, const struct kube_route_rule *rule)
{
        struct kube_route *r = &t->route;
        bool adopted = t->spec->route.mode == KUBE_ROUTE_ADOPTED;

        r->n_backends = 0;
        r->port = rule->port;
        for (int i = 0; i < rule->n; i++) {
                const struct kube_share *is = &rule->refs[i].is;
                int64_t version = 0;
                if (adopted)
                        version = r->slots[i];
                else
                        (void) release_of_object(t->name, is->service, &version);
                add_backend(r, is->service, version, is->bp);
        }
}

/* Accepted, but its gateway is known to take its time until requests follow. */
static void settle(struct kube_platform *k, struct kube_route *r, const struct kube_reading *seen, bool same, int settle_ms)
{
        int64_t now_ms = clock_ms();
        char why[96];

        if (!seen->accepted) {
                r->accepted = false;
                r->settled_ms = 0;
                return;
        }
        if (!same || (!r->accepted && !r->settled_ms))
                r->settled_ms = settle_ms ? now_ms + settle_ms : 0;
        r->accepted = now_ms >= r->settled_ms;
        if (r->accepted) {
                r->settled_ms = 0;
                return;
        }
        if (!k->settle_ms || r->settled_ms < k->settle_ms)
                k->settle_ms = r->settled_ms;
        (void) snprintf(why, sizeof why, "the gateway is given %d s to take the weights up", (settle_ms + 999) / 1000);
        say(r, why);
}

static const char *unknown_slots(const struct kube_target *t)
{
        bool adopted = t->spec->route.mode == KUBE_ROUTE_ADOPTED;

        return adopted && !t->route.slots_known ? "the Services that spec.route.backends names are being read" : NULL;
}

/* Somebody, a webhook perhaps, may change each of our writes: that must not become a race. */
static int64_t patience(struct kube_route *r)
{
        int64_t last_ms = r->tidied_ms, now_ms = clock_ms();

        r->tidied_ms = now_ms;
        return last_ms && now_ms - last_ms < TIDY_CALM_MS ? TIDY_AGAIN_MS : TIDY_MS;
}

static void fill(struct kube_platform *k, struct kube_target *t, const json_t *route)
{
        struct kube_route *r = &t->route;
        const json_t *parents = json_object_get(json_object_get(route, "spec"), "parentRefs");
        struct kube_quirks quirks = kube_gateways_quirks(k, parents, t->namespace_);
        bool same = r->exists && strcmp(r->uid, kube_meta(route, "uid")) == 0 && r->generation == generation_of(route);
        struct kube_reading seen;
        struct err e = { 0 };

        if (!r->exists || strcmp(r->uid, kube_meta(route, "uid")) != 0)
                r->written_generation = 0;
        r->exists = true;
        r->keep_zeros = quirks.keep_zeros;
        r->generation = generation_of(route);
        (void) snprintf(r->uid, sizeof r->uid, "%s", kube_meta(route, "uid"));
        int unusable = kube_router_of(t)->read(k, t, route, &seen, &e);
        const char *slots = unknown_slots(t);
        r->ours = !unusable && seen.ours && !slots;
        say(r, unusable ? e.msg : slots ? slots : seen.why);
        if (unusable) {
                r->accepted = false;
                r->n_backends = 0;
                return;
        }
        fill_backends(t, &seen.rule);
        settle(k, r, &seen, same, quirks.settle_ms);
        if (slots)
                tidy(k, t, 0);
        else if (seen.ours && !seen.shaped)
                tidy(k, t, patience(r));
}

static void forget(struct kube_target *t)
{
        struct kube_route *r = &t->route;
        const struct kube_route kept = { .slots_known = r->slots_known,
                                         .slots = { r->slots[0], r->slots[1] },
                                         .keep_zeros = r->keep_zeros };
        char why[256];

        (void) snprintf(why, sizeof why, "%s %s/%s does not exist", kube_router_of(t)->kind, t->namespace_,
                        t->spec->route.name ? t->spec->route.name : "");
        say(r, "");
        free(r->backends);
        *r = kept;
        if (t->spec->route.mode == KUBE_ROUTE_ADOPTED)
                say(r, why);
}

void kube_router_seen(struct kube_platform *k, struct kube_target *t, const json_t *route)
{
        if (!route)
                forget(t);
        else if (!is_older(&t->route, route))
                fill(k, t, route);
}

void kube_router_wrote(struct kube_platform *k, struct kube_target *t, const json_t *route)
{
        fill(k, t, route);
        t->route.written_generation = t->route.generation;
        changed(k, t);
}

/* --- time --- */

static void settled(struct kube_platform *k, struct kube_target *t)
{
        t->route.settled_ms = 0;
        t->route.accepted = true;
        say(&t->route, "");
        changed(k, t);
}

int64_t kube_router_run(struct kube_platform *k, int64_t now_ms)
{
        int64_t next_ms = 0;

        if (!k->settle_ms)
                return FOREVER_MS;
        if (now_ms < k->settle_ms)
                return k->settle_ms - now_ms;
        for (struct kube_target *t = k->targets; t; t = t->hh.next) {
                int64_t at_ms = t->route.settled_ms;
                if (at_ms && at_ms <= now_ms)
                        settled(k, t);
                else if (at_ms && (!next_ms || at_ms < next_ms))
                        next_ms = at_ms;
        }
        k->settle_ms = next_ms;
        return next_ms ? next_ms - now_ms : FOREVER_MS;
}
