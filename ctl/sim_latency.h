/*
 * How long simulated requests take, as the scorers' histogram would count them. Pure.
 *
 * Latencies are lognormal: ln of each is normal around ln of its version's median, and 1 % take more than `tail` medians. With bursts
 * the requests of one cause (a client with large batches, a pause of the machine) take alike. While there is an incident both
 * versions are twice as slow.
 */
#pragma once

#include "ctl/sim_traffic.h"

/* `requests` that arm a answered in the tick that ends at at_ms. */
void sim_latency_tick(const struct sim_traffic *t, struct dice *d, enum arm a, int64_t requests, int64_t at_ms,
                      struct latency_histogram *out);

/* How many of them took longer; 0 where the histogram has no such bound. */
int64_t sim_latency_above(const struct latency_histogram *h, int64_t bound_us);
