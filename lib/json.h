/* What jansson leaves to its users: errors as struct err, bounded parsing, quoting into a buffer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "lib/auto.h"
#include "lib/err.h"
#include "lib/strbuf.h"

enum { JSON_DEPTH_MAX = 64 };

/* Parse exactly one document; duplicate keys and more than JSON_DEPTH_MAX levels are refused. `what` names it in the error.
 * Caller owns *out. */
int json_parse(const char *what, const char *text, size_t len, json_t **out, struct err *e);

/*
 * json_unpack_ex() with JSON_STRICT, kind INVALID and "<what>: <jansson's sentence>" on failure: the format is the schema.
 * Optional members with "s?"; strings stay borrowed from doc.
 */
int json_take(const char *what, json_t *doc, struct err *e, const char *fmt, ...);

/* As json_take(), but members that the format does not name are ignored: for a peer's answers, which may grow. */
int json_peek(const char *what, json_t *doc, struct err *e, const char *fmt, ...);

/* Compact text; the caller frees it. Never NULL. Reals have as few digits as bring back the same value: 0.91 stays 0.91. */
char *json_text(const json_t *doc);
/* The same, members sorted by name at every level: equal documents have equal text, so it can be hashed. */
char *json_canonical(const json_t *doc);

bool json_is_utf8(const char *s); /* well-formed, so that it can stand in JSON */

/* Append s as a JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD. */
void json_quote(struct strbuf *b, const char *s);
