/*
 * What owners declare (platform.h, struct desire), turned level by level into requests on targets: which version a reference means is
 * looked up, aliases again and again; a declared release that is not yet followed is started when its target is at rest, and makes a
 * rollout of another one back out; replicas, pauses and rollbacks past us are taken over. What cannot be followed is told, and never
 * disturbs what is under way.
 */
#pragma once

#include "lib/policy_shared.h"
#include "rolloutd/platform.h"
#include "rolloutd/registry.h"
#include "rolloutd/target.h"

typedef void (*wants_resolved_fn)(void *arg, const struct registry_version *v, const struct err *failure);

/* What it needs of the program around it. */
struct wants_env {
        struct platform *platform;
        struct policy_pool *policies;
        int64_t (*now_ms)(void *arg);
        uint32_t (*dice)(void *arg);
        /* "": the default one. NULL with NOT_FOUND, or INVALID for one that cannot be used. */
        const struct policy *(*policy)(void *arg, const char *name, struct err *e);
        void (*resolve)(void *arg, const char *model, const char *ref, wants_resolved_fn done, void *done_arg);
        int (*target)(void *arg, const char *id, const char *model, struct target **out, struct err *e); /* found or made */
        void (*forget)(void *arg, const char *id); /* its declaration is gone */
        void *arg;
};

struct wants;

struct wants *wants_new(const struct wants_env *env);
/* After the registry, which answers no more, and before the targets. NULL is fine. */
void wants_free(struct wants *w);

void wants_listen(struct wants *w); /* to the platform; before its load() */
int64_t wants_run(struct wants *w); /* in how many milliseconds to run it again */

/* A target has moved: what is declared of it may have become possible, or necessary. */
void wants_target_changed(struct wants *w, const struct target *t);

/* Fill in a request that starts the declared release of `t` once more. CONFLICT with a sentence when there is nothing to try again.
 * rq->policy is shared, with a reference for the caller. */
int wants_retry(struct wants *w, const struct target *t, struct request *rq, struct err *e);
