/* Latencies. */
#include "ctl/sim_latency.h"

#include <math.h>
#include <stdbool.h>

#include "lib/metrics.h"

enum { BOUNDS = sizeof METRICS_LATENCY_BUCKETS / sizeof *METRICS_LATENCY_BUCKETS };

static const double z_of_p99 = 2.3263478740408408;

/* Shares of requests within each bound. */
static void distribution(const struct sim_traffic *t, enum arm a, int64_t at_ms, double within[BOUNDS])
{
        bool incident = t->incident > 0 && at_ms > t->incident_from_ms && at_ms <= t->incident_to_ms;
        double median_s = t->median_ms[a] / 1000 * (incident ? 2 : 1), sigma = log(fmax(t->tail, 1.01)) / z_of_p99;

        for (int i = 0; i < BOUNDS; i++)
                within[i] = .5 * erfc(-log(METRICS_LATENCY_BUCKETS[i] / median_s) / sigma / sqrt(2));
}

/* One after another, each given those before: together multinomial. */
static void spread_alone(struct dice *d, const double within[BOUNDS], struct latency_histogram *h)
{
        int64_t sum = 0;
        double before = 0;

        for (int i = 0; i < BOUNDS; i++) {
                if (sum < h->all && before < 1)
                        sum += dice_binomial(d, h->all - sum, fmin(1, (within[i] - before) / (1 - before)));
                before = within[i];
                h->within[i] = sum;
        }
}

static void spread_in_bursts(struct dice *d, const double within[BOUNDS], double burst, struct latency_histogram *h)
{
        int64_t size;

        for (int64_t left = h->all; left > 0; left -= size) {
                double u = dice_uniform(d);
                int i = 0;

                size = dice_geometric(d, burst);
                size = size < left ? size : left;
                while (i < BOUNDS && within[i] < u)
                        i++;
                if (i < BOUNDS)
                        h->within[i] += size;
        }
        for (int i = 1; i < BOUNDS; i++)
                h->within[i] += h->within[i - 1];
}

void sim_latency_tick(const struct sim_traffic *t, struct dice *d, enum arm a, int64_t requests, int64_t at_ms,
                      struct latency_histogram *out)
{
        double within[BOUNDS];

        *out = (struct latency_histogram){ .n = BOUNDS, .all = requests };
        for (int i = 0; i < BOUNDS; i++)
                out->us[i] = (int32_t) lround(1e6 * METRICS_LATENCY_BUCKETS[i]);
        distribution(t, a, at_ms, within);
        if (t->burst > 1)
                spread_in_bursts(d, within, t->burst, out);
        else
                spread_alone(d, within, out);
}

int64_t sim_latency_above(const struct latency_histogram *h, int64_t bound_us)
{
        for (int i = 0; i < h->n; i++)
                if (h->us[i] == bound_us)
                        return h->all - h->within[i];
        return 0;
}
