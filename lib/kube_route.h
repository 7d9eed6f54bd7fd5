/*
 * HTTPRoutes and the weights of our backends in them (https://gateway-api.sigs.k8s.io/reference/spec/). Pure.
 *
 * A backend is ours when it is a Service of the route's own namespace under one of our names. Weights are proportions of their rule's
 * sum and 1 where unset. Backends of others in the same rule keep their weights: ours divide among themselves what they have together,
 * in whole units, and a division that cannot be written so is refused. Without others our weights add up to KUBE_ROUTE_WHOLE.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/err.h"
#include "lib/kube_slots.h"

enum {
        KUBE_ROUTE_WHOLE = 10000, /* shares are basis points */
        KUBE_ROUTE_REFS_MAX = 16, /* as many as the API allows in a rule */
        KUBE_ROUTE_PAIR = KUBE_SLOTS,
        KUBE_SERVICE_MAX = 63,
        KUBE_ROUTE_WHY_MAX = 256,
};

struct kube_share {
        char service[KUBE_SERVICE_MAX + 1];
        int bp;
};

struct kube_route_rule { /* the rule that carries our backends */
        int index;       /* in spec.rules; -1: there is none (Owned) */
        int n, port;
        struct kube_route_ref {
                int index;            /* in the rule's backendRefs */
                int64_t weight;       /* as written there */
                struct kube_share is; /* more than nothing is at least 1 bp, less than all at most 9999 */
        } refs[KUBE_ROUTE_REFS_MAX];
        int64_t total, foreign; /* sums of weights: ours, those of others */
};

/*
 * Adopted: the rule called `name`, or (NULL) the only one that has both services. refs are in the order of `services`. INVALID with a
 * sentence when it is not there, ambiguous, has one of them twice, or has them with different ports.
 */
int kube_route_find_pair(const json_t *route, const char *name, const char *const services[KUBE_ROUTE_PAIR],
                         struct kube_route_rule *out, struct err *e);
/* Owned: the first rule with Services of releases of this rollout (lib/release.h). No such rule is no error. */
int kube_route_find_owned(const json_t *route, const char *rollout, struct kube_route_rule *out, struct err *e);

/*
 * A JSON Patch that gives r's refs these shares (bp[i] for refs[i]; they add up to KUBE_ROUTE_WHOLE) and changes nothing else. It
 * tests that the backends still stand where they stood and, if `exact`, that nothing at all has changed. *patch NULL: they have these
 * shares already. INVALID when that cannot be written.
 */
int kube_route_patch(const json_t *route, const struct kube_route_rule *r, const int *bp, bool exact, json_t **patch,
                     struct err *e);

/*
 * Owned: spec of the route. `shape` holds parentRefs, hostnames, matches (default: all paths) and filters as spec.route of a
 * ModelRollout does, and maybe more. Shares of 0 are left out unless keep_zeros. INVALID if they do not add up to KUBE_ROUTE_WHOLE. Caller owns *spec.
 */
int kube_route_owned(const json_t *shape, int port, const struct kube_share *shares, int n, bool keep_zeros, json_t **spec,
                     struct err *e);
/* Is everything in `wanted` also in `live`? The server adds defaults, so they are not compared the other way round. */
bool kube_route_covers(const json_t *live, const json_t *wanted);

/* Has every parent of the route accepted it whole, as it is now? If not, why[] has a sentence. */
bool kube_route_accepted(const json_t *route, char why[static KUBE_ROUTE_WHY_MAX]);
