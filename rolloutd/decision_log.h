/*
 * What was done with the targets' traffic, told to registryd, which keeps it for ever (docs/api.md, DECISION).
 *
 * A decision goes to a queue on disk (spool.h) and from there to the registry, in batches, in the background. While the registry is
 * away they wait there, through restarts; nothing waits for them. Told twice they are kept once.
 */
#pragma once

#include "lib/metrics.h"
#include "rolloutd/registry.h"
#include "rolloutd/rollout.h"
#include "rolloutd/spool.h"

struct decision_log;

struct decision_log_config {
        const char *folder;
        const char *region;
        int64_t max_bytes;                                                                     /* of the folder */
        void (*send)(struct registry *registry, char *body, registry_body_fn done, void *arg); /* registry_decided() */
        struct registry *registry;
};

struct decision_log *decision_log_new(const struct decision_log_config *config);
void decision_log_free(struct decision_log *log); /* after the registry: an answer that comes is the log's */

struct decision { /* borrowed for the call */
        const char *target, *model;
        const char *reason; /* that a person gave when the rollout was started */
        int64_t epoch;      /* of the leader, 0 where there is none */
        const struct event *event;
};
void decision_log_add(struct decision_log *log, const struct decision *d);

/* Send what is due. Milliseconds until there is something to do again; -1: not before something is added or answered. */
int64_t decision_log_run(struct decision_log *log, int64_t now_ms);

struct decision_log_stats {
        struct spool_stats spool;
        uint64_t refused; /* by the registry, for what they say: not kept */
        bool sending;
};
void decision_log_get_stats(const struct decision_log *log, struct decision_log_stats *out);
