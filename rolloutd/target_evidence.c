/* Asking for evidence, and from the answer to a verdict. */
#include <stdio.h>
#include <string.h>

#include "lib/fault.h"
#include "lib/mem.h"
#include "lib/sampler_histogram.h"
#include "lib/sampler_ticks.h"
#include "rolloutd/target_private.h"

/* WATCH_SERIES: what an instance has, at most, when all bounds of its histogram are asked for. */
enum { RANGE_MOST_MS = 5 * 60 * 1000, WATCH_TICKS_MAX = 120, WATCH_SERIES = 32, WATCH_SAMPLES = 100000 };

/* Before the first step it is only asked whether the candidate is watched. */
bool target_wants_evidence(const struct target *t)
{
        const struct rollout *r = &t->now;
        const struct version_status *c = target_status(t, r->candidate.version);

        if (r->phase == PHASE_PENDING)
                return r->stable.version && c && c->ready > 0;
        return r->phase == PHASE_CANARY || (r->phase == PHASE_PROMOTING && r->stable.version);
}

static int expected(const struct target *t, const struct placed *p)
{
        const struct version_status *s = t->world_known ? target_status(t, p->version) : NULL;

        if (p->version == 0)
                return 0;
        return s && s->ready > 0 ? s->ready : p->replicas;
}

static int bounds_us(const struct judge_bounds *b, int32_t out[COUNTS_BOUNDS_MAX])
{
        for (int i = 0; i < b->n; i++)
                out[i] = b->list[i].us;
        return b->n;
}

static struct sampler_question question(const struct target *t, const struct evidence *ev)
{
        const struct rollout *r = &t->now;
        bool alone = rollout_weight_bp(r) == WEIGHT_ALL;
        struct sampler_question q = {
                .version = { r->stable.version, r->candidate.version },
                .expected = { alone ? 0 : expected(t, &r->stable), expected(t, &r->candidate) },
                .objective_ms = r->policy->latency.on ? r->policy->latency.objective_ms : 0,
                .fresh_since_ms = r->stood ? r->stood_at_ms : INT64_MAX,
                .range_from_ms = ev->server_ms - ev->range_ms,
                .server_ms = ev->server_ms,
                .local_ms = ev->local_ms,
                .scrape_ms = t->env->scrape_ms,
        };

        q.n_bounds = bounds_us(&r->judge.bounds, q.bounds_us);
        return q;
}

/* Healthy requests prove nothing about a weight that traffic does not follow. */
static void check_split(struct target *t, const struct evidence *ev, struct verdict *v)
{
        const struct rollout *r = &t->now;
        const struct counts *s = r->judge.step;
        int64_t b = s[ARM_CANDIDATE].requests, n = b + s[ARM_STABLE].requests;
        char reason[VERDICT_REASON_LEN];

        t->split_matches = r->stood && rollout_weight_bp(r) == 0; /* a preview has no share of the users' requests */
        t->split_matches |=
                r->stood && judge_split_matches(s, rollout_weight_bp(r), ev->server_ms - r->stood_at_ms, t->env->scrape_ms);
        if (v->state != VERDICT_HEALTHY || t->split_matches)
                return;
        snprintf(reason, sizeof reason, "the router is set to %.2f %%, but %.2f %% of %lld requests went to the candidate",
                 rollout_weight_bp(r) / 100.0, n ? 100.0 * (double) b / (double) n : 0, (long long) n);
        verdict_none(v, "split", reason);
}

/* Stable's past in ticks, slow being above the bound. Returns how many. */
static size_t past(const struct target *t, const struct evidence *ev, int64_t bound_us, struct counts out[WATCH_TICKS_MAX])
{
        int64_t tick_ms = t->env->scrape_ms > t->env->tick_ms ? t->env->scrape_ms : t->env->tick_ms;
        size_t n = (size_t) (ev->range_ms / tick_ms);

        n = n < WATCH_TICKS_MAX ? n : WATCH_TICKS_MAX;
        sampler_ticks(ev->series, ev->n, t->now.stable.version, bound_us, ev->server_ms - (int64_t) n * tick_ms, tick_ms, out, n);
        return n;
}

/* Bounds for stable's quantiles that have none, and how stable's slow answers above them clustered. */
static void choose_bounds(struct target *t, const struct evidence *ev, bool untouched)
{
        struct judge_bounds *b = &t->now.judge.bounds;
        const struct policy_share *latency = &t->now.policy->latency;
        const struct sampler_question q = question(t, ev);
        struct latency_histogram stable;
        struct counts ticks[WATCH_TICKS_MAX];

        if (!judge_bounds_wanted(b, latency) || t->now.stable.version == 0 ||
            !sampler_histogram(&q, ev->series, ev->n, &stable, t->reading))
                return;
        int fresh = judge_bounds_choose(b, latency, &stable, untouched);

        for (int i = b->n - fresh; i < b->n; i++) {
                size_t n = past(t, ev, b->list[i].us, ticks);

                for (size_t k = 0; k < n; k++)
                        judge_bounds_watch(b, i, &ticks[k]);
        }
}

/* How stable did before the candidate had traffic: taken anew from each range, so that nothing counts twice. */
static void watch_stable(struct target *t, const struct evidence *ev)
{
        const struct policy_share *latency = &t->now.policy->latency;
        struct counts ticks[WATCH_TICKS_MAX];
        size_t n = past(t, ev, latency->on ? 1000 * latency->objective_ms : 0, ticks);

        judge_watch_again(&t->now.judge);
        for (size_t i = 0; i < n; i++)
                judge_watch(&t->now.judge, &ticks[i]);
        choose_bounds(t, ev, true);
}

/* Have users' requests gone to both versions, as the weight is now? */
static bool compares(const struct rollout *r)
{
        int bp = rollout_weight_bp(r);

        return r->stable.version && bp > 0 && bp < WEIGHT_ALL;
}

/* The newest answers of the PromQL gates, kept for the explanation; and what the judge remembers of them. */
static void take_answers(struct target *t, const struct evidence *ev)
{
        const struct policy *p = t->now.policy;
        bool watch = t->now.phase == PHASE_PENDING;

        if (p->n_queries == 0)
                return;
        if (!t->answers)
                t->answers = xcalloc(POLICY_QUERIES_MAX, sizeof *t->answers);
        memcpy(t->answers, ev->queries, POLICY_QUERIES_MAX * sizeof *t->answers);
        for (int i = 0; i < p->n_queries; i++)
                t->answers[i].apart = policy_compares(&p->queries[i]) && (watch || !compares(&t->now));
        (watch ? judge_watch_answers : judge_answers)(&t->now.judge, p, t->answers);
        for (int i = 0; i < p->n_queries; i++) /* they were borrowed */
                t->answers[i].table[ARM_STABLE] = t->answers[i].table[ARM_CANDIDATE] = NULL;
}

/* The Kayenta gate compares: it has a part in steps in which both versions have traffic, once the weight stands. */
static bool kayenta_has_a_part(const struct rollout *r)
{
        int bp = rollout_weight_bp(r);

        return r->policy->kayenta.n_metrics > 0 && r->phase == PHASE_CANARY && r->stood && bp > 0 && bp < WEIGHT_ALL;
}

static struct kayenta_window kayenta_asks(const struct target *t, int64_t server_ms)
{
        const struct rollout *r = &t->now;

        if (!kayenta_has_a_part(r))
                return (struct kayenta_window){ 0 };
        struct kayenta_window w = kayenta_window(&r->policy->kayenta, r->stood_at_ms, server_ms, t->env->scrape_ms);

        return kayenta_due(t->kayenta, &w) ? w : (struct kayenta_window){ 0 };
}

static void judge_kayenta(struct target *t, const struct evidence *ev, struct verdict *v)
{
        const struct rollout *r = &t->now;

        if (!kayenta_has_a_part(r))
                return;
        if (ev->metrics && ev->kayenta.since_ms == r->stood_at_ms) {
                if (!t->kayenta)
                        t->kayenta = xcalloc(1, sizeof *t->kayenta);
                kayenta_judge(&r->policy->kayenta, &ev->kayenta, ev->metrics, t->kayenta);
        }
        kayenta_decide(&r->policy->kayenta, t->kayenta, r->stood_at_ms, v);
}

static void judge_traffic(struct target *t, const struct evidence *ev, struct verdict *v)
{
        struct rollout *r = &t->now;

        if (ev->ok) {
                judge_add(&r->judge, r->policy, t->reading, ev->server_ms);
                choose_bounds(t, ev, false); /* what comes after this is evidence */
        }
        judge_decide(&r->judge, r->policy, t->reading->quality, t->reading->reason, t->answers, v);
}

static void judge_preview(struct target *t, const struct evidence *ev, struct verdict *v)
{
        struct rollout *r = &t->now;

        if (ev->ok) {
                judge_add_preview(&r->judge, t->reading, ev->server_ms);
                choose_bounds(t, ev, false);
        }
        judge_decide_preview(&r->judge, r->policy, t->reading->quality, t->reading->reason, t->answers, v);
}

static void judge_it(struct target *t, const struct evidence *ev)
{
        struct rollout *r = &t->now;
        struct verdict v;

        if (r->phase == PHASE_PENDING) { /* there is nothing to judge yet, only whether one could */
                take_answers(t, ev);
                if (ev->ok)
                        watch_stable(t, ev);
                if (t->reading->quality == QUALITY_GOOD)
                        return;
                verdict_none(&v, quality_name(t->reading->quality), t->reading->reason);
        } else {
                take_answers(t, ev);
                if (rollout_weight_bp(r) == 0)
                        judge_preview(t, ev, &v);
                else
                        judge_traffic(t, ev, &v);
                check_split(t, ev, &v);
                judge_kayenta(t, ev, &v);
        }
        rollout_judged(r, &v, target_wall(t));
        t->edits++;
        if (v.state == VERDICT_BREACH)
                fault_point("verdict");
}

static void answered(void *arg, const struct evidence *ev)
{
        struct target *t = arg;

        t->asking = false;
        t->news = true;
        target_wake(t);
        if (t->loading || !target_wants_evidence(t))
                return;
        if (!t->reading)
                t->reading = xcalloc(1, sizeof *t->reading);
        if (ev->ok) {
                struct sampler_question q = question(t, ev);

                t->skew_ms = ev->server_ms - ev->local_ms;
                sampler_read(&t->now.sampler, &q, ev->series, ev->n, t->reading);
        } else {
                *t->reading = (struct reading){ .quality = QUALITY_UNREACHABLE };
                snprintf(t->reading->reason, sizeof t->reading->reason, "%s", ev->why);
        }
        judge_it(t, ev);
}

/* How much of stable's past is asked for. With every bound of the histogram it is less where there are many instances: reading the
 * answer must not keep the loop from a rollback. */
static int64_t watch_ms(const struct target *t, bool every_bound)
{
        int64_t instances = expected(t, &t->now.stable) + expected(t, &t->now.candidate);
        int64_t scrapes = WATCH_SAMPLES / (WATCH_SERIES * (instances > 0 ? instances : 1));

        if (!every_bound || scrapes * t->env->scrape_ms > RANGE_MOST_MS)
                return RANGE_MOST_MS;
        return (scrapes > 3 ? scrapes : 3) * t->env->scrape_ms;
}

void target_inquire(struct target *t)
{
        const struct rollout *r = &t->now;
        int64_t server_ms = target_wall(t) + t->skew_ms;
        bool choosing = r->stable.version && rollout_weight_bp(r) < WEIGHT_ALL &&
                        (r->phase == PHASE_PENDING ? r->policy->latency.n_quantiles > 0
                                                   : judge_bounds_wanted(&r->judge.bounds, &r->policy->latency));
        int64_t least_ms = r->phase == PHASE_PENDING || choosing ? watch_ms(t, choosing) : 3 * t->env->scrape_ms;

        t->ask_at_ms = target_now(t) + t->env->tick_ms;
        if (t->asking)
                return;
        t->asking = true;
        struct evidence_question q = {
                .target = r->target,
                .model = r->model,
                .version = { r->stable.version, r->candidate.version },
                .range_ms = sampler_range_ms(&r->sampler, server_ms, least_ms, RANGE_MOST_MS),
                .server_ms = server_ms,
                .every_bound = choosing,
                .policy = r->policy,
                .kayenta = kayenta_asks(t, server_ms),
        };

        q.n_bounds = bounds_us(&r->judge.bounds, q.bounds_us);
        t->env->evidence->ask(t->env->evidence, &q, answered, t);
}
