/*
 * Between kube_router*.c: what a router is, and one shift of traffic on its way.
 *
 *      kube_router.c      route(): jobs, who overtakes whom, what the index is told
 *      kube_shift.c       one job: read, decide, write, and again while others are faster
 *      kube_shift_slots.c its way through the slots of an adopted route
 *      kube_slots.c       the two Services of an adopted route (pure)
 *      kube_httproute.c   the first router: HTTPRoute of the Gateway API (pure)
 *      kube_gateways.c    what is peculiar about the gateways that read a route
 */
#pragma once

#include "lib/kube_route.h"
#include "rolloutd/kube_private.h"

struct kube_reading { /* a route object as it concerns us */
        struct kube_route_rule rule;
        bool ours;     /* INVALID is said if it never will be; of an earlier ModelRollout of that name: false, and why[] */
        bool shaped;   /* Owned: it is as spec.route wants it, weights apart */
        bool accepted; /* by all parents, at its generation */
        char why[KUBE_ROUTE_WHY_MAX]; /* not ours, not accepted */
};

struct kube_write {
        enum kube_verb verb;
        json_t *body; /* NULL: nothing to write */
};

/* A way of splitting traffic by weights on an object of the cluster. Pure: kube_shift.c makes the calls. */
struct kube_router {
        const char *kind;
        const struct kube_resource *(*resource)(const struct kube_platform *k);
        /* INVALID: it cannot be used, and a sentence why. */
        int (*read)(const struct kube_platform *k, const struct kube_target *t, const json_t *route, struct kube_reading *out,
                    struct err *e);
        /* What gives it these shares, which add up to KUBE_ROUTE_WHOLE, and the shape that spec.route wants; of an adopted route
         * shares[i] is backend i's. route NULL: it does not exist. exact: only if nobody has changed it since it was read. */
        int (*write)(const struct kube_platform *k, const struct kube_target *t, const json_t *route,
                     const struct kube_reading *r, const struct kube_share *shares, int n, bool exact, struct kube_write *out,
                     struct err *e);
};

extern const struct kube_router kube_httproute;
const struct kube_router *kube_router_of(const struct kube_target *t);

enum { KUBE_SHIFT_ROUTE, KUBE_SHIFT_ROLLOUT, KUBE_SHIFT_SLOTS, KUBE_SHIFT_READS = KUBE_SHIFT_SLOTS + KUBE_SLOTS };

struct kube_router_job { /* weights to be set; n 0: as they are, but put in order what is ours around them */
        struct kube_router_job *prev, *next;
        struct kube_platform *k;
        struct kube_target *t;
        struct weight weights[WORLD_VERSIONS_MAX];
        int n;
        bool urgent;
        platform_done_fn done; /* NULL: nobody waits */
        void *arg;

        struct kube_flight *flights[KUBE_SHIFT_READS];
        int pending;
        json_t *route, *rollout, *slots[KUBE_SLOTS]; /* as freshly read; NULL: not there */
        struct err failure;                          /* of the reading */
        int races, looks;                            /* lost to other writers; at a slot's endpoints */
        bool more;                                   /* the write under way is not the last */
        bool again;                                  /* put things in order afterwards: the spec has changed */
        struct err unsure[KUBE_SLOTS];               /* why a slot could not be read; kind NONE: it could */
        bool switched[KUBE_SLOTS];                   /* in this job */
        bool followed[KUBE_SLOTS];                   /* its endpoints have been seen to be the release's */
};

/* kube_shift.c. Ends with kube_router_finish(). */
void kube_shift_start(struct kube_router_job *j, int64_t delay_ms);
void kube_shift_stop(struct kube_router_job *j); /* drops its calls and what it has read */

/* Between kube_shift*.c. Reading ends in a decision; a write, if it is not the last, in another reading. */
void kube_shift_read(struct kube_router_job *j, int64_t delay_ms);
void kube_shift_decide(struct kube_router_job *j);
struct kube_flight *kube_shift_call(struct kube_router_job *j, struct kube_call *c, kube_done_fn done);
/* 1: a write is under way, 0: there is nothing to write, -1: it may not be. `which` is its place in flights[]. */
int kube_shift_write(struct kube_router_job *j, int which, struct kube_call *c, kube_done_fn done, struct err *e);
int kube_shift_weights(struct kube_router_job *j, const struct kube_reading *r, const struct kube_share *shares, int n, bool more,
                       struct err *e);
void kube_shift_not_written(struct kube_router_job *j, const struct kube_failure *failure);
/* May a release have more weight than it has? */
int kube_shift_check_ready(const struct kube_router_job *j, int64_t release, int live_bp, int bp, struct err *e);
int kube_shift_adopted(struct kube_router_job *j, const struct kube_reading *r, struct err *e);

/* kube_router.c: it is over; j is freed. */
void kube_router_finish(struct kube_router_job *j, const struct err *failure);
/* Owned: the shares as they stand, without those of 0 whose release is no more: gateways refuse references to nothing. How many; 0 if
 * nothing has weight. */
int kube_router_standing(const struct kube_target *t, const struct kube_route_rule *rule,
                         struct kube_share out[KUBE_ROUTE_REFS_MAX]);
/* What a slot selects, as just read. */
void kube_router_knows(struct kube_target *t, int slot, int64_t release);
/* The route as our write has left it. */
void kube_router_wrote(struct kube_platform *k, struct kube_target *t, const json_t *route);
