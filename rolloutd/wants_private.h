/* Between wants*.c. */
#pragma once

#include <uthash.h>

#include "rolloutd/wants.h"

struct want_lookup { /* a question to the registry under way; outlives a want that is gone */
        struct wants *wants;
        struct want *want; /* NULL: nobody wants to know any more */
        struct want_lookup *prev, *next;
};

struct want {              /* one declaration; there are thousands */
        UT_hash_handle hh; /* by id */
        struct wants *wants;
        struct target *t; /* NULL: it cannot be had yet */
        char *id, *model, *ref, *policy, *invalid;
        char build[ROLLOUT_BUILD_LEN + 1];
        struct policy_step *steps;
        int n_steps, replicas, surge_percent;
        bool paused;
        int64_t generation;
        char *mark_id, *mark_actor, *mark_reason; /* NULL: no mark; no reason */
        int64_t mark_to, unmark_at_ms;

        struct registry_version found; /* what ref means; number 0: not known yet */
        struct want_lookup *looking;
        struct backoff look_backoff;
        int64_t look_at_ms;

        struct desire_trouble *trouble; /* NULL: none */
        int64_t due_ms;
        bool due; /* in the list of those that are to be considered now */
        struct want *prev, *next;
};

struct wants {
        struct wants_env env;
        struct want *all;
        struct want *due;
        struct want_lookup *lookups;
        int n_lookups;
        int64_t scan_at_ms;
};

/* wants_follow.c: one step towards what is declared. Returns in how many milliseconds to look again if nothing else happens. */
int64_t want_follow(struct want *want);
void want_mark(struct want *want); /* take over a rollback past us */
/* "" in reason: none. Tells the platform when that is new. */
void want_trouble(struct want *want, const char *reason, const char *message);
void want_look_up(struct want *want); /* wants.c */
/* The declared release as the target knows it, or would call it. False: not known yet which one that is. */
bool want_release(const struct want *want, struct release *out);
/* Its policy with the declared steps; a reference for the caller, or NULL and the reason for it. */
const struct policy *want_policy(const struct want *want, const char **reason, struct err *e);
