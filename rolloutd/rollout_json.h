/* A rollout's record as it is saved, strict when read back; and docs/api.md's ROLLOUT. */
#pragma once

#include <jansson.h>

#include "rolloutd/rollout.h"

char *rollout_encode(const struct rollout *r); /* caller frees */
/* On success *out is to be freed with rollout_done(); what it held before is not. The policy is shared with the pool's (NULL: none). */
int rollout_decode(const char *text, struct policy_pool *pool, struct rollout *out, struct err *e);

/* What the record alone does not tell. */
struct rollout_view {
        int64_t revision;
        const char *message; /* what it does or waits for */
};

json_t *rollout_view(const struct rollout *r, const struct rollout_view *more);
