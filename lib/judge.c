/* The judge's memory, and the verdict from it. */
#include "lib/judge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/judge_query.h"
#include "lib/judge_share.h"

/* --- PromQL gates: judge_query.h --- */

void judge_answers(struct judge *j, const struct policy *p, const struct gate_value *queries)
{
        for (int i = 0; i < p->n_queries; i++) {
                struct judge_asked a = judge_asked(j, p, i, &queries[i]);

                const struct judge_query_kind *kind = judge_query_kind(a.q);
                double before = kind->counted ? kind->counted(j, i) : 0;

                kind->look(j, &a);
                if (kind->counted && kind->counted(j, i) > before)
                        j->fresh |= 1U << i;
        }
}

void judge_watch_answers(struct judge *j, const struct policy *p, const struct gate_value *queries)
{
        for (int i = 0; i < p->n_queries; i++) {
                struct judge_asked a = judge_asked(j, p, i, &queries[i]);

                if (policy_compares(a.q))
                        judge_query_kind(a.q)->look(j, &a);
        }
}

static bool gate_breaks(const struct judge *j, const struct policy *p, int i, const struct gate_value *value, struct verdict *v)
{
        struct judge_asked a = judge_asked(j, p, i, value);

        return judge_query_kind(a.q)->breaks(j, &a, v);
}

static bool gate_open(const struct judge *j, const struct policy *p, int i, const struct gate_value *value, struct verdict *v)
{
        struct judge_asked a = judge_asked(j, p, i, value);

        return judge_query_kind(a.q)->open(j, &a, v);
}

bool judge_query(const struct judge *j, const struct policy *p, int i, const struct gate_value *value, struct verdict *v)
{
        return gate_breaks(j, p, i, value, v) || gate_open(j, p, i, value, v);
}

static bool queries_open(const struct judge *j, const struct policy *p, const struct gate_value *values, struct verdict *v)
{
        for (int i = 0; i < p->n_queries; i++)
                if (gate_open(j, p, i, &values[i], v))
                        return true;
        return false;
}

/* --- the verdict --- */

static bool breaks(const struct judge *j, const struct policy *p, const struct judge_share g[2], const struct gate_value *queries,
                   struct verdict *v)
{
        static bool (*const gates[])(const struct judge_share *, struct verdict *) = { judge_share_limit, judge_share_budget,
                                                                                       judge_share_ratio };

        for (size_t k = 0; k < sizeof gates / sizeof *gates; k++)
                for (int i = 0; i < 2; i++)
                        if (gates[k](&g[i], v) && v->state == VERDICT_BREACH)
                                return true;
        for (int i = 0; i < j->bounds.n; i++)
                if (judge_bound_breaks(&j->bounds.list[i], &p->latency, g[1].log_needed, v))
                        return true;
        for (int i = 0; i < p->n_queries; i++)
                if (gate_breaks(j, p, i, &queries[i], v))
                        return true;
        return false;
}

/* Where stable and candidate both serve, all of stable's quantiles have to be known. */
static bool bounds_open(const struct judge *j, const struct policy *p, struct verdict *v)
{
        return j->step[ARM_STABLE].requests > 0 && judge_bounds_open(&j->bounds, &p->latency, v);
}

/* Limits and budgets speak without a breach when stable is above them too. */
static bool shared_trouble(const struct judge_share g[2], struct verdict *v)
{
        for (int i = 0; i < 2; i++)
                if (judge_share_limit(&g[i], v) || judge_share_budget(&g[i], v))
                        return true;
        return false;
}

static bool too_few(const struct judge *j, const struct judge_share *g, int64_t min_requests, struct verdict *v)
{
        int64_t seen = j->step[ARM_CANDIDATE].requests, n = seen + j->step[ARM_STABLE].requests;
        double of_candidate = n > 0 ? (double) seen / (double) n * g->rate : 0;

        if (seen >= min_requests)
                return false;
        double missing_s = of_candidate > 0 ? (double) (min_requests - seen) / of_candidate : 0;
        char how_long[48] = "";

        if (missing_s > 0)
                snprintf(how_long, sizeof how_long, "; about %.3g minutes more at this rate", missing_s / 60);
        verdict_say(v, VERDICT_NO_EVIDENCE, "requests", "the candidate has had %lld of the %lld requests that this step needs%s",
                    (long long) seen, (long long) min_requests, how_long);
        verdict_number(v, "candidate_requests", (double) seen);
        verdict_number(v, "min_requests", (double) min_requests);
        if (missing_s > 0)
                verdict_number(v, "seconds_missing", missing_s);
        return true;
}

static void say_healthy(const struct judge *j, const struct judge_share g[2], struct verdict *v)
{
        const struct counts *c = &j->step[ARM_CANDIDATE], *s = &j->step[ARM_STABLE];
        double log_e = fmax(judge_ratio_log_e(&j->errors.worse), judge_ratio_log_e(&j->slow.worse));

        for (int i = 0; i < j->bounds.n; i++)
                log_e = fmax(log_e, judge_ratio_log_e(&j->bounds.list[i].worse));

        verdict_say(v, VERDICT_HEALTHY, "",
                    "the candidate failed %lld of %lld requests (%.2f %%), stable %lld of %lld (%.2f %%); %lld and %lld were too "
                    "slow",
                    (long long) c->errors, (long long) c->requests, judge_percent(c->errors, c->requests), (long long) s->errors,
                    (long long) s->requests, judge_percent(s->errors, s->requests), (long long) c->slow, (long long) s->slow);
        verdict_number(v, "candidate_requests", (double) c->requests);
        verdict_number(v, "candidate_errors", (double) c->errors);
        verdict_number(v, "candidate_slow", (double) c->slow);
        verdict_number(v, "stable_requests", (double) s->requests);
        verdict_number(v, "stable_errors", (double) s->errors);
        verdict_number(v, "stable_slow", (double) s->slow);
        if (g[0].rule->max_ratio > 0 || g[1].rule->max_ratio > 0) {
                verdict_number(v, "evidence", judge_odds(log_e));
                verdict_number(v, "evidence_needed", judge_odds(g[0].log_needed));
        }
}

static void decide(const struct judge *j, const struct policy *p, bool preview, enum quality quality, const char *reason,
                   const struct gate_value *queries, struct verdict *out)
{
        struct judge_share g[2];
        struct verdict v = { 0 };

        judge_shares(j, p, g);
        if (breaks(j, p, g, queries, &v)) {
                *out = v;
                return;
        }
        v = (struct verdict){ 0 };
        if (quality != QUALITY_GOOD)
                verdict_say(&v, VERDICT_NO_EVIDENCE, quality_name(quality), "%s", reason);
        else if (!shared_trouble(g, &v) && !queries_open(j, p, queries, &v) &&
                 !too_few(j, g, preview ? 0 : p->min_requests, &v) &&
                 (preview || (!bounds_open(j, p, &v) && !judge_share_unproved(&g[0], &v) && !judge_share_unproved(&g[1], &v))))
                say_healthy(j, g, &v);
        *out = v;
}

void judge_decide(const struct judge *j, const struct policy *p, enum quality quality, const char *reason,
                  const struct gate_value *queries, struct verdict *out)
{
        decide(j, p, false, quality, reason, queries, out);
}

void judge_decide_preview(const struct judge *j, const struct policy *p, enum quality quality, const char *reason,
                          const struct gate_value *queries, struct verdict *out)
{
        decide(j, p, true, quality, reason, queries, out);
}

void judge_done(struct judge *j)
{
        judge_bounds_done(&j->bounds);
        judge_gates_free(j->gates);
        judge_compare_done(&j->errors);
        judge_compare_done(&j->slow);
        *j = (struct judge){ 0 };
}

size_t judge_bytes(const struct judge *j)
{
        return sizeof *j + judge_compare_more(&j->errors) + judge_compare_more(&j->slow) +
               (size_t) j->bounds.n * sizeof *j->bounds.list + judge_gates_bytes(j->gates);
}

int judge_comparisons(const struct judge *j, const struct policy *p)
{
        return policy_comparisons(p) - j->bounds.merged;
}

void judge_watch_again(struct judge *j)
{
        judge_bounds_done(&j->bounds);
        j->errors.spread = j->slow.spread = (struct judge_spread){ 0 };
}

void judge_watch(struct judge *j, const struct counts *stable)
{
        judge_spread_add(&j->errors.spread, stable->requests, stable->errors);
        judge_spread_add(&j->slow.spread, stable->timed, stable->slow);
}

void judge_next_step(struct judge *j)
{
        memset(j->step, 0, sizeof j->step);
        memset(j->window, 0, sizeof j->window);
        j->window_since_ms = 0;
        j->step_since_ms = 0;
        j->fresh = 0;
}

static void minute_add(struct judge_minute *to, const struct counts *more)
{
        to->requests += (float) more->requests;
        to->errors += (float) more->errors;
        to->timed += (float) more->timed;
        to->slow += (float) more->slow;
}

static void turn_window(struct judge *j, int64_t server_ms)
{
        int64_t age_ms = server_ms - j->window_since_ms;

        if (age_ms < JUDGE_WINDOW_MS)
                return;
        for (int i = 0; i < ARM_COUNT; i++) {
                j->window[1][i] = age_ms < 2 * JUDGE_WINDOW_MS ? j->window[0][i] : (struct judge_minute){ 0 };
                j->window[0][i] = (struct judge_minute){ 0 };
        }
        j->window_since_ms = server_ms;
}

static bool compared(const struct policy_share *s)
{
        return s->on && (s->max_ratio > 0 || s->sound_ratio > 0);
}

/* What needs the time between two looks. */
static void pass_time(struct judge *j, const struct reading *r, int64_t server_ms)
{
        const struct counts *c = &r->all[ARM_CANDIDATE];
        int64_t since_ms = j->last_ms && server_ms > j->last_ms ? server_ms - j->last_ms : 0;

        turn_window(j, server_ms);
        judge_burn_add(&j->burn[0], since_ms, c->requests, c->errors);
        judge_burn_add(&j->burn[1], since_ms, c->timed, c->slow);
        j->last_ms = server_ms;
        if (j->step_since_ms == 0)
                j->step_since_ms = server_ms;
}

static void compare_share(struct judge_compare *c, const struct policy_share *s, const float n[2], const float x[2])
{
        if (compared(s))
                judge_compare_add(c, s->max_ratio, s->sound_ratio, (int64_t) n[0], (int64_t) x[0], (int64_t) n[1],
                                  (int64_t) x[1]);
}

/* The arms are scraped at different moments: what has no counterpart yet waits for it. */
static void compare(struct judge *j, const struct policy *p)
{
        struct judge_minute *a = &j->unpaired[ARM_STABLE], *b = &j->unpaired[ARM_CANDIDATE];

        if (a->requests > 0 && b->requests > 0) {
                compare_share(&j->errors, &p->error_rate, (const float[]){ a->requests, b->requests },
                              (const float[]){ a->errors, b->errors });
                a->requests = a->errors = b->requests = b->errors = 0;
        }
        if (a->timed > 0 && b->timed > 0) {
                compare_share(&j->slow, &p->latency, (const float[]){ a->timed, b->timed }, (const float[]){ a->slow, b->slow });
                a->timed = a->slow = b->timed = b->slow = 0;
        }
}

void judge_add(struct judge *j, const struct policy *p, const struct reading *r, int64_t server_ms)
{
        pass_time(j, r, server_ms);
        for (int i = 0; i < ARM_COUNT; i++) {
                counts_add(&j->total[i], &r->all[i]);
                minute_add(&j->unpaired[i], &r->all[i]);
                minute_add(&j->window[0][i], &r->all[i]);
                counts_add(&j->step[i], &r->fresh[i]);
        }
        compare(j, p);
        judge_bounds_add(&j->bounds, &p->latency, r->bounds);
}

void judge_add_preview(struct judge *j, const struct reading *r, int64_t server_ms)
{
        pass_time(j, r, server_ms);
        for (int i = 0; i < ARM_COUNT; i++) {
                minute_add(&j->window[0][i], &r->all[i]);
                counts_add(&j->step[i], &r->fresh[i]);
        }
}

bool judge_split_matches(const struct counts step[ARM_COUNT], int weight_bp, int64_t elapsed_ms, int64_t scrape_ms)
{
        double b = (double) step[ARM_CANDIDATE].requests, n = b + (double) step[ARM_STABLE].requests;
        double p = weight_bp / 10000.0, expected = n * p;

        if (n == 0 || elapsed_ms <= 0)
                return false;
        double phase = expected * (1 - p) * fmin(1, 2.0 * (double) scrape_ms / (double) elapsed_ms);

        return fabs(b - expected) <= 4 * sqrt(expected * (1 - p)) + phase + 3;
}
