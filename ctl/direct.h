/*
 * `ctl rollback` without rolloutd: straight at the Kubernetes API with the caller's kubeconfig. First the mark on the ModelRollout, by
 * which rolloutd, wherever it is, makes the rollback its own; then the weights, whatever became of the mark; then pods, if the release
 * has too few.
 *
 *      direct.c        the order of things, and what is said about it
 *      direct_aim.c    which release (pure)
 *      direct_move.c   the next write that brings the traffic there, from the route and slots as read (pure)
 *      direct_route.c  these writes carried out, and again while others are faster
 *      direct_hand.c   the same as commands for kubectl
 */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "ctl/app.h"
#include "ctl/direct_aim.h"
#include "ctl/kubectl.h"
#include "lib/kube_client.h"
#include "lib/kube_route.h"
#include "lib/kube_slots.h"

struct direct_request {                                /* texts are borrowed */
        const char *target;                            /* [NAMESPACE.]NAME */
        const char *to;                                /* RELEASE; NULL: where rolloutd would go back to */
        const char *namespace_, *kubeconfig, *context; /* as said on the command line; NULL: not said */
        const char *at;                                /* now, RFC 3339: the mark's id */
        const char *reason;                            /* NULL: none was given */
        bool dry_run;                                  /* nothing is written, the commands are printed */
        bool maybe_done;                               /* rolloutd may have carried it out without having been heard */
};

int direct_rollback(struct ctl *c, struct kube *k, const struct direct_request *rq, struct err *e);

/* --- between direct*.c --- */

struct direct {
        struct ctl *c;
        struct kube *kube;
        const struct direct_request *rq;
        struct kubectl hand;
        char namespace_[64], name[64];
        json_t *rollout; /* the ModelRollout */
        struct direct_aim aim;
        json_t *mark;                   /* its annotations */
        int replicas;                   /* the release's, to be scaled to aim.replicas; -1: enough, or not known */
        json_t *before;                 /* the route's shares as they were: {service: bp} */
        json_t *after;                  /* and as they have been read back */
        char waits[KUBE_ROUTE_WHY_MAX]; /* why the gateway has not accepted it yet; "": it has */
        bool marked;
};

/* The routes of this cluster. UNAVAILABLE, NOT_FOUND. */
const struct kube_resource *direct_routes(struct direct *d, struct err *e);
/* A new route's apiVersion and kind. */
void direct_name_kind(json_t *route, const struct kube_resource *routes);

struct direct_seen { /* as freshly read; NULL: not there */
        json_t *route, *slots[KUBE_SLOTS];
};
void direct_seen_done(struct direct_seen *s);
#define AUTO_SEEN __attribute__((cleanup(direct_seen_done))) struct direct_seen
int direct_look(struct direct *d, const struct kube_resource *routes, struct direct_seen *out, struct err *e);

struct direct_move { /* one write */
        enum kube_verb verb;
        const char *kind; /* "httproute", "service", as kubectl calls it */
        const char *name;
        json_t *body; /* NULL: nothing is left to do */
        int slot;     /* that begins to select the release; -1 */
};
/* What is next. `seen` is changed as the write would, so that it can be asked again without carrying it out. */
int direct_next(const struct direct *d, struct direct_seen *seen, struct direct_move *out, struct err *e);
/* Shares of the route's backends that are ours: {service: bp}; NULL: it cannot be told. */
json_t *direct_shares(const struct direct *d, const json_t *route);

/* All traffic to aim.release. */
int direct_shift(struct direct *d, struct err *e);

/* Everything by hand, one command a line: from what could be read, or so that it needs nothing to be known. */
void direct_by_hand(struct direct *d, struct strbuf *out);
