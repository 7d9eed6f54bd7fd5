/*
 * ModelRollout.spec as values: what rolloutd keeps of it between events. The pod template and the autoscaler's metrics are not kept; who
 * makes a release reads the ModelRollout again. Pure.
 */
#pragma once

#include <jansson.h>

#include "lib/kube_slots.h"
#include "rolloutd/kube_scale.h"
#include "rolloutd/platform.h"

enum kube_route_mode { KUBE_ROUTE_OWNED, KUBE_ROUTE_ADOPTED };

struct kube_spec { /* strings are owned, NULL where absent */
        int64_t generation;
        char *model, *ref, *policy;
        struct policy_step *steps;
        int n_steps; /* 0: the policy's */
        int replicas, surge_percent;
        bool autoscaled, paused;
        char build[17]; /* fingerprint of the template: first 16 hex digits of SHA-256 over its compact, key-sorted JSON */
        char wish[KUBE_WISH_LEN + 1]; /* fingerprint of how it is scaled: kube_scale.h */
        struct {
                enum kube_route_mode mode;
                char *name, *rule;
                char *backends[KUBE_SLOTS];
                int port;
                char *owned; /* Owned: {"parentRefs","hostnames","matches","filters"} as compact JSON */
        } route;
        char *mark_id, *mark_by, *mark_reason; /* from the annotations */
        int64_t mark_to;
        char *invalid; /* the sentence; what could be read is filled in nevertheless; NULL: it is good */
};

struct kube_spec *kube_spec_new(const json_t *modelrollout); /* never NULL */
void kube_spec_free(struct kube_spec *s);
/* The same in the core's words. */
void kube_spec_desire(const struct kube_spec *s, const char *target, struct desire *out);
