/*
 * Adopted routes name two Services of ours for good; each of these slots selects the pods of one release (lib/release.h). Which slot has
 * to select what next, so that two weights are all that ever changes in the user's route. Pure.
 */
#pragma once

#include <stdint.h>

#include "lib/err.h"

enum { KUBE_SLOTS = 2, KUBE_SLOTS_WHOLE = 10000 };

struct kube_slot {       /* as freshly read */
        int64_t release; /* 0: its Service does not exist or selects nothing */
        int bp;
};

struct kube_slot_want {
        int64_t release;
        int bp;
};

enum kube_slot_move {
        KUBE_SLOT_READY,  /* bp[] are the weights that were asked for */
        KUBE_SLOT_CLEAR,  /* bp[] first: `slot` loses its weight, so that it may be switched */
        KUBE_SLOT_SWITCH, /* let `slot` select `release`: it has no weight, or nobody could take it */
};

struct kube_slot_plan {
        enum kube_slot_move move;
        int slot;
        int64_t release;
        int bp[KUBE_SLOTS];
};

/* The next move towards what is wanted, which adds up to KUBE_SLOTS_WHOLE; ask again after it. A release wanted with 0 is one that is
 * being left. INVALID when more releases shall have traffic than there are slots. */
int kube_slots_plan(const struct kube_slot live[KUBE_SLOTS], const struct kube_slot_want *want, int n, struct kube_slot_plan *out,
                    struct err *e);
