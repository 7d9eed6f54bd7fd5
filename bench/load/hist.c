/* Log-linear histogram. */
#include "bench/load/hist.h"

#include <math.h>

enum { SUB = 1 << HIST_SUB_BITS };

int hist_bucket(int64_t us)
{
        int shift;

        if (us < SUB)
                return us < 0 ? 0 : (int) us;
        shift = 63 - __builtin_clzll((unsigned long long) us) - HIST_SUB_BITS;
        if (shift >= HIST_MAX_BITS - HIST_SUB_BITS)
                return HIST_BUCKETS - 1;
        return (shift << HIST_SUB_BITS) + (int) (us >> shift);
}

int64_t hist_lowest(int bucket)
{
        int shift = (bucket >> HIST_SUB_BITS) - 1;

        if (bucket < SUB)
                return bucket;
        return (int64_t) (SUB + (bucket & (SUB - 1))) << shift;
}

int64_t hist_highest(int bucket)
{
        return bucket == HIST_BUCKETS - 1 ? INT64_MAX : hist_lowest(bucket + 1) - 1;
}

void hist_add(struct hist *h, int64_t us)
{
        h->counts[hist_bucket(us)]++;
        h->total++;
        if (us > h->max_us)
                h->max_us = us;
}

void hist_merge(struct hist *into, const struct hist *from)
{
        for (int i = 0; i < HIST_BUCKETS; i++)
                into->counts[i] += from->counts[i];
        into->total += from->total;
        if (from->max_us > into->max_us)
                into->max_us = from->max_us;
}

int64_t hist_quantile(const struct hist *h, double q)
{
        uint64_t rank = (uint64_t) ceil(q * (double) h->total), seen = 0;

        if (h->total == 0)
                return 0;
        for (int i = 0; i < HIST_BUCKETS; i++) {
                seen += h->counts[i];
                if (seen >= rank && h->counts[i] != 0)
                        return hist_highest(i) < h->max_us ? hist_highest(i) : h->max_us;
        }
        return h->max_us;
}

uint64_t hist_count_upto(const struct hist *h, int64_t us)
{
        uint64_t n = 0;

        if (us >= h->max_us)
                return h->total;
        for (int i = 0; i < HIST_BUCKETS && hist_highest(i) <= us; i++)
                n += h->counts[i];
        return n;
}

static double ms(int64_t us)
{
        return (double) us / 1000.0;
}

json_t *hist_summary(const struct hist *h)
{
        return json_pack("{s:I, s:f, s:f, s:f, s:f, s:f}", "count", (json_int_t) h->total, "p50_ms", ms(hist_quantile(h, 0.5)),
                         "p90_ms", ms(hist_quantile(h, 0.9)), "p99_ms", ms(hist_quantile(h, 0.99)), "p999_ms",
                         ms(hist_quantile(h, 0.999)), "max_ms", ms(h->max_us));
}

json_t *hist_raw(const struct hist *h)
{
        json_t *out = json_array();

        for (int i = 0; i < HIST_BUCKETS; i++)
                if (h->counts[i] != 0)
                        json_array_append_new(out, json_pack("[I, I]", (json_int_t) hist_lowest(i), (json_int_t) h->counts[i]));
        return out;
}
