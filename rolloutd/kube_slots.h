/*
 * Adopted routes name two Services of ours for good; each of these slots selects the pods of one release. Which slot has to select what
 * next, so that two weights are all that ever changes in the user's route. Pure.
 */
#pragma once

#include <jansson.h>

#include "rolloutd/kube_private.h"

struct kube_slot {       /* as freshly read */
        int64_t release; /* 0: its Service does not exist or selects nothing */
        int bp;
};

enum kube_slot_move {
        KUBE_SLOT_READY,  /* bp[] are the weights that were asked for */
        KUBE_SLOT_CLEAR,  /* bp[] first: `slot` loses its weight, so that it may be switched */
        KUBE_SLOT_SWITCH, /* let `slot` select `release`: it has no weight, or nobody to lose it from */
};

struct kube_slot_plan {
        enum kube_slot_move move;
        int slot;
        int64_t release;
        int bp[KUBE_SLOTS];
};

/* The next move towards w; ask again after it. INVALID when more releases shall have traffic than there are slots. */
int kube_slots_plan(const struct kube_slot live[KUBE_SLOTS], const struct weight *w, int n, struct kube_slot_plan *out,
                    struct err *e);

/* A slot's Service for a release (0: nothing). `port` is what the user's route calls it by. Caller owns it. */
json_t *kube_slot_service(const struct kube_platform *k, const struct kube_target *t, int slot, int port, int64_t release);
/* Which release such a Service selects; 0: none. INVALID when it is not ours. service NULL: there is none. */
int kube_slot_release(const struct kube_target *t, const json_t *service, int64_t *release, struct err *e);
/* A JSON Patch from the Service as read to the one wanted, NULL if there is no difference. Caller owns it. */
json_t *kube_slot_patch(const json_t *live, const json_t *wanted);

/* Has a slot's list of EndpointSlices ready endpoints, and none of another release than this? */
bool kube_slot_follows(const json_t *slices, const struct kube_release *r);
