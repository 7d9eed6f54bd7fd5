/* Runs. */
#include "ctl/sim_run.h"

#include <string.h>

#include "ctl/sim_latency.h"

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

/* The policy as far as a simulation can follow it: there is no Prometheus to ask, and without latencies nothing to see quantiles in. */
static void take_policy(struct walk *w, const struct policy *p, const struct sim_traffic *t, struct policy *out)
{
        *out = *p;
        out->n_queries = 0;
        if (policy_comparisons(p) > 0) /* the gates that are left have no more than their part */
                out->false_rollback = p->false_rollback * policy_comparisons(out) / policy_comparisons(p);
        w->step = p->steps[0].weight_bp == 0; /* nor a preview to look at */
        if (t->median_ms[ARM_STABLE] == 0)
                w->judge.bounds.at_objective = (1U << p->latency.n_quantiles) - 1; /* which keep their part of the budget */
}

/* What the sampler would say of a tick's latencies. */
static void time_tick(const struct walk *w, const struct policy *p, const struct sim_traffic *t, struct dice *d, int64_t at_ms,
                      struct reading *r)
{
        const struct judge_bounds *b = &w->judge.bounds;
        struct latency_histogram h;

        for (int a = 0; a < ARM_COUNT; a++) {
                sim_latency_tick(t, d, (enum arm) a, r->all[a].timed, at_ms, &h);
                r->all[a].slow = sim_latency_above(&h, 1000 * p->latency.objective_ms);
                for (int i = 0; i < b->n; i++)
                        r->bounds[a][i] = (struct tail){ h.all, sim_latency_above(&h, b->list[i].us) };
        }
}

/* Bounds from all that was watched, and how stable clustered at each. */
static void choose_bounds(struct walk *w, const struct policy *p, const struct latency_histogram *ticks, int n)
{
        struct latency_histogram sum = ticks[0];
        struct judge_bounds *b = &w->judge.bounds;

        for (int k = 1; k < n; k++) {
                sum.all += ticks[k].all;
                for (int i = 0; i < sum.n; i++)
                        sum.within[i] += ticks[k].within[i];
        }
        judge_bounds_choose(b, &p->latency, &sum, true);
        for (int i = 0; i < b->n; i++)
                for (int k = 0; k < n; k++)
                        judge_bounds_watch(
                                b, i,
                                &(struct counts){ .timed = ticks[k].all, .slow = sim_latency_above(&ticks[k], b->list[i].us) });
}

static void watch(struct walk *w, const struct policy *p, const struct sim_traffic *t, struct dice *d, struct dice *latency)
{
        struct latency_histogram ticks[SIM_WATCHED_MS / SIM_TICK_MS];
        int n = 0;

        for (int64_t at_ms = SIM_TICK_MS; at_ms <= SIM_WATCHED_MS; at_ms += SIM_TICK_MS, n++) {
                struct counts tick[ARM_COUNT];

                sim_traffic_tick(t, d, 0, at_ms - SIM_WATCHED_MS, tick);
                if (t->median_ms[ARM_STABLE] > 0) {
                        sim_latency_tick(t, latency, ARM_STABLE, tick[ARM_STABLE].timed, at_ms - SIM_WATCHED_MS, &ticks[n]);
                        tick[ARM_STABLE].slow = sim_latency_above(&ticks[n], 1000 * p->latency.objective_ms);
                }
                judge_watch(&w->judge, &tick[ARM_STABLE]);
        }
        if (t->median_ms[ARM_STABLE] > 0)
                choose_bounds(w, p, ticks, n);
}

void sim_judge(const struct policy *p, const struct sim_traffic *t, uint64_t seed, int64_t limit_ms, struct sim_outcome *out)
{
        static const struct gate_value no_queries[POLICY_QUERIES_MAX] = { 0 };
        struct dice d = { seed }, latency = { ~seed }; /* of its own, so that others see the same requests */
        struct policy own;
        struct walk w = { 0 };

        memset(out, 0, sizeof *out);
        take_policy(&w, p, t, &own);
        watch(&w, &own, t, &d, &latency);
        for (int64_t at_ms = SIM_TICK_MS; at_ms <= limit_ms; at_ms += SIM_TICK_MS) {
                struct reading r = { .quality = QUALITY_GOOD };

                sim_traffic_tick(t, &d, p->steps[w.step].weight_bp, at_ms, r.all);
                if (t->median_ms[ARM_STABLE] > 0)
                        time_tick(&w, &own, t, &latency, at_ms, &r);
                memcpy(r.fresh, r.all, sizeof r.fresh);
                count_exposure(out, &r.all[ARM_CANDIDATE]);
                judge_add(&w.judge, &own, &r, at_ms);
                judge_decide(&w.judge, &own, QUALITY_GOOD, "", no_queries, &out->verdict);
                if (walk_on(&w, p, at_ms, out))
                        break;
        }
        judge_done(&w.judge);
}

int sim_weight_at(const struct policy *p, int64_t at_ms)
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

                sim_traffic_tick(t, &d, sim_weight_at(p, at_ms), at_ms, tick);
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
