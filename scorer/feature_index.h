/* From a feature's name to its column: a hash table with open addressing, built once per model. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct feature_index {      /* zeroed: no names */
        char *const *names; /* borrowed */
        uint32_t n;
        uint32_t *slots; /* column + 1, 0 for none; a power of two of them, at least twice as many as names */
        uint32_t mask;
};

/* `names` may be NULL; it is borrowed. INVALID when a name is there twice. */
int feature_index_init(struct feature_index *x, char *const *names, uint32_t n, struct err *e);
void feature_index_done(struct feature_index *x);

/* The column, or -1. `hint` is looked at first: clients send features in order. */
int64_t feature_index_find(const struct feature_index *x, const char *name, size_t len, uint32_t hint);
