/*
 * Policies that are shared instead of copied: thousands of targets follow the same few. A shared policy is never changed; who holds
 * one counts as a reference. Not for more than one thread.
 */
#pragma once

#include "lib/policy.h"

struct policy_pool; /* finds equal ones again */

struct policy_pool *policy_pool_new(void);
void policy_pool_free(struct policy_pool *pool); /* shared policies outlive it; NULL is fine */

/* A shared policy equal to *p, with a reference for the caller. Without a pool (NULL) always another one. */
const struct policy *policy_share(struct policy_pool *pool, const struct policy *p);
const struct policy *policy_ref(const struct policy *shared);
void policy_unref(const struct policy *shared); /* NULL is fine */

/* No policy at all: no steps. Needs no references and takes any. */
extern const struct policy policy_none;
