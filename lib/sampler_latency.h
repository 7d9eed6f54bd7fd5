/*
 * One instance's latency histogram between two scrapes: how many requests took longer than each of a few bounds. Part of the
 * sampler. Pure.
 *
 * A bound counts only where it is sure: it has a sample at the same scrapes as the total, all of them numbers, and not more than
 * the total. Otherwise nothing is counted of it, neither slow requests nor fast ones, and the reading says why.
 */
#pragma once

#include "lib/sampler_series.h"

enum { LATENCY_OBJECTIVE, LATENCY_BOUNDS, LATENCY_PARTS = LATENCY_BOUNDS + COUNTS_BOUNDS_MAX };

struct sampler_latency { /* zeroed: no bucket seen */
        struct sampler_growth total, within[LATENCY_PARTS];
        int64_t requests; /* that the instance has answered meanwhile, by its other counter */
};

void sampler_latency_bucket(struct sampler_latency *l, const struct sampler_question *q, const struct sampler_span *span,
                            const struct series *bucket);
void sampler_latency_count(const struct sampler_latency *l, const struct sampler_question *q, const char *instance, enum arm arm,
                           struct reading *out);
