/* A byte stream cut into lines at '\n', whatever the pieces it arrives in. Empty lines are skipped. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/strbuf.h"

enum { KUBE_LINE_MAX_BYTES = 3 << 20 }; /* twice what etcd stores of one object */

struct kube_lines {
        struct strbuf rest; /* a line without its end so far */
};

/* Runs for each line, without its end; the text is not NUL-terminated and dead after the return. -1 stops. */
typedef int (*kube_line_fn)(void *arg, const char *line, size_t len);

void kube_lines_init(struct kube_lines *l, size_t max_bytes);
void kube_lines_done(struct kube_lines *l);
void kube_lines_reset(struct kube_lines *l);

/* -1: fn stopped, or a line is longer than the maximum. */
int kube_lines_feed(struct kube_lines *l, const char *data, size_t len, kube_line_fn fn, void *arg);
