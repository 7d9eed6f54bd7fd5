/* Child processes: started with an explicit argument vector, never through a shell; they die with their parent. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"

struct proc_spec {
        const char *const *argv; /* argv[0] is a path or a name looked up in PATH; ended by NULL */
        const char *const *env;  /* extra "NAME=value", ended by NULL; NULL for none */
        const char *user;        /* drop to this user (and its groups) first; NULL to stay */
        const char *cwd;         /* NULL to stay */
        const char *log_path;    /* append stdout and stderr here, but through no link; NULL inherits stderr for both */
        int *stdout_fd;   /* if set: what the child prints is read here, without blocking, and not logged; the caller closes it */
        int death_signal; /* sent to the child when the starting *thread* ends, SIGKILL included; 0 for none */
        bool own_group;   /* own process group, so that a terminal's Ctrl-C does not reach it */
};

/* Start it. Fails here, not later, if the program cannot be executed. */
int proc_start(const struct proc_spec *spec, pid_t *pid, struct err *e);

/* Reap `pid` if it has ended within timeout_ms. 1: ended, *status as from waitpid(2). 0: still running. -1: error. */
int proc_wait(pid_t pid, int64_t timeout_ms, int *status, struct err *e);

/* Signal, wait, SIGKILL after timeout_ms, reap. Harmless for a child that has ended. */
void proc_stop(pid_t pid, int signal, int64_t timeout_ms);

/* "exit status 1" or "signal 9 (Killed)". */
void proc_status_text(int status, char *out, size_t size);

/* Start time of a process in clock ticks since boot (/proc/PID/stat field 22), 0 if there is none: a PID that lives
 * on with another start time is another process. */
uint64_t proc_start_time(pid_t pid);
