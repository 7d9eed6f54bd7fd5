/*
 * Scorer processes: as many as were asked for each version, each with a port and a slot in HAProxy of its own, started, watched,
 * started again, drained. They outlive us and are found again.
 *
 * A record STATE/procs/M-vN-I.json is written before its process is first started and removed after it has ended for good; a
 * process that carries our mark without a record is ended.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/backoff.h"
#include "lib/err.h"
#include "lib/names.h"
#include "rolloutd/local_child.h"
#include "rolloutd/local_setup.h"
#include "rolloutd/local_store.h"
#include "rolloutd/local_talk.h"

enum local_serving {
        LOCAL_SERVE_NO,
        LOCAL_SERVE_YES,  /* it was ready once since it started: from then on HAProxy's own check decides */
        LOCAL_SERVE_KEEP, /* found running and not asked yet: leave HAProxy as it is */
};

struct local_processes;

struct local_replica {
        struct local_replica *prev, *next;
        struct local_processes *owner;

        /* as recorded */
        char target[NAME_MAX_LEN + 1];
        int64_t version;
        char digest[DIGEST_TEXT_LEN + 1]; /* that the version has to have; "": not known */
        int index;                        /* from 1, unique in its version */
        int slot;                         /* 0 to LOCAL_SLOTS - 1, unique in its target */
        int port;
        bool retiring;

        struct local_child child;
        struct local_talk probe;
        enum local_serving serving;
        bool ready, failed, gone;
        int misses; /* probes in a row that found it not ready */
        struct backoff restarts;
        int64_t start_due_ms, probe_due_ms, ready_since_ms;
        int64_t signal_due_ms; /* of the next signal while retiring: SIGTERM, then SIGKILL */
        bool terminated;
        long log_from;
        char message[256];
};

struct local_processes {
        const struct local_setup *setup;
        const struct local_store *store;
        struct local_replica *head;
        void (*changed)(void *arg, const char *target); /* what HAProxy should know about this target is different now */
        void *arg;
};

/* Read the records, find the processes. */
int local_processes_load(struct local_processes *p, struct err *e);
/* Stop if configured so, and forget all. */
void local_processes_done(struct local_processes *p);

int local_processes_deploy(struct local_processes *p, const char *target, const struct deployment *d, int64_t now_ms,
                           struct err *e);
int local_processes_retire(struct local_processes *p, const char *target, int64_t version, int64_t now_ms, struct err *e);

/* Do what is due; returns when there is more. */
int64_t local_processes_run(struct local_processes *p, int64_t now_ms);

/* --- one replica: records, ports, starting (local_replica.c) --- */

/* "M-vN-I" */
enum { LOCAL_REPLICA_NAME_MAX = NAME_MAX_LEN + 40 };
void local_replica_name(const struct local_replica *r, char out[static LOCAL_REPLICA_NAME_MAX]);
int local_replica_save(const struct local_replica *r, struct err *e);
int local_replica_read(struct local_replica *r, const char *path, struct err *e);
int local_replica_forget(const struct local_replica *r, struct err *e);
/* A port on which nothing listens and which no other replica has. */
int local_replica_pick_port(struct local_replica *r, struct err *e);
/* Start the program and watch for its end. */
int local_replica_start(struct local_replica *r, struct err *e);
/* It has ended (the watch says so): leave how in message. Its status as from waitpid(2), -1 if it was no child of ours. */
void local_replica_found(struct local_replica *r); /* it runs already */
int local_replica_reap(struct local_replica *r);
