/*
 * One job of the router: read what it depends on afresh, decide on the next write, write it guarded, and read again when somebody else was
 * faster. An urgent one reads the route (and an adopted one's slots) and nothing else, and writes over other people's changes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/mem.h"
#include "lib/random.h"
#include "lib/release.h"
#include "rolloutd/kube_router.h"
#include "rolloutd/kube_slots.h"

enum {
        CALL_MS = 5000,
        URGENT_READ_MS = 1500,
        RACES_MAX = 8,
        URGENT_RACES_MAX = 40,
        PAUSE_MAX_MS = 16,
        LOOK_MS = 50, /* between looks at a slot's endpoints, which the cluster fills in its own time */
        LOOKS_MAX = 60,
        URGENT_LOOKS_MAX = 20,
};

enum { READ_ROUTE, READ_ROLLOUT, READ_SLOTS }; /* in flights[] */

static void decide(struct kube_router_job *j);

static bool adopted(const struct kube_router_job *j)
{
        return j->t->spec->route.mode == KUBE_ROUTE_ADOPTED;
}

/* --- reading --- */

static void arrived(struct kube_router_job *j, int which, json_t **place, json_t *object, const struct kube_failure *failure)
{
        j->flights[which] = NULL;
        json_decref(*place);
        *place = json_incref(object);
        if (failure && failure->reason != KUBE_NOT_FOUND && j->failure.kind == ERR_NONE)
                j->failure = failure->err;
        if (--j->pending == 0)
                decide(j);
}

static void on_route(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_router_job *j = arg;

        arrived(j, READ_ROUTE, &j->route, object, failure);
}

static void on_rollout(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_router_job *j = arg;

        arrived(j, READ_ROLLOUT, &j->rollout, object, failure);
}

static void on_first_slot(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_router_job *j = arg;

        arrived(j, READ_SLOTS, &j->slots[0], object, failure);
}

static void on_second_slot(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_router_job *j = arg;

        arrived(j, READ_SLOTS + 1, &j->slots[1], object, failure);
}

static struct kube_flight *call(struct kube_router_job *j, struct kube_call *c, kube_done_fn done)
{
        bool reads = c->verb == KUBE_GET || c->verb == KUBE_LIST;

        c->namespace_ = j->t->namespace_;
        c->lane = j->urgent ? KUBE_URGENT : KUBE_NORMAL;
        c->timeout_ms = !j->urgent ? CALL_MS : reads ? URGENT_READ_MS : KUBE_URGENT_TIMEOUT_MS;
        return kube_start(j->k->kube, c, done, j);
}

static void get(struct kube_router_job *j, int which, const struct kube_resource *kind, const char *name, int64_t delay_ms,
                kube_done_fn done)
{
        j->flights[which] =
                call(j, &(struct kube_call){ .verb = KUBE_GET, .resource = kind, .name = name, .delay_ms = delay_ms }, done);
        j->pending++;
}

static void read_all(struct kube_router_job *j, int64_t delay_ms)
{
        static const kube_done_fn on_slot[KUBE_SLOTS] = { on_first_slot, on_second_slot };
        const struct kube_spec *spec = j->t->spec;

        j->failure = (struct err){ 0 };
        get(j, READ_ROUTE, kube_router_of(j->t)->resource(j->k), spec->route.name, delay_ms, on_route);
        if (!j->urgent)
                get(j, READ_ROLLOUT, &j->k->kinds.rollouts, j->t->name, delay_ms, on_rollout);
        for (int s = 0; adopted(j) && s < KUBE_SLOTS; s++)
                if (spec->route.backends[s])
                        get(j, READ_SLOTS + s, &j->k->kinds.services, spec->route.backends[s], delay_ms, on_slot[s]);
}

void kube_shift_start(struct kube_router_job *j, int64_t delay_ms)
{
        j->races = j->looks = 0;
        read_all(j, delay_ms);
}

void kube_shift_stop(struct kube_router_job *j)
{
        for (int i = 0; i < KUBE_SHIFT_READS; i++)
                if (j->flights[i])
                        kube_cancel(j->k->kube, TAKE(j->flights[i]));
        j->pending = 0;
        json_decref(TAKE(j->route));
        json_decref(TAKE(j->rollout));
        for (int s = 0; s < KUBE_SLOTS; s++)
                json_decref(TAKE(j->slots[s]));
}

/* --- writing --- */

/* Somebody else was faster: look again, soon, and the less soon the more often it happens. */
static void read_again(struct kube_router_job *j, const struct err *why)
{
        struct err e;

        if (++j->races <= (j->urgent ? URGENT_RACES_MAX : RACES_MAX)) {
                uint32_t high = (uint32_t) (j->races < PAUSE_MAX_MS ? j->races : PAUSE_MAX_MS);
                read_all(j, random_u32() % (high + 1));
                return;
        }
        (void) err_set(&e, ERR_UNAVAILABLE, "somebody else was faster %d times: %s", j->races, why->msg);
        kube_router_finish(j, &e);
}

static bool lost_race(enum kube_reason reason)
{
        return reason == KUBE_CONFLICT || reason == KUBE_TEST_FAILED || reason == KUBE_EXISTS || reason == KUBE_NOT_FOUND;
}

static void not_written(struct kube_router_job *j, const struct kube_failure *failure)
{
        const struct err why = failure->err; /* dead once something new has begun */

        if (lost_race(failure->reason))
                read_again(j, &why);
        else
                kube_router_finish(j, &why);
}

static void on_weights(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_router_job *j = arg;

        j->flights[READ_ROUTE] = NULL;
        if (failure) {
                not_written(j, failure);
                return;
        }
        kube_router_wrote(j->k, j->t, object);
        if (j->more)
                read_all(j, 0);
        else
                kube_router_finish(j, NULL);
}

/* 1: a write is under way, 0: nothing to write. */
static int write_weights(struct kube_router_job *j, const struct kube_reading *r, const struct kube_share *shares, int n,
                         bool more, struct err *e)
{
        const struct kube_router *router = kube_router_of(j->t);
        struct kube_write w;

        if (router->write(j->k, j->t, j->route, r, shares, n, !j->urgent, &w, e))
                return -1;
        AUTO(json) body = w.body;
        if (!body)
                return 0;
        if (kube_may_write(j->k, j->urgent ? KUBE_URGENT_TIMEOUT_MS : CALL_MS, e))
                return -1;
        j->more = more;
        struct kube_call c = { .verb = w.verb, .resource = router->resource(j->k), .name = j->t->spec->route.name, .body = body };
        j->flights[READ_ROUTE] = call(j, &c, on_weights);
        return 1;
}

static void on_service(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_router_job *j = arg;

        (void) object;
        j->flights[READ_SLOTS] = NULL;
        if (failure)
                not_written(j, failure);
        else
                read_all(j, 0);
}

/* 1: being made or changed, 0: it is so. */
static int write_slot(struct kube_router_job *j, int s, int port, int64_t release, struct err *e)
{
        AUTO(json) wanted = kube_slot_service(j->k, j->t, s, port, release);
        AUTO(json) patch = j->slots[s] ? kube_slot_patch(j->slots[s], wanted) : NULL;

        if (j->slots[s] && !patch)
                return 0;
        if (kube_may_write(j->k, j->urgent ? KUBE_URGENT_TIMEOUT_MS : CALL_MS, e))
                return -1;
        struct kube_call c = { .verb = patch ? KUBE_JSON_PATCH : KUBE_CREATE,
                               .resource = &j->k->kinds.services,
                               .name = j->t->spec->route.backends[s],
                               .body = patch ? patch : wanted };
        j->flights[READ_SLOTS] = call(j, &c, on_service);
        return 1;
}

/* --- what must be so before weight is given --- */

/* `ctl rollback` may have gone past us; whoever changes the route back has not seen it yet. */
static int check_rollout(const struct kube_router_job *j, struct err *e)
{
        const json_t *marks = json_object_get(json_object_get(j->rollout, "metadata"), "annotations");

        if (j->urgent)
                return 0;
        if (!j->rollout || strcmp(kube_meta(j->rollout, "uid"), j->t->uid) != 0)
                return err_set(e, ERR_NOT_FOUND, "the ModelRollout is no more");
        if (json_object_get(marks, KUBE_MARK_TO))
                return err_set(e, ERR_CONFLICT, "somebody has rolled back straight at the cluster");
        return 0;
}

static int check_ready(const struct kube_router_job *j, int64_t release, int live_bp, int bp, struct err *e)
{
        const struct kube_release *r = kube_release_of(j->t, release, false);

        if (j->urgent || bp <= live_bp || (r && kube_release_ready(r) > 0))
                return 0;
        return err_set(e, ERR_UNAVAILABLE, "release %s has no ready endpoint, so it gets no traffic", release_text(release).text);
}

/* --- Owned --- */

static int live_bp(const struct kube_reading *r, const char *service)
{
        int bp = 0;

        for (int i = 0; i < r->rule.n; i++)
                if (strcmp(r->rule.refs[i].is.service, service) == 0)
                        bp += r->rule.refs[i].is.bp;
        return bp;
}

static int by_release(const void *a, const void *b)
{
        const struct weight *left = a, *right = b;

        return left->version < right->version ? -1 : left->version > right->version;
}

static int asked_shares(struct kube_router_job *j, const struct kube_reading *r, struct kube_share *out, struct err *e)
{
        /* Always in the same order, so that it is no difference. */
        qsort(j->weights, (size_t) j->n, sizeof *j->weights, by_release);
        for (int i = 0; i < j->n; i++) {
                const struct weight *w = &j->weights[i];
                kube_object_name(j->t, w->version, out[i].service);
                out[i].bp = w->bp;
                if (check_ready(j, w->version, live_bp(r, out[i].service), w->bp, e))
                        return -1;
        }
        return j->n;
}

/* As they are, without those whose release is no more: gateways refuse references to nothing. */
static int standing_shares(const struct kube_router_job *j, const struct kube_reading *r, struct kube_share *out)
{
        int n = 0;

        for (int i = 0; i < r->rule.n; i++) {
                const struct kube_share *is = &r->rule.refs[i].is;
                int64_t release = 0;
                (void) release_of_object(j->t->name, is->service, &release);
                const struct kube_release *known = kube_release_of(j->t, release, false);
                if (is->bp || (known && known->deployed))
                        out[n++] = *is;
        }
        return r->rule.total ? n : 0;
}

static int next_owned(struct kube_router_job *j, const struct kube_reading *r, struct err *e)
{
        struct kube_share shares[KUBE_ROUTE_REFS_MAX];
        int n = j->n ? asked_shares(j, r, shares, e) : standing_shares(j, r, shares);

        return n <= 0 ? n : write_weights(j, r, shares, n, false, e);
}

/* --- Adopted --- */

static void on_slices(struct kube_router_job *j, int s, json_t *list, const struct kube_failure *failure)
{
        int64_t release = 0;
        struct err e = { 0 };

        j->flights[READ_SLOTS] = NULL;
        (void) kube_slot_release(j->t, j->slots[s], &release, &e);
        j->followed[s] = list && kube_slot_follows(list, kube_release_of(j->t, release, false));
        bool enough = ++j->looks >= (j->urgent ? URGENT_LOOKS_MAX : LOOKS_MAX);
        j->followed[s] |= j->urgent && enough;
        if (j->followed[s] || (!failure && !enough)) {
                decide(j);
                return;
        }
        (void) err_set(&e, ERR_UNAVAILABLE, "Service %s has no ready endpoint of release %s yet", j->t->spec->route.backends[s],
                       release_text(release).text);
        kube_router_finish(j, failure ? &failure->err : &e);
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
        AUTO(str) query = xasprintf("labelSelector=kubernetes.io%%2Fservice-name%%3D%s", spec->route.backends[s]);
        struct kube_call c = {
                .verb = KUBE_LIST, .resource = &j->k->kinds.slices, .query = query, .delay_ms = j->looks ? LOOK_MS : 0
        };

        j->flights[READ_SLOTS] = call(j, &c, s ? on_second_slices : on_first_slices);
        return 1;
}

static bool must_look(const struct kube_router_job *j, int s, const struct kube_slot *live, int bp)
{
        if (j->followed[s] || bp == 0 || live->bp > 0)
                return false;
        const struct kube_release *r = kube_release_of(j->t, live->release, false);
        return !j->urgent || (j->switched[s] && r && kube_release_ready(r) > 0);
}

static int give_weights(struct kube_router_job *j, const struct kube_reading *r, const struct kube_slot *live, const int *bp,
                        struct err *e)
{
        struct kube_share shares[KUBE_SLOTS] = { { .bp = bp[0] }, { .bp = bp[1] } };

        for (int s = 0; s < KUBE_SLOTS; s++) {
                if (check_ready(j, live[s].release, live[s].bp, bp[s], e))
                        return -1;
                if (must_look(j, s, &live[s], bp[s]))
                        return look_at_slot(j, s);
        }
        return write_weights(j, r, shares, KUBE_SLOTS, false, e);
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

static int follow_plan(struct kube_router_job *j, const struct kube_reading *r, const struct kube_slot *live, struct err *e)
{
        struct kube_slot_want want[WORLD_VERSIONS_MAX];
        struct kube_slot_plan plan;

        for (int i = 0; i < j->n; i++)
                want[i] = (struct kube_slot_want){ j->weights[i].version, j->weights[i].bp };
        if (kube_slots_plan(live, want, j->n, &plan, e))
                return -1;
        switch (plan.move) {
        case KUBE_SLOT_CLEAR: {
                const struct kube_share shares[KUBE_SLOTS] = { { .bp = plan.bp[0] }, { .bp = plan.bp[1] } };
                return write_weights(j, r, shares, KUBE_SLOTS, true, e);
        }
        case KUBE_SLOT_SWITCH:
                j->switched[plan.slot] = true;
                j->followed[plan.slot] = false;
                return write_slot(j, plan.slot, r->rule.port, plan.release, e);
        case KUBE_SLOT_READY:
                break;
        }
        return give_weights(j, r, live, plan.bp, e);
}

static int next_adopted(struct kube_router_job *j, const struct kube_reading *r, struct err *e)
{
        struct kube_slot live[KUBE_SLOTS];

        for (int s = 0; s < KUBE_SLOTS; s++) {
                live[s].bp = r->rule.refs[s].is.bp;
                if (kube_slot_release(j->t, j->slots[s], &live[s].release, e))
                        return -1;
                kube_router_knows(j->t, s, live[s].release);
        }
        kube_router_seen(j->k, j->t, j->route);
        int written = j->urgent ? 0 : tidy_slots(j, r, live, e);
        return written || !j->n ? written : follow_plan(j, r, live, e);
}

/* --- the decision --- */

/* 1: something is under way, 0: all is as it should be. */
static int next(struct kube_router_job *j, struct err *e)
{
        struct kube_reading r = { .rule.index = -1 };

        if (check_rollout(j, e))
                return -1;
        if (!j->route && (adopted(j) || !j->n))
                return j->n ? err_set(e, ERR_NOT_FOUND, "%s %s/%s, which spec.route names, does not exist",
                                      kube_router_of(j->t)->kind, j->t->namespace_, j->t->spec->route.name)
                            : 0;
        if (j->route && kube_router_of(j->t)->read(j->k, j->t, j->route, &r, e))
                return -1;
        if (j->route && !r.ours)
                return err_set(e, ERR_UNAVAILABLE, "%s", r.why);
        return adopted(j) ? next_adopted(j, &r, e) : next_owned(j, &r, e);
}

static void decide(struct kube_router_job *j)
{
        struct err e = j->failure;
        int under_way = e.kind == ERR_NONE ? next(j, &e) : -1;

        if (under_way <= 0)
                kube_router_finish(j, under_way < 0 ? &e : NULL);
}
