/* Constant and Poisson schedules. */
#include "bench/load/schedule.h"

#include <math.h>

void schedule_init(struct schedule *s, double rate, bool poisson, uint64_t seed, int64_t start_us)
{
        *s = (struct schedule){ .rate = rate, .poisson = poisson, .random = seed, .start_us = start_us };
}

/* SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014). */
static uint64_t next_random(uint64_t *state)
{
        uint64_t z = *state += 0x9e3779b97f4a7c15U;

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31);
}

int64_t schedule_next(struct schedule *s)
{
        double mean_us = 1e6 / s->rate;

        if (!s->poisson)
                return s->start_us + (int64_t) ((double) s->n++ * mean_us);
        double uniform = ((double) (next_random(&s->random) >> 11) + 0.5) * 0x1p-53; /* in (0, 1) */
        s->after_us += -log(uniform) * mean_us;
        s->n++;
        return s->start_us + (int64_t) s->after_us;
}
