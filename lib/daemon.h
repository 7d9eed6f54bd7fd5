/*
 * What every daemon's main() needs: memory, log and signals in order before the first thread starts.
 *
 *      struct daemon d;
 *      daemon_init(&d, "registryd");
 *      ... settings, threads ...
 *      while ((event = daemon_wait(&d, -1)) != DAEMON_DRAIN) { if (event == DAEMON_RELOAD) ... }
 *      ... stop accepting; go on calling daemon_wait() with what is left of the drain time: DAEMON_LEAVE means now ...
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum daemon_event {
        DAEMON_NONE,   /* nothing was asked until the timeout */
        DAEMON_RELOAD, /* SIGHUP */
        DAEMON_DRAIN,  /* the first SIGTERM or SIGINT: finish what is under way */
        DAEMON_LEAVE,  /* the second one: leave now */
};

struct daemon {
        int fd; /* readable when a signal waits: for programs with a loop of their own */
        bool draining;
};

/* Call first in main(): threads inherit the signal mask. SIGPIPE is ignored; the log starts at level info. */
void daemon_init(struct daemon *d, const char *program);
void daemon_done(struct daemon *d);

/* The next thing asked, without waiting. */
enum daemon_event daemon_next(struct daemon *d);
/* The same, waiting up to timeout_ms for it (-1: for ever). */
enum daemon_event daemon_wait(struct daemon *d, int64_t timeout_ms);
