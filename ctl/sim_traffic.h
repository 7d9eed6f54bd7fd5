/*
 * Traffic for a simulated rollout, tick by tick: made up, or thinned from a recording. Pure.
 *
 * Made up: requests at a steady rate, each routed by chance; bad ones with a share of its own for each arm, in bursts of
 * geometric size that stay within an arm; an incident adds to both shares for a while. Recorded: the requests, errors and slow
 * requests of each tick are those of the recording, and each goes to the candidate by chance; the candidate's share of bad ones is
 * multiplied by `harm`.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "ctl/sim_dice.h"
#include "lib/counts.h"

struct sim_record {
        struct counts *ticks;
        size_t n;
};

struct sim_traffic {
        double rate; /* requests a second, both arms together */
        double errors[ARM_COUNT], slow[ARM_COUNT];
        double median_ms[ARM_COUNT]; /* of the latencies, sim_latency.h; 0: only `slow` is made up */
        double tail;                 /* p99 over median */
        double burst;                /* mean bad requests of one cause, at least 1 */
        int64_t incident_from_ms, incident_to_ms;
        double incident;                 /* added to both shares of errors meanwhile */
        const struct sim_record *record; /* NULL: made up */
        double harm;                     /* with a recording */
};

enum { SIM_TICK_MS = 5000 };

/* What both arms did in the SIM_TICK_MS that end at `at_ms`. */
void sim_traffic_tick(const struct sim_traffic *t, struct dice *d, int weight_bp, int64_t at_ms, struct counts out[ARM_COUNT]);
