/* Many runs of a scenario: how often each rule rolls back, when, and what users saw until then. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ctl/sim_run.h"

enum { SIM_JUDGE = SIM_RULES, SIM_COLUMNS }; /* the rules of others, then ours */

struct sim_scenario {
        char name[80];
        bool good; /* the candidate is no worse than what the policy tolerates */
        struct sim_traffic traffic;
};

struct sim_column {
        int rolled_back, done;
        int64_t median_ms, p90_ms; /* of the runs rolled back; 0 if there were none */
        double exposure;           /* mean */
};

struct sim_study {
        int runs;
        int64_t bound_ms; /* no test with this error rate finds it sooner on average; 0 where that is not known: good ones, recordings, latency */
        bool known;             /* there is a best */
        struct sim_column best; /* sim_oracle.h; nothing where it does not apply */
        struct sim_column columns[SIM_COLUMNS];
};

const char *sim_column_name(int column);

void sim_study(const struct policy *p, const struct sim_scenario *s, int runs, uint64_t seed, int64_t limit_ms,
               struct sim_study *out);

/* The scenarios that the judge is held to: good releases at several levels, calm, in bursts, and with an incident that hits both
 * versions; and bad ones. Returns how many, both together at most SIM_SCENARIOS_MAX. */
enum { SIM_SCENARIOS_MAX = 64 };
int sim_standard(bool good, struct sim_scenario *out);
