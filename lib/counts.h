/* Requests counted per arm of a comparison: what the sampler makes and the judge takes. */
#pragma once

#include <stdint.h>

enum arm { ARM_STABLE, ARM_CANDIDATE, ARM_COUNT };

struct counts {
        int64_t requests, errors; /* from the request counter; an error is an answer that is not 2xx */
        int64_t timed, slow;      /* from the histogram; slow is above the latency objective */
};

enum { COUNTS_BOUNDS_MAX = 4 };

struct tail { /* requests that were timed, and how many of them took longer than one of the histogram's bounds */
        int64_t of, above;
};

enum { LATENCY_BOUNDS_MAX = 64 };

struct latency_histogram { /* what one arm did for a while */
        int n;
        int32_t us[LATENCY_BOUNDS_MAX];     /* ascending: the finite bounds */
        int64_t within[LATENCY_BOUNDS_MAX]; /* requests that took at most so long; never descending */
        int64_t all;
};

static inline void counts_add(struct counts *to, const struct counts *more)
{
        to->requests += more->requests;
        to->errors += more->errors;
        to->timed += more->timed;
        to->slow += more->slow;
}
