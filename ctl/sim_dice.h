/*
 * Reproducible randomness for simulations: the same seed gives the same draws on every machine. Pure.
 *
 * Uniform: splitmix64 (Steele, Lea and Flood, OOPSLA 2014). Binomial: inversion for small n p, else the rejection BTRS
 * (Hoermann, "The generation of binomial random variates", J. Stat. Comput. Simul. 46, 1993); exact both.
 */
#pragma once

#include <stdint.h>

struct dice {
        uint64_t state;
};

double dice_uniform(struct dice *d); /* [0, 1) */
int64_t dice_binomial(struct dice *d, int64_t n, double p);
int64_t dice_geometric(struct dice *d, double mean); /* 1, 2, ...; mean >= 1 */
