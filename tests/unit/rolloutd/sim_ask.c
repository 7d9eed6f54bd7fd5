/* What people ask of the controller in the simulated world. */
#include <string.h>

#include "tests/unit/rolloutd/sim.h"

struct policy sim_policy(void)
{
        struct policy p;

        policy_defaults(&p);
        strcpy(p.name, "sim");
        p.steps[0] = (struct policy_step){ .weight_bp = 500, .hold_ms = 3000 };
        p.steps[1] = (struct policy_step){ .weight_bp = 2500, .hold_ms = 3000 };
        p.steps[2] = (struct policy_step){ .weight_bp = 10000, .hold_ms = 3000 };
        p.n_steps = 3;
        p.min_requests = 20;
        p.error_rate = (struct policy_share){ .on = true, .max_ratio = 1.5, .limit = .1 };
        p.keep_failed_ms = 60000;
        p.rollback_window_ms = 120000;
        return p;
}

int sim_ask_with(struct sim *s, enum ask what, int64_t version, const struct policy *p)
{
        struct request rq = { .what = what, .version = version, .actor = "ann" };
        struct err e = { 0 };
        int r;

        if (what == ASK_ROLLBACK && rollout_back_to(&s->target->now, version, &rq.version, &e) < 0)
                return -1;
        rq.policy = policy_share(NULL, p);
        r = target_ask(s->target, &rq, &e);
        policy_unref(rq.policy);
        return r;
}

int sim_ask(struct sim *s, enum ask what, int64_t version)
{
        const struct policy p = sim_policy();

        return sim_ask_with(s, what, version, &p);
}
