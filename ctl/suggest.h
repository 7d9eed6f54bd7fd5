/* "Did you mean": the nearest of some words. */
#pragma once

#include <stddef.h>

/* Optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours, each 1. Words over 63 bytes
 * are as far apart as they are long. */
size_t suggest_distance(const char *a, const char *b);

struct suggestion {
        const char *best; /* NULL: nothing is near */
        size_t distance;
};

/* Offer one more word; keep it if it is nearer to `typed` than what was seen before and near enough to be meant. */
void suggest_offer(struct suggestion *s, const char *typed, const char *word);
