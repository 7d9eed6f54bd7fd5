/* A process that may outlive us: watched, signalled and reaped without ever meeting a stranger who has got its number since. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"
#include "rolloutd/local_talk.h"

struct local_child {
        pid_t pid;                /* 0: none */
        struct local_watch ended; /* ready and arg are the owner's: called when it has ended, to reap it */
};

/* Watch a running process, a child of ours or not. */
int local_child_watch(struct local_child *c, int epoll, pid_t pid, struct err *e);
/* Let it live on without us. */
void local_child_forget(struct local_child *c);
void local_child_signal(const struct local_child *c, int signal);

/* It has ended: say how, with the last words of its log from byte `from` on. Its status as from waitpid(2), -1 if no child of ours. */
int local_child_reap(struct local_child *c, const char *log_path, long from, char *how, size_t size);

/* Wait for the end of one that was told to end, until the deadline; then SIGKILL. Reaps. */
void local_child_finish(struct local_child *c, int64_t deadline_ms);
