/*
 * Scoring before the first client does, until latency has settled: code, nodes and allocator are where they will be. Settled: the 99th
 * percentile of one batch of requests is within 20 % (or 50 us) of the batch before.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scorer/golden.h"
#include "scorer/v2.h"

struct warm_up {
        bool settled;
        int64_t took_ms;
        int64_t p99_us; /* of the last batch; 0: there was none */
        uint64_t requests;
};

/* With the golden rows' requests, or with made-up ones if there are none; for at most max_ms, 0: not at all. *cancel ends it. */
void warm_up(const struct v2 *v, const struct golden *g, int64_t max_ms, const atomic_bool *cancel, struct warm_up *out);

/* The rule by itself. */
bool warm_up_settled(int64_t before_us, int64_t now_us);
/* Sorts the n > 0 durations and returns the one that at most 1 % are above. */
int64_t warm_up_p99(int64_t *us, size_t n);
