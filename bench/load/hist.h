/*
 * Latencies in microseconds, counted in log-linear buckets: 128 to each power of two, so that a quantile is off by less than
 * 0.8 %. The idea is that of HdrHistogram (G. Tene). Zeroed is empty; merging is adding.
 */
#pragma once

#include <stdint.h>

#include <jansson.h>

enum {
        HIST_SUB_BITS = 7,  /* buckets per power of two, as a power of two */
        HIST_MAX_BITS = 36, /* 2^36 us is 19 hours; what is longer falls into the last bucket */
        HIST_BUCKETS = (HIST_MAX_BITS - HIST_SUB_BITS + 1) << HIST_SUB_BITS,
};

struct hist {
        uint64_t counts[HIST_BUCKETS];
        uint64_t total;
        int64_t max_us;
};

int hist_bucket(int64_t us);      /* below 0 counts as 0 */
int64_t hist_lowest(int bucket);  /* smallest value that falls into it */
int64_t hist_highest(int bucket); /* largest one */

void hist_add(struct hist *h, int64_t us);
void hist_merge(struct hist *into, const struct hist *from);

/* The value that a share `q` in (0, 1] of all values does not exceed, rounded up to its bucket's end, never above the maximum.
 * 0 when empty. */
int64_t hist_quantile(const struct hist *h, double q);
/* How many values are surely at most `us`: whole buckets only. */
uint64_t hist_count_upto(const struct hist *h, int64_t us);

json_t *hist_summary(const struct hist *h); /* {"count","p50_ms","p90_ms","p99_ms","p999_ms","max_ms"}; the caller owns it */
json_t *hist_raw(const struct hist *h);     /* [[lowest_us, count]...] of the buckets that are not empty; the caller owns it */
