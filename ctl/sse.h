/*
 * Server-sent events out of a byte stream, however it is cut (WHATWG HTML, "Server-sent events", section 9.2.6: parsing and
 * interpreting an event stream). Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/strbuf.h"

struct sse_event {
        const char *type; /* "message" when the stream named none */
        const char *data; /* lines joined by '\n' */
        size_t len;
        const char *id; /* the last one seen, "" for none */
};

/* Runs per event, with text that is dead after the return. -1 ends the feeding. */
typedef int (*sse_fn)(void *arg, const struct sse_event *ev, struct err *e);

struct sse {
        struct strbuf line, data, type, id;
        bool after_cr, begun, has_data;
        int64_t retry_ms; /* what the server asked to wait before connecting again; -1: it did not */
};

/* An event and a line may each have at most `max` bytes. */
void sse_init(struct sse *p, size_t max);
void sse_done(struct sse *p);

/* TOO_LARGE when something is over the maximum, or fn's error. After a failure only sse_done(). */
int sse_feed(struct sse *p, const void *bytes, size_t n, sse_fn fn, void *arg, struct err *e);
