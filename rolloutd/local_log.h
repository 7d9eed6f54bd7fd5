/* The logs of scorers and HAProxy: bounded by rotation at a start, and quoted from when something ends. */
#pragma once

#include <stddef.h>

/* Before a start: a log that has grown long is moved to PATH.old. Returns the length of what is there: where the new part begins. */
long local_log_prepare(const char *path);

/* The last line from byte `from` on that says something: of a JSON line the words for people, of HAProxy its first alert. "" if none. */
void local_log_last_words(const char *path, long from, char *out, size_t size);
