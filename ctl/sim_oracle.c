/* The test that knows. */
#include "ctl/sim_oracle.h"

#include <math.h>
#include <string.h>

static double tolerated(const struct policy *p)
{
        return p->error_rate.on ? p->error_rate.max_ratio : 0;
}

bool sim_oracle_applies(const struct policy *p, const struct sim_traffic *t)
{
        return !t->record && t->burst <= 1 && tolerated(p) > 0 && t->errors[ARM_STABLE] > 0 &&
               t->errors[ARM_CANDIDATE] > tolerated(p) * t->errors[ARM_STABLE];
}

double sim_oracle_log_needed(const struct policy *p)
{
        return -log(p->false_rollback / policy_comparisons(p));
}

/* What a tick adds to the bet. */
static double gain(double r0, double r, const struct counts tick[ARM_COUNT])
{
        double a = (double) tick[ARM_STABLE].requests, b = (double) tick[ARM_CANDIDATE].requests;

        if (a == 0 || b == 0)
                return 0;
        double null = r0 * b / (a + r0 * b), pi = r * b / (a + r * b);

        return (double) tick[ARM_CANDIDATE].errors * log(pi / null) +
               (double) tick[ARM_STABLE].errors * log((1 - pi) / (1 - null));
}

void sim_oracle(const struct policy *p, const struct sim_traffic *t, uint64_t seed, int64_t limit_ms, struct sim_outcome *out)
{
        double needed = sim_oracle_log_needed(p), ratio = t->errors[ARM_CANDIDATE] / t->errors[ARM_STABLE], log_e = 0;
        struct counts tick[ARM_COUNT];
        struct dice d = { seed };

        memset(out, 0, sizeof *out);
        for (int64_t at_ms = SIM_TICK_MS; at_ms <= SIM_WATCHED_MS; at_ms += SIM_TICK_MS)
                sim_traffic_tick(t, &d, 0, at_ms - SIM_WATCHED_MS, tick);
        for (int64_t at_ms = SIM_TICK_MS; at_ms <= limit_ms && !out->rolled_back; at_ms += SIM_TICK_MS) {
                sim_traffic_tick(t, &d, sim_weight_at(p, at_ms), at_ms, tick);
                log_e += gain(tolerated(p), ratio, tick);
                out->exposure += tick[ARM_CANDIDATE].errors;
                out->at_ms = at_ms;
                out->rolled_back = log_e >= needed;
        }
}
