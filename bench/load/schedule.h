/* When each request of an open-loop load is due, whatever became of the ones before it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct schedule {
        double rate; /* requests per second, over 0 */
        bool poisson;
        uint64_t random; /* state of the generator; the seed at first */
        int64_t start_us;
        uint64_t n;      /* requests handed out */
        double after_us; /* Poisson: of the last one, since start_us */
};

void schedule_init(struct schedule *s, double rate, bool poisson, uint64_t seed, int64_t start_us);

/* The time of the next request, in start_us's clock; never before the previous one. Constant: start + n/rate, without drift.
 * Poisson: gaps are exponential with mean 1/rate, the same ones for the same seed. */
int64_t schedule_next(struct schedule *s);
