/*
 * A growing byte buffer with a hard maximum. The text is always NUL-terminated and never NULL.
 * Going over the maximum is remembered: later appends do nothing, strbuf_ok() says so once at the end.
 * A zeroed struct is a valid empty buffer with maximum 0; strbuf_init() sets the maximum.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct strbuf {
        char *data_; /* use strbuf_str() */
        size_t len, cap_, max;
        bool overflowed;
};

void strbuf_init(struct strbuf *b, size_t max);
void strbuf_done(struct strbuf *b);  /* also the AUTO release; leaves an empty buffer */
void strbuf_reset(struct strbuf *b); /* empty, memory and maximum kept */

bool strbuf_add(struct strbuf *b, const void *data, size_t len);
bool strbuf_adds(struct strbuf *b, const char *s);
bool strbuf_addc(struct strbuf *b, char c);
bool strbuf_addf(struct strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool strbuf_addv(struct strbuf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void strbuf_drop(struct strbuf *b, size_t n); /* remove the first n bytes */

const char *strbuf_str(const struct strbuf *b); /* borrowed, until the next change */
bool strbuf_ok(const struct strbuf *b);         /* nothing was cut off */
char *strbuf_take(struct strbuf *b);            /* caller frees; the buffer is empty afterwards */

#define AUTO_STRBUF __attribute__((cleanup(strbuf_done))) struct strbuf
