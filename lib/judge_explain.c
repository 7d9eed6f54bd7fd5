/* Gates one by one. */
#include "lib/judge_explain.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/judge_query.h"
#include "lib/judge_share.h"

static const char *const kinds[] = {
        [VIEW_COMPARISON] = "comparison", [VIEW_LIMIT] = "limit", [VIEW_BUDGET] = "budget", [VIEW_QUERY] = "query",
        [VIEW_SHARE] = "share",           [VIEW_RATIO] = "ratio", [VIEW_DRIFT] = "drift",   [VIEW_MEAN] = "mean",
};

const char *judge_view_kind_name(enum judge_view_kind k)
{
        return kinds[k];
}

/* A view in which the gate's own verdict, if it has one, is taken over. */
static void begin(struct judge_view *w, const char *gate, enum judge_view_kind kind, const struct judge_share *s,
                  enum judge_span span, bool speaks, const struct verdict *v)
{
        *w = (struct judge_view){ .kind = kind, .state = VERDICT_HEALTHY };
        snprintf(w->gate, sizeof w->gate, "%s", gate);
        if (s)
                for (int a = 0; a < ARM_COUNT; a++) {
                        w->bad[a] = s->bad[span][a];
                        w->of[a] = s->of[span][a];
                }
        if (s && w->of[ARM_CANDIDATE] == 0)
                w->state = VERDICT_NO_EVIDENCE;
        if (speaks) {
                w->state = v->state;
                snprintf(w->says, sizeof w->says, "%s", v->reason);
        }
}

static void compare(const struct judge_share *s, struct judge_view *w)
{
        struct verdict v = { 0 };
        bool broken = judge_share_ratio(s, &v), unproved = !broken && judge_share_unproved(s, &v);

        begin(w, s->ratio_gate, VIEW_COMPARISON, s, SPAN_TOTAL, broken || unproved, &v);
        if (w->of[ARM_STABLE] == 0)
                w->state = VERDICT_NO_EVIDENCE;
        w->limit = s->rule->max_ratio;
        if (w->limit > 0) {
                w->false_rollback = exp(-s->log_needed);
                w->evidence = judge_odds(judge_ratio_log_e(&s->test->worse));
                w->evidence_needed = judge_odds(s->log_needed);
                w->always_valid_p = fmin(1, exp(-s->test->worse.peak));
        }
        judge_effect_interval(&s->test->effect, .05, &w->ratio);
        w->burst = judge_spread_burst(&s->test->spread);
        if (s->rule->sound_ratio > 0) {
                w->proof = judge_odds(judge_compare_sound(s->test)->peak);
                w->proof_needed = judge_odds(s->log_proof);
                w->requests_missing = judge_share_missing(s);
                w->seconds_missing = s->rate > 0 ? w->requests_missing / s->rate : -1;
        }
}

/* The comparison at the objective stands for some of stable's quantiles, too. */
static void explain_objective(const struct judge *j, const struct policy *p, struct judge_view *w)
{
        w->bound_ms = (double) p->latency.objective_ms;
        w->quantiles = judge_quantiles_text(&p->latency, j->bounds.at_objective);
}

static void explain_bound(const struct judge_bound *b, const struct policy *p, double log_needed, struct judge_view *w)
{
        struct verdict v = { 0 };
        char gate[NAME_MAX_LEN + 1];
        bool broken = judge_bound_breaks(b, &p->latency, log_needed, &v);

        judge_bound_gate(b, &p->latency, gate);
        begin(w, gate, VIEW_COMPARISON, NULL, SPAN_TOTAL, broken, &v);
        for (int a = 0; a < ARM_COUNT; a++) {
                w->bad[a] = b->total[a].above;
                w->of[a] = b->total[a].of;
        }
        if (!broken && (w->of[ARM_STABLE] == 0 || w->of[ARM_CANDIDATE] == 0))
                w->state = VERDICT_NO_EVIDENCE;
        w->limit = p->latency.max_ratio;
        w->false_rollback = exp(-log_needed);
        w->evidence = judge_odds(judge_ratio_log_e(&b->worse));
        w->evidence_needed = judge_odds(log_needed);
        w->always_valid_p = fmin(1, exp(-b->worse.peak));
        judge_effect_interval(&b->effect, .05, &w->ratio);
        w->burst = judge_spread_burst(&b->spread);
        w->bound_ms = b->us / 1000.0;
        w->quantiles = judge_quantiles_text(&p->latency, b->quantiles);
        w->share_ratio = judge_bound_ratio(b, &p->latency);
}

static int explain_bounds(const struct judge *j, const struct policy *p, double log_needed, struct judge_view *out)
{
        struct verdict v = { 0 };
        int n = 0;

        for (; n < j->bounds.n; n++)
                explain_bound(&j->bounds.list[n], p, log_needed, &out[n]);
        if (!judge_bounds_open(&j->bounds, &p->latency, &v))
                return n;
        begin(&out[n], v.gate, VIEW_COMPARISON, NULL, SPAN_TOTAL, true, &v);
        out[n].limit = p->latency.max_ratio;
        out[n].false_rollback = exp(-log_needed);
        out[n].evidence = out[n].always_valid_p = out[n].burst = 1;
        out[n].evidence_needed = judge_odds(log_needed);
        return n + 1;
}

static int explain_share(const struct judge_share *s, struct judge_view *out)
{
        struct judge_burning burning;
        int n = 0;

        if (!s->rule->on)
                return 0;
        if (s->rule->max_ratio > 0 || s->rule->sound_ratio > 0)
                compare(s, &out[n++]);
        if (s->rule->limit > 0) {
                struct verdict v = { 0 };
                bool speaks = judge_share_limit(s, &v);

                begin(&out[n], s->limit_gate, VIEW_LIMIT, s, SPAN_STEP, speaks, &v);
                out[n++].limit = s->rule->limit;
        }
        if (s->rule->budget > 0) {
                struct verdict v = { 0 };
                bool speaks = judge_share_budget(s, &v);

                judge_burn_look(s->burn, s->rule->budget, &burning);
                begin(&out[n], s->budget_gate, VIEW_BUDGET, s, SPAN_STEP, speaks, &v);
                out[n].limit = s->rule->budget;
                out[n++].burn_rate = burning.rate;
        }
        return n;
}

static void explain_query(const struct judge *j, const struct policy *p, int i, const struct gate_value *queries,
                          struct judge_view *w)
{
        static const struct gate_value unknown = { .why = "not asked yet" };
        struct judge_asked asked = judge_asked(j, p, i, queries ? &queries[i] : &unknown);
        const struct judge_query_kind *kind = judge_query_kind(asked.q);
        struct verdict v = { 0 };
        bool speaks = judge_query(j, p, i, asked.value, &v);

        begin(w, p->queries[i].name, kind->view_kind, NULL, SPAN_TOTAL, speaks, &v);
        w->query = p->queries[i].query;
        kind->view(j, &asked, w);
}

int judge_explain(const struct judge *j, const struct policy *p, const struct gate_value *queries,
                  struct judge_view out[JUDGE_VIEWS_MAX])
{
        struct judge_share g[2];
        int n = 0;

        judge_shares(j, p, g);
        n += explain_share(&g[0], out);
        int latency = n;

        n += explain_share(&g[1], out + n);
        if (n > latency && out[latency].kind == VIEW_COMPARISON)
                explain_objective(j, p, &out[latency]);
        n += explain_bounds(j, p, g[1].log_needed, out + n);
        for (int i = 0; i < p->n_queries; i++)
                explain_query(j, p, i, queries, &out[n++]);
        return n;
}
