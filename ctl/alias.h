/* Aliases, as other commands need them. */
#pragma once

#include "ctl/client.h"

/* Point an alias at a version. `header` makes it conditional (If-Match, If-None-Match); header and reason may be NULL. */
int alias_set(struct ctl *c, const char *model, const char *name, int64_t version, const char *header, const char *reason,
              struct answer *out, struct err *e);

/* A version's number, or the number that @ALIAS stands for now. */
int version_resolve(struct ctl *c, const char *model, const char *ref, int64_t *number, struct err *e);
