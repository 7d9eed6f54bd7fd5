/* One counter between two scrapes: what it grew by, resets included. Part of the sampler. Pure. */
#pragma once

#include "lib/sampler.h"

struct sampler_span {
        int64_t from_ms, to_ms; /* count what happened after from and up to to */
        bool from_seen;         /* the range covers from, so a series without a sample there did not exist yet */
        int64_t fresh_since_ms;
};

struct sampler_growth { /* zeroed: no series yet; several series of an instance add up */
        int series;
        int64_t all, fresh;
        int64_t from_ms, until_ms; /* the samples that it lies between; of several series the outermost */
        bool unclear;              /* a sample that is no number stood in the way: passed over, and the growth is not known */
};

void sampler_grow(const struct series *s, const struct sampler_span *span, struct sampler_growth *g);

/* The worse problem stays; the first of its kind gives the sentence. */
void sampler_complain(struct reading *out, enum quality q, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
