/*
 * One job of the router: read what it depends on afresh, decide on the next write, write it guarded, and read again when somebody else was
 * faster. An urgent one reads the route (and an adopted one's slots) and nothing else, and writes over other people's changes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/random.h"
#include "lib/release.h"
#include "rolloutd/kube_router.h"

enum {
        URGENT_READ_MS = 1500,
        RACES_MAX = 8,
        URGENT_RACES_MAX = 40,
        PAUSE_MAX_MS = 16,
};

static bool adopted(const struct kube_router_job *j)
{
        return j->t->spec->route.mode == KUBE_ROUTE_ADOPTED;
}

/* --- reading --- */

static void arrived(struct kube_router_job *j, int which, json_t **place, json_t *object, const struct kube_failure *failure)
{
        bool slot = which >= KUBE_SHIFT_SLOTS, failed = failure && failure->reason != KUBE_NOT_FOUND;

        j->flights[which] = NULL;
        json_decref(*place);
        *place = json_incref(object);
        if (slot)
                j->unsure[which - KUBE_SHIFT_SLOTS] = failed ? failure->err : (struct err){ 0 };
        if (failed && !(slot && j->urgent) && j->failure.kind == ERR_NONE)
                j->failure = failure->err;
        if (--j->pending == 0)
                kube_shift_decide(j);
}

static void on_route(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_router_job *j = arg;

        arrived(j, KUBE_SHIFT_ROUTE, &j->route, object, failure);
}

static void on_rollout(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_router_job *j = arg;

        arrived(j, KUBE_SHIFT_ROLLOUT, &j->rollout, object, failure);
}

static void on_first_slot(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_router_job *j = arg;

        arrived(j, KUBE_SHIFT_SLOTS, &j->slots[0], object, failure);
}

static void on_second_slot(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_router_job *j = arg;

        arrived(j, KUBE_SHIFT_SLOTS + 1, &j->slots[1], object, failure);
}

struct kube_flight *kube_shift_call(struct kube_router_job *j, struct kube_call *c, kube_done_fn done)
{
        bool reads = c->verb == KUBE_GET || c->verb == KUBE_LIST;

        c->namespace_ = j->t->namespace_;
        c->lane = j->urgent ? KUBE_URGENT : KUBE_NORMAL;
        c->timeout_ms = !j->urgent ? kube_write_ms(j->k->settings.lease_ms) : reads ? URGENT_READ_MS : KUBE_URGENT_TIMEOUT_MS;
        return kube_start(j->k->kube, c, done, j);
}

static void get(struct kube_router_job *j, int which, const struct kube_resource *kind, const char *name, int64_t delay_ms,
                kube_done_fn done)
{
        j->flights[which] = kube_shift_call(
                j, &(struct kube_call){ .verb = KUBE_GET, .resource = kind, .name = name, .delay_ms = delay_ms }, done);
        j->pending++;
}

void kube_shift_read(struct kube_router_job *j, int64_t delay_ms)
{
        static const kube_done_fn on_slot[KUBE_SLOTS] = { on_first_slot, on_second_slot };
        const struct kube_spec *spec = j->t->spec;

        j->failure = (struct err){ 0 };
        get(j, KUBE_SHIFT_ROUTE, kube_router_of(j->t)->resource(j->k), spec->route.name, delay_ms, on_route);
        if (!j->urgent)
                get(j, KUBE_SHIFT_ROLLOUT, &j->k->kinds.rollouts, j->t->name, delay_ms, on_rollout);
        for (int s = 0; adopted(j) && s < KUBE_SLOTS; s++)
                if (spec->route.backends[s])
                        get(j, KUBE_SHIFT_SLOTS + s, &j->k->kinds.services, spec->route.backends[s], delay_ms, on_slot[s]);
}

void kube_shift_start(struct kube_router_job *j, int64_t delay_ms)
{
        j->races = j->looks = 0;
        kube_shift_read(j, delay_ms);
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
                kube_shift_read(j, random_u32() % (high + 1));
                return;
        }
        (void) err_set(&e, ERR_UNAVAILABLE, "somebody else was faster %d times: %s", j->races, why->msg);
        kube_router_finish(j, &e);
}

static bool lost_race(enum kube_reason reason)
{
        return reason == KUBE_CONFLICT || reason == KUBE_TEST_FAILED || reason == KUBE_EXISTS || reason == KUBE_NOT_FOUND;
}

void kube_shift_not_written(struct kube_router_job *j, const struct kube_failure *failure)
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

        j->flights[KUBE_SHIFT_ROUTE] = NULL;
        if (failure) {
                kube_shift_not_written(j, failure);
                return;
        }
        kube_router_wrote(j->k, j->t, object);
        if (j->more)
                kube_shift_read(j, 0);
        else
                kube_router_finish(j, NULL);
}

int kube_shift_write(struct kube_router_job *j, int which, struct kube_call *c, kube_done_fn done, struct err *e)
{
        if (kube_may_write(j->k, j->urgent ? KUBE_URGENT_TIMEOUT_MS : kube_write_ms(j->k->settings.lease_ms), e))
                return -1;
        j->flights[which] = kube_shift_call(j, c, done);
        return 1;
}

int kube_shift_weights(struct kube_router_job *j, const struct kube_reading *r, const struct kube_share *shares, int n, bool more,
                       struct err *e)
{
        const struct kube_router *router = kube_router_of(j->t);
        struct kube_write w;

        if (router->write(j->k, j->t, j->route, r, shares, n, !j->urgent, &w, e))
                return -1;
        AUTO(json) body = w.body;
        if (!body)
                return 0;
        j->more = more;
        struct kube_call c = { .verb = w.verb, .resource = router->resource(j->k), .name = j->t->spec->route.name, .body = body };
        return kube_shift_write(j, KUBE_SHIFT_ROUTE, &c, on_weights, e);
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
        if (json_string_length(json_object_get(marks, KUBE_MARK_AT)))
                return err_set(e, ERR_CONFLICT, "somebody has rolled back straight at the cluster");
        return 0;
}

int kube_shift_check_ready(const struct kube_router_job *j, int64_t release, int live_bp, int bp, struct err *e)
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
                if (kube_shift_check_ready(j, w->version, live_bp(r, out[i].service), w->bp, e))
                        return -1;
        }
        return j->n;
}

static int next_owned(struct kube_router_job *j, const struct kube_reading *r, struct err *e)
{
        struct kube_share shares[KUBE_ROUTE_REFS_MAX];

        if (j->route)
                kube_router_seen(j->k, j->t, j->route); /* and what its gateways want of it */
        int n = j->n ? asked_shares(j, r, shares, e) : kube_router_standing(j->t, &r->rule, shares);

        return n <= 0 ? n : kube_shift_weights(j, r, shares, n, false, e);
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
        return adopted(j) ? kube_shift_adopted(j, &r, e) : next_owned(j, &r, e);
}

void kube_shift_decide(struct kube_router_job *j)
{
        struct err e = j->failure;
        int under_way = e.kind == ERR_NONE ? next(j, &e) : -1;

        if (under_way <= 0)
                kube_router_finish(j, under_way < 0 ? &e : NULL);
}
