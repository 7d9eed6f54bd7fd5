/* The gates, and the sentence that each of them says. */
#include "lib/judge.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/utf8.h"

static const double limit_z = 3;
enum { LIMIT_BAD_LEAST = 5 };

static const char *const state_names[] = {
        [VERDICT_NO_EVIDENCE] = "no-evidence",
        [VERDICT_HEALTHY] = "healthy",
        [VERDICT_BREACH] = "breach",
};

const char *verdict_state_name(enum verdict_state s)
{
        return state_names[s];
}

int verdict_state_parse(const char *text, enum verdict_state *out)
{
        for (int i = 0; i <= VERDICT_BREACH; i++)
                if (strcmp(text, state_names[i]) == 0) {
                        *out = (enum verdict_state) i;
                        return 0;
                }
        return -1;
}

static void say(struct verdict *v, enum verdict_state state, const char *gate, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
static void say(struct verdict *v, enum verdict_state state, const char *gate, const char *fmt, ...)
{
        va_list ap;

        v->state = state;
        snprintf(v->gate, sizeof v->gate, "%s", gate);
        va_start(ap, fmt);
        vsnprintf(v->reason, sizeof v->reason, fmt, ap);
        va_end(ap);
        utf8_clean(v->reason);
}

void verdict_none(struct verdict *v, const char *gate, const char *reason)
{
        *v = (struct verdict){ 0 };
        say(v, VERDICT_NO_EVIDENCE, gate, "%s", reason);
}

static void number(struct verdict *v, const char *name, double value)
{
        struct verdict_number *n = &v->numbers[v->n_numbers];

        if (v->n_numbers == VERDICT_NUMBERS_MAX)
                return;
        snprintf(n->name, sizeof n->name, "%s", name);
        n->value = value;
        v->n_numbers++;
}

static double percent(int64_t x, int64_t n)
{
        return n > 0 ? 100.0 * (double) x / (double) n : 0;
}

/* Evidence as odds for people and JSON: never infinite. */
static double odds(double log_e)
{
        return exp(fmin(log_e, 27.6)); /* 1e12 */
}

/* --- the two built-in gates look at a share of requests alike --- */

struct share_gate {
        const struct policy_share *rule;
        const struct judge_compare *test;
        const char *ratio_gate, *limit_gate;
        const char *did;                             /* "failed": the candidate failed 3 of 5 requests */
        int64_t bad[3][ARM_COUNT], of[3][ARM_COUNT]; /* of total, step and window */
};

enum { SPAN_TOTAL, SPAN_STEP, SPAN_WINDOW };

static void fill_span(struct share_gate *g, int span, const struct counts c[ARM_COUNT], bool latency)
{
        for (int a = 0; a < ARM_COUNT; a++) {
                g->bad[span][a] = latency ? c[a].slow : c[a].errors;
                g->of[span][a] = latency ? c[a].timed : c[a].requests;
        }
}

static void share_gates(const struct judge *j, const struct policy *p, struct share_gate g[2])
{
        struct counts window[ARM_COUNT];

        g[0] = (struct share_gate){ .rule = &p->error_rate,
                                    .test = &j->errors,
                                    .ratio_gate = "error-rate",
                                    .limit_gate = "error-limit",
                                    .did = "failed" };
        g[1] = (struct share_gate){ .rule = &p->latency,
                                    .test = &j->slow,
                                    .ratio_gate = "latency",
                                    .limit_gate = "latency-limit",
                                    .did = "was too slow for" };
        for (int a = 0; a < ARM_COUNT; a++) {
                window[a] = j->window[0][a];
                counts_add(&window[a], &j->window[1][a]);
        }
        for (int i = 0; i < 2; i++) {
                fill_span(&g[i], SPAN_TOTAL, j->total, i == 1);
                fill_span(&g[i], SPAN_STEP, j->step, i == 1);
                fill_span(&g[i], SPAN_WINDOW, window, i == 1);
        }
}

static bool over_limit(const struct share_gate *g, int span, enum arm a)
{
        return g->bad[span][a] >= LIMIT_BAD_LEAST && judge_wilson_low(g->bad[span][a], g->of[span][a], limit_z) > g->rule->limit;
}

/* True when the limit has something to say: a breach, or that stable breaks it too. */
static bool limit_speaks(const struct share_gate *g, struct verdict *v)
{
        if (!g->rule->on || g->rule->limit == 0)
                return false;
        for (int span = SPAN_WINDOW; span >= SPAN_STEP; span--) {
                int64_t bad = g->bad[span][ARM_CANDIDATE], of = g->of[span][ARM_CANDIDATE];

                if (!over_limit(g, span, ARM_CANDIDATE))
                        continue;
                double low = judge_wilson_low(bad, of, limit_z);
                bool both = over_limit(g, span, ARM_STABLE);

                say(v, both ? VERDICT_NO_EVIDENCE : VERDICT_BREACH, g->limit_gate,
                    "the candidate %s %lld of %lld requests (%.2f %%), surely more than %.2f %%; the limit is %.2f %%%s", g->did,
                    (long long) bad, (long long) of, percent(bad, of), 100 * low, 100 * g->rule->limit,
                    both ? ", but stable is above it too" : "");
                number(v, "candidate_bad", (double) bad);
                number(v, "candidate_requests", (double) of);
                number(v, "share_at_least", low);
                number(v, "limit", g->rule->limit);
                return true;
        }
        return false;
}

static double log_needed(const struct policy *p)
{
        return -log(p->false_rollback / policy_comparisons(p));
}

static bool ratio_breaks(const struct share_gate *g, const struct policy *p, struct verdict *v)
{
        const int64_t *bad = g->bad[SPAN_TOTAL], *of = g->of[SPAN_TOTAL];

        if (!g->rule->on || g->rule->max_ratio == 0 || g->test->worse.peak < log_needed(p))
                return false;
        say(v, VERDICT_BREACH, g->ratio_gate,
            "the candidate %s %lld of %lld requests (%.2f %%), stable %lld of %lld (%.2f %%): "
            "%.0f to 1 that this is more than %.2f times stable's share, where %.0f to 1 is enough",
            g->did, (long long) bad[ARM_CANDIDATE], (long long) of[ARM_CANDIDATE], percent(bad[ARM_CANDIDATE], of[ARM_CANDIDATE]),
            (long long) bad[ARM_STABLE], (long long) of[ARM_STABLE], percent(bad[ARM_STABLE], of[ARM_STABLE]),
            odds(g->test->worse.peak), g->rule->max_ratio, odds(log_needed(p)));
        number(v, "candidate_bad", (double) bad[ARM_CANDIDATE]);
        number(v, "candidate_requests", (double) of[ARM_CANDIDATE]);
        number(v, "stable_bad", (double) bad[ARM_STABLE]);
        number(v, "stable_requests", (double) of[ARM_STABLE]);
        number(v, "evidence", odds(g->test->worse.peak));
        number(v, "evidence_needed", odds(log_needed(p)));
        number(v, "max_ratio", g->rule->max_ratio);
        return true;
}

/* --- PromQL gates --- */

static bool query_breaks(const struct policy_query *q, const struct gate_value *value, struct verdict *v)
{
        bool low = q->has_min && value->known && value->value < q->min;
        bool high = q->has_max && value->known && value->value > q->max;

        if (!low && !high)
                return false;
        say(v, VERDICT_BREACH, q->name, "%s is %g, %s %g", q->name, value->value, low ? "below" : "above", low ? q->min : q->max);
        number(v, "value", value->value);
        number(v, low ? "min" : "max", low ? q->min : q->max);
        return true;
}

static bool query_silent(const struct policy *p, const struct gate_value *values, struct verdict *v)
{
        for (int i = 0; i < p->n_queries; i++)
                if (!values[i].known) {
                        say(v, VERDICT_NO_EVIDENCE, p->queries[i].name, "%s: %s", p->queries[i].name, values[i].why);
                        return true;
                }
        return false;
}

/* --- the verdict --- */

static bool breaks(const struct policy *p, const struct share_gate g[2], const struct gate_value *queries, struct verdict *v)
{
        for (int i = 0; i < 2; i++)
                if (limit_speaks(&g[i], v) && v->state == VERDICT_BREACH)
                        return true;
        for (int i = 0; i < 2; i++)
                if (ratio_breaks(&g[i], p, v))
                        return true;
        for (int i = 0; i < p->n_queries; i++)
                if (query_breaks(&p->queries[i], &queries[i], v))
                        return true;
        return false;
}

static void say_healthy(const struct judge *j, const struct policy *p, const struct share_gate g[2], struct verdict *v)
{
        const struct counts *c = &j->step[ARM_CANDIDATE], *s = &j->step[ARM_STABLE];
        double log_e = fmax(judge_ratio_log_e(&j->errors.worse), judge_ratio_log_e(&j->slow.worse));

        say(v, VERDICT_HEALTHY, "",
            "the candidate failed %lld of %lld requests (%.2f %%), stable %lld of %lld (%.2f %%); %lld and %lld were too slow",
            (long long) c->errors, (long long) c->requests, percent(c->errors, c->requests), (long long) s->errors,
            (long long) s->requests, percent(s->errors, s->requests), (long long) c->slow, (long long) s->slow);
        number(v, "candidate_requests", (double) c->requests);
        number(v, "candidate_errors", (double) c->errors);
        number(v, "candidate_slow", (double) c->slow);
        number(v, "stable_requests", (double) s->requests);
        number(v, "stable_errors", (double) s->errors);
        number(v, "stable_slow", (double) s->slow);
        if (g[0].rule->max_ratio > 0 || g[1].rule->max_ratio > 0) {
                number(v, "evidence", odds(log_e));
                number(v, "evidence_needed", odds(log_needed(p)));
        }
}

static void decide(const struct judge *j, const struct policy *p, int64_t min_requests, enum quality quality, const char *reason,
                   const struct gate_value *queries, struct verdict *out)
{
        struct share_gate gates[2];
        struct verdict v = { 0 };
        int64_t seen = j->step[ARM_CANDIDATE].requests;

        share_gates(j, p, gates);
        if (breaks(p, gates, queries, &v)) {
                *out = v;
                return;
        }
        v = (struct verdict){ 0 };
        if (quality != QUALITY_GOOD) {
                say(&v, VERDICT_NO_EVIDENCE, quality_name(quality), "%s", reason);
        } else if (limit_speaks(&gates[0], &v) || limit_speaks(&gates[1], &v) || query_silent(p, queries, &v)) {
                /* the sentence has been said */
        } else if (seen < min_requests) {
                say(&v, VERDICT_NO_EVIDENCE, "requests", "the candidate has had %lld of the %lld requests that this step needs",
                    (long long) seen, (long long) min_requests);
                number(&v, "candidate_requests", (double) seen);
                number(&v, "min_requests", (double) min_requests);
        } else {
                say_healthy(j, p, gates, &v);
        }
        *out = v;
}

void judge_decide(const struct judge *j, const struct policy *p, enum quality quality, const char *reason,
                  const struct gate_value *queries, struct verdict *out)
{
        decide(j, p, p->min_requests, quality, reason, queries, out);
}

void judge_decide_preview(const struct judge *j, const struct policy *p, enum quality quality, const char *reason,
                          const struct gate_value *queries, struct verdict *out)
{
        decide(j, p, 0, quality, reason, queries, out);
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
}

static void turn_window(struct judge *j, int64_t server_ms)
{
        int64_t age_ms = server_ms - j->window_since_ms;

        if (age_ms < JUDGE_WINDOW_MS)
                return;
        for (int i = 0; i < ARM_COUNT; i++) {
                j->window[1][i] = age_ms < 2 * JUDGE_WINDOW_MS ? j->window[0][i] : (struct counts){ 0 };
                j->window[0][i] = (struct counts){ 0 };
        }
        j->window_since_ms = server_ms;
}

/* The arms are scraped at different moments: what has no counterpart yet waits for it. */
static void compare(struct judge *j, const struct policy *p)
{
        struct counts *a = &j->unpaired[ARM_STABLE], *b = &j->unpaired[ARM_CANDIDATE];

        if (a->requests > 0 && b->requests > 0) {
                if (p->error_rate.max_ratio > 0)
                        judge_compare_add(&j->errors, p->error_rate.max_ratio, 0, a->requests, a->errors, b->requests, b->errors);
                a->requests = a->errors = b->requests = b->errors = 0;
        }
        if (a->timed > 0 && b->timed > 0) {
                if (p->latency.max_ratio > 0)
                        judge_compare_add(&j->slow, p->latency.max_ratio, 0, a->timed, a->slow, b->timed, b->slow);
                a->timed = a->slow = b->timed = b->slow = 0;
        }
}

void judge_add(struct judge *j, const struct policy *p, const struct reading *r, int64_t server_ms)
{
        turn_window(j, server_ms);
        for (int i = 0; i < ARM_COUNT; i++) {
                counts_add(&j->total[i], &r->all[i]);
                counts_add(&j->unpaired[i], &r->all[i]);
                counts_add(&j->window[0][i], &r->all[i]);
                counts_add(&j->step[i], &r->fresh[i]);
        }
        compare(j, p);
}

void judge_add_preview(struct judge *j, const struct reading *r, int64_t server_ms)
{
        turn_window(j, server_ms);
        for (int i = 0; i < ARM_COUNT; i++) {
                counts_add(&j->window[0][i], &r->all[i]);
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
