/*
 * Between kube_state.c and kube_publish.c: one ModelRollout's status, as it is and as it is to be. Bytes count: there are thousands.
 */
#pragma once

#include "lib/backoff.h"
#include "rolloutd/kube_status.h"

struct kube_state {
        struct kube_state *prev, *next; /* in k->writing */
        bool listed;
        struct kube_platform *k;
        struct kube_target *t;

        /* The status as last read or written. */
        int64_t revision, epoch; /* revision 0: there is none of ours */
        char *resource_version;  /* then: of the ModelRollout */
        bool has_record;
        int n_history;
        int64_t last_event; /* number of the newest in the history */
        int64_t handed;     /* the revision that the controller has seen last; publishing makes others */
        char written[17];   /* fingerprint of what people read */
        struct kube_conditions conditions;
        bool unreadable; /* by the controller, which has nothing of it: it may be another by the next time it is read */
        char trouble[sizeof((struct desire_trouble *) 0)->reason]; /* that an Event was written about */

        char stall[sizeof((struct desire_trouble *) 0)->reason]; /* likewise */

        /* What is to be written. */
        char *doc; /* JSON text, which takes a fifth of the memory of a document; NULL: as written */
        char print[17];
        json_t *events; /* oldest first; NULL: none */
        char *record;   /* NULL: none */
        platform_saved_fn saved;
        void *arg;

        /* What is being written. */
        struct kube_flight *flight;
        char sent[17];
        size_t sent_events;
        bool sent_record, publishes; /* publishes: only what people read */

        bool unsure;                /* the last write may have been carried out, and nobody has said so */
        int misfits;                /* one after the other */
        int64_t due_ms, publish_ms; /* not before: at all, and what can wait */
        struct backoff backoff;
};

struct kube_state *kube_state_of(struct kube_platform *k, struct kube_target *t); /* made when there is none */
/* The fingerprint of what people read. */
void kube_state_print(const json_t *doc, char out[static 17]);
void kube_state_enlist(struct kube_state *s); /* there is something to write */
