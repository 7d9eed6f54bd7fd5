/*
 * Everything that is kept of one comparison with stable: is the candidate worse (judge_ratio.h, above), is it surely not much
 * worse (below), by how much (judge_effect.h), and how the bad requests cluster (judge_spread.h). Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/judge_effect.h"
#include "lib/judge_ratio.h"
#include "lib/judge_spread.h"

struct judge_compare { /* zeroed: nothing seen. judge_compare_done() frees; not to be copied */
        struct judge_ratio worse;
        struct judge_ratio *sound; /* NULL: nothing asked yet */
        struct judge_effect effect;
        struct judge_spread spread;
};

void judge_compare_done(struct judge_compare *c);                             /* nothing seen again */
const struct judge_ratio *judge_compare_sound(const struct judge_compare *c); /* without evidence when it is not asked */
struct judge_ratio *judge_compare_ask_sound(struct judge_compare *c);         /* there from now on */

static inline size_t judge_compare_more(const struct judge_compare *c) /* bytes beside its own */
{
        return c->sound ? sizeof *c->sound : 0;
}

/* One tick. max_ratio: tolerated harm, the candidate is worse above it; sound_ratio: what it has to be proved to be below; 0: not
 * asked. */
void judge_compare_add(struct judge_compare *c, double max_ratio, double sound_ratio, int64_t n_stable, int64_t x_stable,
                       int64_t n_candidate, int64_t x_candidate);

/* Requests of both arms until the sum of log E would reach `log_needed` if things go on as they are: INFINITY if they
 * never will. n and x are what has been seen so far; half a bad request is added to each arm, for none yet does not mean never. */
double judge_compare_missing(const struct judge_compare *c, double sound_ratio, double log_needed, double weight,
                             const int64_t n[2], const int64_t x[2]);
