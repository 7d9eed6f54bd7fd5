/* Where a rollback without rolloutd goes to, from what rolloutd has last written into the ModelRollout. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/err.h"
#include "lib/kube_slots.h"

struct direct_aim {         /* texts are borrowed from the ModelRollout */
        int64_t release;    /* to here */
        const char *reason; /* "stable during the rollout", "what --to says", ... */
        const char *route;  /* the HTTPRoute's name */
        bool adopted;
        const char *rule, *backends[KUBE_SLOTS]; /* Adopted; rule NULL: found by the backends */
        const json_t *shape;                     /* Owned: spec.route */
        int port, replicas;
};

/*
 * `to` is a release's text, or NULL: the stable one during a rollout, else the newest in the window that no rollback went away from.
 * maybe_done: rolloutd may have carried this rollback out without having been heard, so one that stands is not gone behind.
 * INVALID: --to names nothing that runs; CONFLICT: there is nothing to go back to, or it is not known.
 */
int direct_aim(const json_t *rollout, const char *to, bool maybe_done, struct direct_aim *out, struct err *e);
