/* Table cells out of the servers' documents; what is absent or of another type shows as "-". */
#pragma once

#include <jansson.h>

#include "ctl/client.h"
#include "ctl/output.h"
#include "ctl/table.h"

void cell_text(struct table *t, const json_t *doc, const char *key);
void cell_number(struct table *t, const json_t *doc, const char *key);
void cell_age(struct table *t, const json_t *doc, const char *key);
/* A row of two: a dim label and text that may be NULL. */
void cell_pair(struct table *t, const char *label, const char *text);

/* Print an answer as -o wants it: the table, the document, or the name. */
void print_one(const struct ctl *c, const struct answer *a, const struct table *t, const char *name);
/* The same for the rows in the member `list`, named by their member `name`. `nothing` is the remark for an empty table. */
void print_list(const struct ctl *c, const struct answer *a, const struct table *t, const char *list, const char *name,
                const char *nothing);
