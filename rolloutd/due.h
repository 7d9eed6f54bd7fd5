/*
 * All targets, found by name, and which of them is due next: a round of the loop costs what is due in it, however many there are.
 */
#pragma once

#include <uthash.h>

#include "rolloutd/target.h"

struct due_target {
        UT_hash_handle hh; /* by the target's id; in the order in which they came */
        struct target *t;
        int64_t due_ms; /* 0: at once */
        size_t place;   /* in the heap */
};

struct due { /* zeroed: there are none */
        struct due_target *all;
        struct due_target **heap; /* earliest first: a parent is never later than its children */
        size_t n, room;
};

void due_done(struct due *d); /* frees the targets too */
struct due_target *due_add(struct due *d, struct target *t);
struct due_target *due_find(const struct due *d, const char *target); /* NULL: there is none */
void due_remove(struct due *d, struct due_target *one);               /* does not free its target */
void due_at(struct due *d, struct due_target *one, int64_t due_ms);

/* The earliest if it is due now, else NULL. Give it another time before asking again. */
struct due_target *due_next(const struct due *d, int64_t now_ms);
int64_t due_wait_ms(const struct due *d, int64_t now_ms, int64_t most_ms);

#define DUE_EACH(d, one) for (const struct due_target *one = (d)->all; one; one = one->hh.next)
