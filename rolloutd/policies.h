/* The policies of a folder, reread on SIGHUP. */
#pragma once

#include <stddef.h>

#include "rolloutd/policy.h"

enum { POLICIES_MAX = 64 };

struct policies {
        struct policy *list; /* by name */
        size_t n;
};

/* All *.yaml of the folder. On failure nothing changes, and the sentence names the file. */
int policies_load(struct policies *p, const char *folder, struct err *e);
void policies_done(struct policies *p);

const struct policy *policies_find(const struct policies *p, const char *name); /* NULL: there is none */
