/* Aligned tables for people. */
#pragma once

#include <stdbool.h>

#include "lib/strbuf.h"

enum style { STYLE_PLAIN, STYLE_DIM, STYLE_GOOD, STYLE_BAD, STYLE_BUSY, STYLE_BOLD };

struct table;

/* Columns by their headings, ended by NULL; a heading that begins with '>' is aligned to the right. All headings empty: no
 * heading line. Headings are borrowed. */
struct table *table_new(const char *const *headings);
void table_free(struct table *t); /* NULL is fine */

/* Append a cell; the row is full after as many cells as there are columns. The text is copied and cleaned; NULL and "" show
 * as "-". */
void table_cell(struct table *t, enum style style, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

void table_print(const struct table *t, bool color, struct strbuf *out);

/* Text in a style, as it is when there is no colour. */
void style_add(struct strbuf *out, bool color, enum style style, const char *text);
