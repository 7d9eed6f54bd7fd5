/* The policies of a folder, reread on SIGHUP. */
#pragma once

#include <stddef.h>

#include "lib/policy.h"

enum { POLICIES_MAX = 64 };

/* A file that is no policy: what it would have been called, and what is wrong with it. */
struct policies_broken {
        char name[NAME_MAX_LEN + 1];
        char why[300];
};

struct policies {
        struct policy *list; /* by name */
        size_t n;
        struct policies_broken *broken;
        size_t n_broken;
};

/*
 * All *.yaml of the folder. A file that is no policy is left out and noted: one typo must not keep the others from being used. On failure
 * nothing changes.
 */
int policies_load(struct policies *p, const char *folder, struct err *e);
void policies_done(struct policies *p);

const struct policy *policies_find(const struct policies *p, const char *name); /* NULL: there is none */

/* What is wrong with the file of this name: NULL if there is none such. */
const char *policies_why_broken(const struct policies *p, const char *name);
