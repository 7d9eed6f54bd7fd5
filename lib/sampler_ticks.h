/*
 * One version's past, tick by tick, from raw samples: how its errors were spread over time before anybody watched. Pure.
 *
 * A sample's increase over the one before belongs to the tick in which it was scraped; resets count whole, as in sampler.h. A
 * series that begins later than the others of its instance began at 0. Samples that are no numbers are passed over.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/sampler.h"

/* Ticks of tick_ms, the first one ends at from_ms + tick_ms; n_ticks of them into out. Slow is what is above the bound; 0: nothing is. */
void sampler_ticks(const struct series *series, size_t n, int64_t version, int64_t bound_us, int64_t from_ms, int64_t tick_ms,
                   struct counts *out, size_t n_ticks);
