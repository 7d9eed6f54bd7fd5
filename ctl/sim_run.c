/* Runs. */
#include "ctl/sim_run.h"

#include <string.h>

static void count_exposure(struct sim_outcome *o, const struct counts *candidate)
{
        o->exposure += candidate->errors;
}

/* Where the rollout is; as rolloutd does it, without pods and routers. */
struct walk {
        struct judge judge;
        int step;
        int64_t stood_ms, starved_ms;
};

static bool starved_too_long(struct walk *w, const struct policy *p, const struct verdict *v)
{
        w->starved_ms = v->state == VERDICT_NO_EVIDENCE ? w->starved_ms + SIM_TICK_MS : 0;
        return w->starved_ms > p->max_hold_ms && p->on_no_evidence == POLICY_ROLLBACK;
}

/* True when the rollout has ended. */
static bool walk_on(struct walk *w, const struct policy *p, int64_t at_ms, struct sim_outcome *out)
{
        const struct verdict *v = &out->verdict;

        out->at_ms = at_ms;
        out->rolled_back = v->state == VERDICT_BREACH || starved_too_long(w, p, v);
        if (out->rolled_back)
                return true;
        if (v->state != VERDICT_HEALTHY || at_ms - w->stood_ms < p->steps[w->step].hold_ms)
                return false;
        if (w->step + 1 == p->n_steps) {
                out->done = true;
                return true;
        }
        w->step++;
        w->stood_ms = at_ms;
        judge_next_step(&w->judge);
        return false;
}

void sim_judge(const struct policy *p, const struct sim_traffic *t, uint64_t seed, int64_t limit_ms, struct sim_outcome *out)
{
        static const struct gate_value no_queries[POLICY_QUERIES_MAX] = { 0 };
        struct policy without_queries = *p;
        struct dice d = { seed };
        struct walk w = { 0 };

        memset(out, 0, sizeof *out);
        without_queries.n_queries = 0;       /* there is no Prometheus to ask */
        w.step = p->steps[0].weight_bp == 0; /* nor a preview to look at */
        for (int64_t at_ms = SIM_TICK_MS; at_ms <= SIM_WATCHED_MS; at_ms += SIM_TICK_MS) {
                struct counts tick[ARM_COUNT];

                sim_traffic_tick(t, &d, 0, at_ms - SIM_WATCHED_MS, tick);
                judge_watch(&w.judge, &tick[ARM_STABLE]);
        }
        for (int64_t at_ms = SIM_TICK_MS; at_ms <= limit_ms; at_ms += SIM_TICK_MS) {
                struct reading r = { .quality = QUALITY_GOOD };

                sim_traffic_tick(t, &d, p->steps[w.step].weight_bp, at_ms, r.all);
                memcpy(r.fresh, r.all, sizeof r.fresh);
                count_exposure(out, &r.all[ARM_CANDIDATE]);
                judge_add(&w.judge, &without_queries, &r, at_ms);
                judge_decide(&w.judge, &without_queries, QUALITY_GOOD, "", no_queries, &out->verdict);
                if (walk_on(&w, p, at_ms, out))
                        return;
        }
}

static int weight_at(const struct policy *p, int64_t at_ms)
{
        int step = p->steps[0].weight_bp == 0;

        while (step + 1 < p->n_steps && at_ms > p->steps[step].hold_ms)
                at_ms -= p->steps[step++].hold_ms;
        return p->steps[step].weight_bp;
}

void sim_others(const struct policy *p, const struct sim_traffic *t, uint64_t seed, int64_t limit_ms,
                struct sim_outcome out[SIM_RULES])
{
        struct sim_rules rules = { 0 };
        struct dice d = { seed };

        memset(out, 0, SIM_RULES * sizeof *out);
        for (int64_t at_ms = SIM_TICK_MS; at_ms <= limit_ms; at_ms += SIM_TICK_MS) {
                struct counts tick[ARM_COUNT];

                sim_traffic_tick(t, &d, weight_at(p, at_ms), at_ms, tick);
                sim_rules_tick(&rules, at_ms, tick);
                for (int i = 0; i < SIM_RULES; i++) {
                        if (out[i].rolled_back)
                                continue;
                        count_exposure(&out[i], &tick[ARM_CANDIDATE]);
                        out[i].rolled_back = rules.rolled_back_ms[i] > 0;
                        out[i].at_ms = at_ms;
                }
        }
}
