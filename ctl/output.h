/* Results on standard output, in the format that was asked for. */
#pragma once

#include <jansson.h>

#include "ctl/app.h"
#include "ctl/table.h"
#include "lib/auto.h"
#include "lib/strbuf.h"

DEFINE_AUTO(table, struct table *, table_free);

enum { OUTPUT_MAX_BYTES = 256 << 20 };

/* The servers' JSON: as it came, but indented on a terminal. Ends with a line end. */
void output_json(const struct ctl *c, const char *text);
/* The member `key` of each object in a list, one a line. */
void output_names(const json_t *list, const char *key);
void output_table(const struct ctl *c, const struct table *t);
/* A line of text, cleaned. */
void output_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* JSON text with line ends and indentation, every token as it was. The text must be JSON. Pure. */
void json_indent(const char *text, struct strbuf *out);

/* Everything is out: INTERNAL if it could not be written. */
int output_finish(struct err *e);

/* Members of a server's document: text or NULL, number or `fallback`, for what may be null, absent or of another type. */
const char *json_str(const json_t *doc, const char *key);
int64_t json_num(const json_t *doc, const char *key, int64_t fallback);
double json_dbl(const json_t *doc, const char *key, double fallback);
