/* One simulated rollout under a policy, by our judge and by the rules of others. Pure: the same seed gives the same run. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ctl/sim_rules.h"
#include "ctl/sim_traffic.h"
#include "lib/judge.h"
#include "lib/policy.h"

struct sim_outcome {
        bool rolled_back, done; /* neither: still under way when the time was up */
        int64_t at_ms;
        int64_t exposure;       /* errors that users of the candidate saw until then */
        struct verdict verdict; /* the last one; the judge's only */
};

enum { SIM_WATCHED_MS = 5 * 60 * 1000 }; /* stable is looked at for so long before, as rolloutd does */

/* At most limit_ms long. */
void sim_judge(const struct policy *p, const struct sim_traffic *t, uint64_t seed, int64_t limit_ms, struct sim_outcome *out);
int sim_weight_at(const struct policy *p, int64_t at_ms); /* of steps that are each as long as its hold */

/* The same traffic under the policy's steps, each as long as its hold. */
void sim_others(const struct policy *p, const struct sim_traffic *t, uint64_t seed, int64_t limit_ms,
                struct sim_outcome out[SIM_RULES]);
