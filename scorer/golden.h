/*
 * Golden rows: inputs with the scores that they have to have, kept among a version's files (docs/api.md, scorer). One JSON object a line:
 *
 *      {"inputs": as in an infer request, "outputs": as in its answer, "tolerance": 0.001}
 *
 * `tolerance` is how far a score may be off, and 0 unless said: equal bit for bit. Other members are refused, empty lines are nothing.
 */
#pragma once

#include <stddef.h>

#include "lib/err.h"
#include "scorer/v2.h"

enum { GOLDEN_BODIES_MAX = 256 };

struct golden {                          /* zeroed: none */
        char *bodies[GOLDEN_BODIES_MAX]; /* infer requests of the first lines */
        size_t n_bodies;
        size_t n_rows; /* of all lines */
};

/*
 * Score all of them. INVALID names line and row: of what cannot be read, and of the first score that is not as it has to be. The caller
 * owns *out, which is empty on failure.
 */
int golden_check(const struct v2 *v, const char *text, size_t len, struct golden *out, struct err *e);
void golden_done(struct golden *g);
