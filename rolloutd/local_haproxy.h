/*
 * One HAProxy: found again, started, kept running, and replaced without losing a connection when its configuration has to change.
 *
 * Weights and addresses change through its runtime socket (local_route.h). Only a new backend, that is a new model, needs a reload: a
 * second HAProxy takes the listening sockets over from the first (-x) and tells it to finish what it has (-sf).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include "lib/backoff.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "rolloutd/local_child.h"
#include "rolloutd/local_setup.h"
#include "rolloutd/local_talk.h"

enum local_haproxy_state {
        LOCAL_HAPROXY_ASKING,   /* who answers the runtime socket? */
        LOCAL_HAPROXY_DOWN,     /* nobody: start one */
        LOCAL_HAPROXY_STARTING, /* started, does not answer yet; a predecessor may still serve */
        LOCAL_HAPROXY_UP,
};

enum { LOCAL_LEAVING_MAX = 32 };

struct local_haproxy {
        const struct local_setup *setup;
        char *config_path, *log_path;
        struct sockaddr_un socket;
        enum local_haproxy_state state;
        struct local_child serving, successor;
        pid_t leaving[LOCAL_LEAVING_MAX]; /* predecessors that finish what they have, to be reaped */
        int n_leaving;
        bool found; /* the one that serves was not started by us */
        struct local_talk talk;
        bool reload; /* the configuration it runs with is not what it should be */
        struct backoff restarts;
        int64_t ask_due_ms, start_due_ms, give_up_ms, up_since_ms;
        long log_from;
        char message[256]; /* "" when all is well */
        char *complained;  /* what the log was told last, without numbers; NULL since one came up */
        void (*config)(void *arg, struct strbuf *out);
        void (*came_up)(void *arg); /* another process answers now */
        void *arg;
};

/* config and came_up, to be set before, are called from run() only. INVALID when the folder's name is too long for a socket. */
int local_haproxy_init(struct local_haproxy *h, const struct local_setup *setup, struct err *e);
void local_haproxy_done(struct local_haproxy *h); /* ends it if configured so */

/* Start a conversation on the runtime socket. */
void local_haproxy_ask(struct local_haproxy *h, struct local_talk *t, const char *commands, int64_t deadline_ms,
                       local_talk_fn done, void *arg);

/* Do what is due; returns when there is more. */
int64_t local_haproxy_run(struct local_haproxy *h, int64_t now_ms);
