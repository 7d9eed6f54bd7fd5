/*
 * One short conversation over a socket without blocking: connect, send a text, read the answer until the peer closes or a certain text
 * has come, all before a deadline. HAProxy's runtime socket and the readiness of scorers are asked this way.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "lib/err.h"
#include "lib/strbuf.h"

/* A descriptor in the platform's epoll set; ready() may close it, others, and free what holds it. */
struct local_watch {
        int fd;
        void (*ready)(void *arg);
        void *arg;
};
int local_watch_add(int epoll, struct local_watch *w, uint32_t events, struct err *e);

/* Exactly one of answer and failure is non-NULL; UNAVAILABLE when the peer cannot be reached, TIMEOUT when the deadline passed. */
typedef void (*local_talk_fn)(void *arg, const char *answer, const struct err *failure);

struct local_talk { /* zeroed: idle */
        struct local_watch watch;
        bool active;
        int epoll;
        struct strbuf out, in;
        size_t sent;
        const char *until;
        int64_t deadline_ms;
        struct err failure; /* found by start(), told by run() */
        local_talk_fn done;
        void *arg;
};

struct local_talk_to {
        const struct sockaddr *address;
        socklen_t address_len;
        const char *text;  /* copied */
        const char *until; /* static; NULL: the answer ends when the peer closes */
        size_t max_answer;
        int64_t deadline_ms; /* on clock_ms() */
};

/* Begin. done runs later, from local_talk_run() or the watch, never from here; the talk is idle again by then. */
void local_talk_start(struct local_talk *t, int epoll, const struct local_talk_to *to, local_talk_fn done, void *arg);
/* Tell what is due; returns when it wants to run again (on clock_ms()), INT64_MAX when idle. */
int64_t local_talk_run(struct local_talk *t, int64_t now_ms);
void local_talk_stop(struct local_talk *t); /* done will not run */
