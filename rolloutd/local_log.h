/* The logs of scorers and HAProxy: bounded by rotation at a start, and quoted from when something ends. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Before a start: a log that has grown long is moved to PATH.old. Returns the length of what is there: where the new part begins. */
long local_log_prepare(const char *path);

/* Of a process found running: what it or its predecessors logged until now does not tell why it will end. */
long local_log_end(const char *path);

/*
 * Why process `pid`, whose part of the log begins at byte `from`, ended: of HAProxy its first alert; of our own programs the newest
 * line of level error, as words for people; else the newest line of plain text. "" if there is none.
 */
void local_log_last_words(const char *path, long from, pid_t pid, char *out, size_t size);
