/* Looking at the world, and changing it by one operation at a time. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/fault.h"
#include "lib/mem.h"
#include "rolloutd/target_private.h"

static const struct backoff_policy urgent_backoff = { .base_ms = 100, .cap_ms = 5000 };
static const struct backoff_policy calm_backoff = { .base_ms = 500, .cap_ms = 15000 };

enum { QUICK_LOOK_MS = 250, SCALE_AGAIN_MS = 2000, REST_LOOK_MS = 30000, BACK_AGAIN_MS = 200, DENIED_AGAIN_MS = 30000 };

/* --- observing --- */

/* The candidate is down when it should serve and nothing of it is ready; one look alone may have met a restart of ours. */
static void note_down(struct target *t)
{
        const struct version_status *c = target_status(t, t->now.candidate.version);
        bool serves = t->now.phase == PHASE_CANARY || t->now.phase == PHASE_PROMOTING;
        bool down = c ? c->weight_bp > 0 && c->ready == 0 : t->now.served;

        if (!serves || !down)
                t->down_since_ms = 0;
        else if (t->down_since_ms == 0)
                t->down_since_ms = target_now(t);
}

/* Weights that stood and are others now were changed by somebody else: everything we do ourselves forgets that they stood. */
static void note_weights(struct target *t)
{
        char what[ROLLOUT_WHY_LEN + 1];

        if (target_weights_stand(t)) {
                t->stood_before = true;
                t->drifted = false;
        } else if (t->stood_before && t->now.phase != PHASE_ROLLING_BACK) {
                target_drift(t, what, sizeof what);
                t->drifted = *what;
        }
}

static void keep_failure(struct err **at, const struct err *failure)
{
        free(*at);
        *at = xmemdup(failure, sizeof *failure);
}

static const char *message_of(const struct target_world *w)
{
        return w->router_message ? w->router_message : "";
}

/* True if it is another one. */
static bool keep_world(struct target_world *w, const struct world *seen)
{
        size_t n = (size_t) seen->n_versions;
        bool same = w->versions && w->n_versions == seen->n_versions && w->router_ok == seen->router_ok &&
                    strcmp(message_of(w), seen->router_message) == 0;

        for (size_t i = 0; i < n && same; i++) {
                const struct version_status *a = &w->versions[i], *b = &seen->versions[i];

                same = a->version == b->version && a->wanted == b->wanted && a->ready == b->ready && a->failed == b->failed &&
                       a->weight_bp == b->weight_bp && strcmp(a->message, b->message) == 0;
        }
        if (same)
                return false;
        free(w->versions);
        w->versions = xmemdup(seen->versions, (n ? n : 1) * sizeof *w->versions);
        w->n_versions = seen->n_versions;
        w->router_ok = seen->router_ok;
        free(w->router_message);
        w->router_message = *seen->router_message ? xstrdup(seen->router_message) : NULL;
        return true;
}

static void observed(void *arg, const struct world *seen, const struct err *failure)
{
        struct target *t = arg;

        t->observing = false;
        target_wake(t);
        if (failure) {
                if (!t->world_failure)
                        target_failed(t, "observe", failure);
                keep_failure(&t->world_failure, failure);
                t->world_known = false;
                t->news = true;
                return;
        }
        free(t->world_failure);
        t->world_failure = NULL;
        if (t->observed_acts != t->acts) { /* something was done meanwhile: look again */
                t->observe_at_ms = target_now(t);
                return;
        }
        t->news |= keep_world(&t->world, seen);
        t->world_known = true;
        note_down(t);
        note_weights(t);
}

/* At rest there is only drift to notice; while something is to become ready or to stand, look more often. */
static int64_t look_interval(const struct target *t)
{
        bool waiting = t->now.phase == PHASE_PENDING || (!phase_is_at_rest(t->now.phase) && !target_weights_stand(t));

        bool told = t->env->platform->ops->listen != NULL; /* the platform says when there is something to see */

        if (told && phase_is_at_rest(t->now.phase) && target_weights_stand(t))
                return REST_LOOK_MS;
        return waiting && t->env->tick_ms > QUICK_LOOK_MS ? QUICK_LOOK_MS : t->env->tick_ms;
}

void target_observe(struct target *t)
{
        t->observe_at_ms = target_now(t) + look_interval(t);
        if (t->observing)
                return;
        t->observing = true;
        t->observed_acts = t->acts;
        t->env->platform->ops->observe(t->env->platform, t->now.target, observed, t);
}

/* --- operations --- */

static void retry_later(struct target *t, bool urgent)
{
        int64_t now = target_now(t);

        (void) backoff_next(urgent ? &urgent_backoff : &calm_backoff, &t->act_backoff, now, t->env->dice(t->env->arg));
        t->act_at_ms = now + t->act_backoff.wait_ms;
}

static void routed_back(struct target *t)
{
        if (t->decided_back_ms && t->env->routed_back)
                t->env->routed_back(t->env->arg, t, target_now(t) - t->decided_back_ms);
        t->decided_back_ms = 0;
}

static void carried_out(struct target *t, const struct target_op *op)
{
        fault_point(op->name);
        t->act_backoff = (struct backoff){ 0 };
        t->act_at_ms = 0;
        target_allowed(t, op->name);
        if (op->urgent) {
                t->back_written = true;
                t->act_at_ms = target_now(t) + BACK_AGAIN_MS; /* until the router says that it has them, it would go on and on */
                routed_back(t);
        }
}

static void not_carried_out(struct target *t, const struct target_op *op, const struct err *failure)
{
        target_failed(t, op->name, failure);
        if (failure->kind == ERR_INVALID && op->name[0] == 'd') /* deployed: this version will never run */
                keep_failure(&t->deploy_failure, failure);
        if (failure->kind == ERR_FORBIDDEN)
                target_denied(t, op->name, failure);
        if (t->now.phase == PHASE_ROLLING_BACK && !op->urgent) /* must not put the route off */
                t->scale_at_ms = target_now(t) + SCALE_AGAIN_MS;
        else if (failure->kind == ERR_FORBIDDEN && !op->urgent) /* it may be granted, but not by asking */
                t->act_at_ms = target_now(t) + DENIED_AGAIN_MS;
        else
                retry_later(t, op->urgent);
}

static void acted(void *arg, const struct err *failure)
{
        struct target_op *op = arg;
        struct target *t = op->t;

        DL_DELETE(t->ops, op);
        if (t->acting == op) { /* else it was overtaken, and its failure was to be expected */
                t->acting = NULL;
                if (failure)
                        not_carried_out(t, op, failure);
                else
                        carried_out(t, op);
        }
        t->world_known = false;
        t->acts++;
        t->observe_at_ms = target_now(t);
        target_wake(t);
        free(op);
}

/* The names are also those of the fault points at which tests kill the program. */
static struct target_op *begin(struct target *t, const char *name, bool urgent)
{
        struct target_op *op = xcalloc(1, sizeof *op);

        *op = (struct target_op){ .t = t, .name = name, .started_ms = target_now(t), .urgent = urgent };
        DL_APPEND(t->ops, op);
        t->acting = op;
        t->acts++;
        t->world_known = t->world_known && !urgent;
        return op;
}

static void route(struct target *t, const struct weight *w, int n, bool urgent)
{
        t->stood_before = false;
        t->env->platform->ops->route(t->env->platform, t->now.target, w, n, urgent, acted, begin(t, "routed", urgent));
}

/* What traffic depends on: it comes before traffic is moved. In a rollout stable gives up what the candidate is to get. */
static bool carries(const struct target *t, const struct deployment *d)
{
        struct weight w[2];
        int n = rollout_weights(&t->now, w);

        return weight_of(w, n, d->version) > 0 || (phase_is_under_way(t->now.phase) && d->role != PLACED_KEPT);
}

/* A version that should run and does not, or with another number of replicas; only those that carry traffic, or all. */
static bool deploy_missing(struct target *t, bool carriers_only)
{
        struct deployment d[WORLD_VERSIONS_MAX];
        struct capacity plan;
        int n;

        target_plan(t, &plan);
        n = rollout_deployments(&t->now, &plan, d);

        for (int i = 0; i < n; i++) {
                const struct version_status *s = target_status(t, d[i].version);

                if ((s && s->wanted == d[i].replicas) || (carriers_only && !carries(t, &d[i])))
                        continue;
                if (d[i].version == t->now.candidate.version && t->deploy_failure)
                        continue;
                t->env->platform->ops->deploy(t->env->platform, t->now.target, &d[i], acted, begin(t, "deployed", false));
                return true;
        }
        return false;
}

static bool retire_surplus(struct target *t)
{
        struct deployment d[WORLD_VERSIONS_MAX];
        int n = rollout_deployments(&t->now, NULL, d);

        for (int i = 0; i < t->world.n_versions; i++) {
                const struct version_status *s = &t->world.versions[i];
                bool wanted = false;

                for (int k = 0; k < n; k++)
                        wanted |= d[k].version == s->version;
                if (wanted || s->weight_bp != 0)
                        continue;
                t->env->platform->ops->retire(t->env->platform, t->now.target, s->version, acted, begin(t, "retired", false));
                return true;
        }
        return false;
}

/* Traffic is sent back whatever stable is like; what it lacks is added beside that, and does not wait for the record to be saved. */
static bool converge_back(struct target *t, bool stand)
{
        bool unseen = t->back_written && !t->world_known;
        const struct version_status *s = target_status(t, t->now.stable.version);
        struct weight w[2];

        if (!stand && !unseen && !(t->acting && t->acting->urgent) && target_now(t) >= t->act_at_ms) {
                t->back_written = false;
                route(t, w, rollout_weights(&t->now, w), true);
                return true;
        }
        if (t->acting || !t->world_known || target_now(t) < t->scale_at_ms || (s && s->wanted >= t->now.stable.replicas))
                return false;
        return deploy_missing(t, true);
}

static bool route_calmly(struct target *t)
{
        struct weight w[2];
        int n = target_reachable_weights(t, w);

        if (n > 0)
                route(t, w, n, false);
        return n > 0;
}

/* Weights that somebody changed are put right although something else is not allowed. */
static bool may_act(const struct target *t)
{
        return target_now(t) >= t->act_at_ms || (t->drifted && t->denied && strcmp(t->denied->operation, "routed") != 0);
}

void target_converge(struct target *t)
{
        struct weight w[2];
        bool weighted = rollout_weights(&t->now, w) > 0, stand = weighted && target_weights_stand(t);

        if (t->now.phase == PHASE_ROLLING_BACK && converge_back(t, stand))
                return;
        if (t->acting || !target_is_saved(t) || !t->world_known || !t->adopted || !may_act(t))
                return;
        /* A change by somebody else is put right even if the router never takes it. */
        bool to_route = weighted && !stand && (t->world.router_ok || target_weights_differ(t));

        if ((to_route && t->drifted && route_calmly(t)) || deploy_missing(t, true) || (to_route && route_calmly(t)))
                return;
        if (deploy_missing(t, false) || (!stand && weighted) || retire_surplus(t))
                return;
        target_allowed(t, NULL); /* what was denied is not wanted any more */
}
