/* A shift's way through the two slots of an adopted route. */
#include <stdlib.h>

#include "lib/auto.h"
#include "lib/mem.h"
#include "lib/release.h"
#include "rolloutd/kube_router.h"
#include "rolloutd/kube_slots.h"

enum {
        LOOK_MS = 50, /* between looks at a slot's endpoints, which the cluster fills in its own time */
        LOOKS_MAX = 60,
        URGENT_LOOKS_MAX = 20,
};

/* --- the Services --- */

static void on_service(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_router_job *j = arg;

        (void) object;
        j->flights[KUBE_SHIFT_SLOTS] = NULL;
        if (failure)
                kube_shift_not_written(j, failure);
        else
                kube_shift_read(j, 0);
}

/* 1: being made or changed, 0: it is so. */
static int write_slot(struct kube_router_job *j, int s, int port, int64_t release, struct err *e)
{
        AUTO(json) wanted = kube_slot_service(j->k, j->t, s, port, release);
        AUTO(json) patch = j->slots[s] ? kube_slot_patch(j->slots[s], wanted) : NULL;

        if (j->slots[s] && !patch)
                return 0;
        struct kube_call c = { .verb = patch ? KUBE_JSON_PATCH : KUBE_CREATE,
                               .resource = &j->k->kinds.services,
                               .name = j->t->spec->route.backends[s],
                               .body = patch ? patch : wanted };
        return kube_shift_write(j, KUBE_SHIFT_SLOTS, &c, on_service, e);
}

/* Both Services as the route needs them, whatever they select: 1: one is being written. */
static int tidy_slots(struct kube_router_job *j, const struct kube_reading *r, const struct kube_slot *live, struct err *e)
{
        for (int s = 0; s < KUBE_SLOTS; s++) {
                int written = write_slot(j, s, r->rule.port, live[s].release, e);
                if (written)
                        return written;
        }
        return 0;
}

/* --- their endpoints --- */

static void on_slices(struct kube_router_job *j, int s, json_t *list, const struct kube_failure *failure)
{
        int64_t release = 0;
        struct err e = { 0 };

        j->flights[KUBE_SHIFT_SLOTS] = NULL;
        (void) kube_slot_release(j->t, j->slots[s], &release, &e);
        bool enough = ++j->looks >= (j->urgent ? URGENT_LOOKS_MAX : LOOKS_MAX);
        j->followed[s] = (list && kube_slot_follows(list, kube_release_of(j->t, release, false))) || (j->urgent && enough);
        if (j->followed[s] || (!failure && !enough)) {
                kube_shift_decide(j);
                return;
        }
        (void) err_set(&e, ERR_UNAVAILABLE, "Service %s has no ready endpoint of release %s yet", j->t->spec->route.backends[s],
                       release_text(release).text);
        if (failure)
                e = failure->err;
        kube_router_finish(j, &e);
}

static void on_first_slices(void *arg, json_t *list, const struct kube_failure *failure)
{
        on_slices(arg, 0, list, failure);
}

static void on_second_slices(void *arg, json_t *list, const struct kube_failure *failure)
{
        on_slices(arg, 1, list, failure);
}

/* A slot that has just been switched goes on sending to the former release until its endpoints are others. 1: looking. */
static int look_at_slot(struct kube_router_job *j, int s)
{
        const struct kube_spec *spec = j->t->spec;
        AUTO(str) since = kube_watch_since(j->k->slices);
        AUTO(str) query = xasprintf("labelSelector=kubernetes.io%%2Fservice-name%%3D%s%s", spec->route.backends[s], since);
        struct kube_call c = {
                .verb = KUBE_LIST, .resource = &j->k->kinds.slices, .query = query, .delay_ms = j->looks ? LOOK_MS : 0
        };

        j->flights[KUBE_SHIFT_SLOTS] = kube_shift_call(j, &c, s ? on_second_slices : on_first_slices);
        return 1;
}

static bool must_look(const struct kube_router_job *j, int s, const struct kube_slot *live, int bp)
{
        if (j->followed[s] || bp == 0 || live->bp > 0)
                return false;
        const struct kube_release *r = kube_release_of(j->t, live->release, false);
        return !j->urgent || (j->switched[s] && r && kube_release_ready(r) > 0);
}

/* --- the plan, move by move --- */

/* more: they are not the last that this job gives. */
static int give_weights(struct kube_router_job *j, const struct kube_reading *r, const struct kube_slot *live, const int *bp,
                        bool more, struct err *e)
{
        const struct kube_share shares[KUBE_SLOTS] = { { .bp = bp[0] }, { .bp = bp[1] } };

        for (int s = 0; s < KUBE_SLOTS; s++) {
                if (kube_shift_check_ready(j, live[s].release, live[s].bp, bp[s], e))
                        return -1;
                if (must_look(j, s, &live[s], bp[s]))
                        return look_at_slot(j, s);
        }
        return kube_shift_weights(j, r, shares, KUBE_SLOTS, more, e);
}

static int switch_slot(struct kube_router_job *j, const struct kube_reading *r, const struct kube_slot_plan *plan, struct err *e)
{
        int64_t release;

        if (j->unsure[plan->slot].kind != ERR_NONE) {
                *e = j->unsure[plan->slot];
                return -1;
        }
        if (kube_slot_release(j->t, j->slots[plan->slot], &release, e))
                return -1;
        j->switched[plan->slot] = true;
        j->followed[plan->slot] = false;
        return write_slot(j, plan->slot, r->rule.port, plan->release, e);
}

static int follow_plan(struct kube_router_job *j, const struct kube_reading *r, const struct kube_slot *live, struct err *e)
{
        struct kube_slot_want want[WORLD_VERSIONS_MAX];
        struct kube_slot_plan plan;

        for (int i = 0; i < j->n; i++)
                want[i] = (struct kube_slot_want){ j->weights[i].version, j->weights[i].bp };
        if (kube_slots_plan(live, want, j->n, &plan, e))
                return -1;
        if (plan.move == KUBE_SLOT_SWITCH)
                return switch_slot(j, r, &plan, e);
        return give_weights(j, r, live, plan.bp, plan.move == KUBE_SLOT_CLEAR, e);
}

/* Going back must not fail for a slot that is not needed for it: what cannot be read selects what it was last seen to, and one that
 * somebody has made his own selects nothing. */
static int read_slot(struct kube_router_job *j, int s, struct kube_slot *live, struct err *e)
{
        const struct kube_route *route = &j->t->route;

        if (j->unsure[s].kind != ERR_NONE) {
                live->release = route->slots_known ? route->slots[s] : 0;
                return 0;
        }
        if (kube_slot_release(j->t, j->slots[s], &live->release, e) == 0) {
                kube_router_knows(j->t, s, live->release);
                return 0;
        }
        live->release = 0;
        return j->urgent ? 0 : -1;
}

int kube_shift_adopted(struct kube_router_job *j, const struct kube_reading *r, struct err *e)
{
        struct kube_slot live[KUBE_SLOTS];

        for (int s = 0; s < KUBE_SLOTS; s++) {
                live[s].bp = r->rule.refs[s].is.bp;
                if (read_slot(j, s, &live[s], e))
                        return -1;
        }
        kube_router_seen(j->k, j->t, j->route);
        int written = j->urgent ? 0 : tidy_slots(j, r, live, e);
        return written || !j->n ? written : follow_plan(j, r, live, e);
}
