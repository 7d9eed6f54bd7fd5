/*
 * Finding the processes that an earlier rolloutd started: each carries SLUICE_LOCAL=STATE/NAME in its environment. Unlike a written
 * process id this cannot be lost by a crash between starting and writing, and cannot name a stranger.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct local_found {
        pid_t pid;
        char name[128]; /* after STATE/: "haproxy", "procs/credit-v2-1" */
};

/* Those that live, of our own user. Caller frees *out. Returns how many. */
size_t local_find(const char *state_dir, struct local_found **out);

/* "SLUICE_LOCAL=STATE/NAME" for the environment; caller frees. */
char *local_mark(const char *state_dir, const char *name);
