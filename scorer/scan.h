/*
 * A cursor over JSON text that is read by someone who knows what to expect: no tree is built, strings stay where they are.
 * Failures are INVALID and say at which byte.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct scan {
        const char *start, *at, *end;
        struct err *e;
};

/* A string as it stands in the JSON text, without the quotes. */
struct scan_text {
        const char *s;
        size_t len;
        bool escaped; /* has backslashes */
};

int scan_fail(const struct scan *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Skip white space; the next byte, or '\0' at the end. */
static inline char scan_peek(struct scan *s)
{
        while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
                s->at++;
        return s->at < s->end ? *s->at : '\0';
}

bool scan_take(struct scan *s, const char *word); /* exactly these bytes, which may be the start of a longer word */
/* Something else there is "`what` is no list", "no object", "no string", "no integer". */
int scan_open(struct scan *s, char bracket, const char *what);
int scan_string(struct scan *s, const char *what, struct scan_text *out);
int scan_number(struct scan *s, double *out); /* by RFC 8259; rounded as strtod() does; may overflow to an infinity */
int scan_integer(struct scan *s, const char *what, int64_t *out); /* without fraction and exponent, at most 18 digits */
int scan_skip(struct scan *s, unsigned max_depth);                /* any value */

/*
 * Iterate: `for (bool first = true; (r = scan_next(&s, ']', &first)) > 0;)` with the cursor after the opening bracket. 1: an
 * element or member is next; 0: the bracket was closed; -1: failure.
 */
int scan_next(struct scan *s, char close, bool *first);
int scan_key(struct scan *s, struct scan_text *key); /* a member's name and the colon */

bool scan_text_is(const struct scan_text *t, const char *word);
/* Unescaped and NUL-terminated; caller frees. NUL bytes and lone surrogates become U+FFFD. */
char *scan_text_copy(const struct scan_text *t);
