/*
 * The status of a ModelRollout as values: what people read, and the JSON Patch that replaces it. Pure.
 *
 *      status: {revision, epoch,                      compare-and-swap: kube_state.c
 *               record,                               the controller's memory, one opaque text
 *               history: [EVENT ...],                 newest first, at most KUBE_HISTORY_MAX; docs/api.md
 *               phase, observedGeneration, stable, candidate, step, message, verdict, route, conditions}
 */
#pragma once

#include <jansson.h>

#include "rolloutd/kube_private.h"

struct target;

enum { KUBE_HISTORY_MAX = 20 }; /* a rollout of three steps and its verdicts */

#define KUBE_CONDITIONS(X)                                                                                                       \
        X(Ready)           /* the stable release serves, and the weights stand */                                                \
        X(Progressing)     /* a rollout is under way */                                                                          \
        X(Paused)          /* and waits for somebody */                                                                          \
        X(Healthy)         /* the last verdict; Unknown without evidence */                                                      \
        X(TrafficVerified) /* the route is accepted and has the weights asked for, and the requests counted follow them */       \
        X(RolledBack)      /* the release that is wanted was rolled back */                                                      \
        X(Complete)        /* the release that is wanted is the stable one */                                                    \
        X(Stalled)         /* something keeps the rollout from getting on, and somebody has to look */                           \
        X(SpecAccepted)    /* the spec is understood, and what it names exists */

enum kube_condition {
#define X(name) KUBE_IS_##name,
        KUBE_CONDITIONS(X)
#undef X
                KUBE_CONDITION_COUNT
};

enum kube_truth { KUBE_UNSAID, KUBE_FALSE, KUBE_TRUE, KUBE_UNKNOWN };

struct kube_conditions { /* remembered: a time changes only with its status */
        enum kube_truth truth[KUBE_CONDITION_COUNT];
        int64_t since_ms[KUBE_CONDITION_COUNT]; /* wall clock */
};

void kube_conditions_read(const json_t *status, struct kube_conditions *out);

struct kube_status_input {
        const struct kube_spec *spec;
        const struct target *seen;
        int64_t generation;                   /* of the spec that this tells about */
        bool followed;                        /* the controller has taken it up: what it does is about this generation */
        const struct desire_trouble *trouble; /* reason "": none */
        const struct desire_trouble *stall;   /* reason "": it gets on */
        int64_t now_ms;                       /* wall clock */
};

json_t *kube_conditions_json(const struct kube_status_input *in, struct kube_conditions *conditions);
/* The conditions of a status with this trouble in SpecAccepted and everything else as it is. Caller owns them. */
json_t *kube_conditions_complaint(const json_t *status, const struct desire_trouble *trouble, int64_t generation, int64_t now_ms);
void kube_camel(const char *text, char *out, size_t size); /* "ROLLING_BACK", "error-rate": RollingBack, ErrorRate */

/* Everything but revision, epoch, record and history. Caller owns it. */
json_t *kube_status_doc(const struct kube_status_input *in, struct kube_conditions *conditions);

struct kube_status_base {             /* the status that is to be replaced */
        int64_t revision, epoch;      /* revision 0: there is none of ours */
        const char *resource_version; /* then: of the ModelRollout */
        bool has_record;
        int n_history;
};

/* The patch: `doc` becomes the status with revision one higher and this epoch; doc or record NULL: that one stays. `events`, oldest first, join the
 * history. Caller owns it. */
json_t *kube_status_patch(const struct kube_status_base *base, const json_t *doc, int64_t epoch, const char *record,
                          const json_t *events);
