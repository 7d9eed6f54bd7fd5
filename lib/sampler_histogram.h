/*
 * One version's latency histogram over all samples that there are, to choose bounds from. Pure.
 *
 * Only bounds that every histogram of both versions has are in it, so that what is chosen can be compared. Bounds that are no
 * whole microseconds, or above 2000 s, are passed over.
 */
#pragma once

#include "lib/sampler.h"

/* Of q->version[ARM_STABLE]. Samples that are no numbers are passed over. False, and a complaint in `complaint`, when it cannot be
 * trusted: buckets that contradict each other, too many bounds, or none that both versions have. True with all = 0: there was
 * nothing to count. */
bool sampler_histogram(const struct sampler_question *q, const struct series *series, size_t n, struct latency_histogram *out,
                       struct reading *complaint);
