/* Limits, budgets, comparisons and proofs. */
#include "lib/judge_share.h"

#include <math.h>
#include <stdio.h>

static const double limit_z = 3;
enum { LIMIT_BAD_LEAST = 5 };

double judge_percent(int64_t x, int64_t n)
{
        return n > 0 ? 100.0 * (double) x / (double) n : 0;
}

double judge_odds(double log_e)
{
        return exp(fmin(log_e, 27.6)); /* 1e12 */
}

static void fill_span(struct judge_share *s, enum judge_span span, const struct counts c[ARM_COUNT], bool latency)
{
        for (int a = 0; a < ARM_COUNT; a++) {
                s->bad[span][a] = latency ? c[a].slow : c[a].errors;
                s->of[span][a] = latency ? c[a].timed : c[a].requests;
        }
}

static double request_rate(const struct judge *j)
{
        double seconds = (double) (j->last_ms - j->step_since_ms) / 1000;
        int64_t n = j->step[ARM_STABLE].requests + j->step[ARM_CANDIDATE].requests;

        return j->step_since_ms && seconds > 0 ? (double) n / seconds : 0;
}

void judge_shares(const struct judge *j, const struct policy *p, struct judge_share out[2])
{
        struct counts window[ARM_COUNT];

        out[0] = (struct judge_share){ .rule = &p->error_rate,
                                       .test = &j->errors,
                                       .burn = &j->burn[0],
                                       .ratio_gate = "error-rate",
                                       .limit_gate = "error-limit",
                                       .budget_gate = "error-budget",
                                       .did = "failed" };
        out[1] = (struct judge_share){ .rule = &p->latency,
                                       .test = &j->slow,
                                       .burn = &j->burn[1],
                                       .ratio_gate = "latency",
                                       .limit_gate = "latency-limit",
                                       .budget_gate = "latency-budget",
                                       .did = "was too slow for" };
        for (int a = 0; a < ARM_COUNT; a++) {
                const struct judge_minute *now = &j->window[0][a], *before = &j->window[1][a];

                window[a] =
                        (struct counts){ (int64_t) (now->requests + before->requests), (int64_t) (now->errors + before->errors),
                                         (int64_t) (now->timed + before->timed), (int64_t) (now->slow + before->slow) };
        }
        for (int i = 0; i < 2; i++) {
                fill_span(&out[i], SPAN_TOTAL, j->total, i == 1);
                fill_span(&out[i], SPAN_STEP, j->step, i == 1);
                fill_span(&out[i], SPAN_WINDOW, window, i == 1);
                out[i].log_needed = -log(p->false_rollback / fmax(1, judge_comparisons(j, p)));
                out[i].log_proof = -log(p->false_promotion / fmax(1, policy_proofs(p)));
                out[i].rate = request_rate(j);
        }
}

/* --- the limit --- */

static bool surely_above(const struct judge_share *s, enum judge_span span, enum arm a, double share)
{
        return s->bad[span][a] >= LIMIT_BAD_LEAST && judge_wilson_low(s->bad[span][a], s->of[span][a], limit_z) > share;
}

bool judge_share_limit(const struct judge_share *s, struct verdict *v)
{
        if (!s->rule->on || s->rule->limit == 0)
                return false;
        for (int span = SPAN_WINDOW; span >= SPAN_STEP; span--) {
                int64_t bad = s->bad[span][ARM_CANDIDATE], of = s->of[span][ARM_CANDIDATE];

                if (!surely_above(s, (enum judge_span) span, ARM_CANDIDATE, s->rule->limit))
                        continue;
                double low = judge_wilson_low(bad, of, limit_z);
                bool both = surely_above(s, (enum judge_span) span, ARM_STABLE, s->rule->limit);

                verdict_say(v, both ? VERDICT_NO_EVIDENCE : VERDICT_BREACH, s->limit_gate,
                            "the candidate %s %lld of %lld requests (%.2f %%), surely more than %.2f %%; the limit is %.2f %%%s",
                            s->did, (long long) bad, (long long) of, judge_percent(bad, of), 100 * low, 100 * s->rule->limit,
                            both ? ", but stable is above it too" : "");
                verdict_number(v, "candidate_bad", (double) bad);
                verdict_number(v, "candidate_requests", (double) of);
                verdict_number(v, "share_at_least", low);
                verdict_number(v, "limit", s->rule->limit);
                return true;
        }
        return false;
}

/* --- the budget --- */

bool judge_share_budget(const struct judge_share *s, struct verdict *v)
{
        struct judge_burning b;

        if (!s->rule->on || s->rule->budget == 0)
                return false;
        judge_burn_look(s->burn, s->rule->budget, &b);
        if (!b.too_fast)
                return false;
        bool both = surely_above(s, SPAN_WINDOW, ARM_STABLE, b.factor * s->rule->budget);

        verdict_say(v, both ? VERDICT_NO_EVIDENCE : VERDICT_BREACH, s->budget_gate,
                    "the candidate spends its budget of %g %% %.1f times as fast as it may over %s, where %g times is too fast%s",
                    100 * s->rule->budget, b.rate, b.long_window, b.factor, both ? ", but stable does too" : "");
        verdict_number(v, "burn_rate", b.rate);
        verdict_number(v, "burn_rate_max", b.factor);
        verdict_number(v, "budget", s->rule->budget);
        return true;
}

/* --- the comparison --- */

bool judge_share_ratio(const struct judge_share *s, struct verdict *v)
{
        const int64_t *bad = s->bad[SPAN_TOTAL], *of = s->of[SPAN_TOTAL];
        double peak = s->test->worse.peak;

        if (!s->rule->on || s->rule->max_ratio == 0 || peak < s->log_needed)
                return false;
        verdict_say(v, VERDICT_BREACH, s->ratio_gate,
                    "the candidate %s %lld of %lld requests (%.2f %%), stable %lld of %lld (%.2f %%): "
                    "%.0f to 1 that this is more than %.2f times stable's share, where %.0f to 1 is enough",
                    s->did, (long long) bad[ARM_CANDIDATE], (long long) of[ARM_CANDIDATE],
                    judge_percent(bad[ARM_CANDIDATE], of[ARM_CANDIDATE]), (long long) bad[ARM_STABLE], (long long) of[ARM_STABLE],
                    judge_percent(bad[ARM_STABLE], of[ARM_STABLE]), judge_odds(peak), s->rule->max_ratio,
                    judge_odds(s->log_needed));
        verdict_number(v, "candidate_bad", (double) bad[ARM_CANDIDATE]);
        verdict_number(v, "candidate_requests", (double) of[ARM_CANDIDATE]);
        verdict_number(v, "stable_bad", (double) bad[ARM_STABLE]);
        verdict_number(v, "stable_requests", (double) of[ARM_STABLE]);
        verdict_number(v, "evidence", judge_odds(peak));
        verdict_number(v, "evidence_needed", judge_odds(s->log_needed));
        verdict_number(v, "max_ratio", s->rule->max_ratio);
        return true;
}

/* --- the proof --- */

double judge_share_missing(const struct judge_share *s)
{
        const int64_t *of = s->of[SPAN_STEP];
        double all = (double) (of[ARM_STABLE] + of[ARM_CANDIDATE]);

        if (!s->rule->on || s->rule->sound_ratio == 0)
                return 0;
        return judge_compare_missing(s->test, s->rule->sound_ratio, s->log_proof, all > 0 ? (double) of[ARM_CANDIDATE] / all : 0,
                                     s->of[SPAN_TOTAL], s->bad[SPAN_TOTAL]);
}

bool judge_share_unproved(const struct judge_share *s, struct verdict *v)
{
        double missing = judge_share_missing(s);
        char how_long[80] = "";

        if (missing <= 0)
                return false;
        if (isinf(missing))
                snprintf(how_long, sizeof how_long, "; as things are it never will be");
        else if (s->rate > 0)
                snprintf(how_long, sizeof how_long, "; about %.3g more requests, %.3g minutes", missing, missing / s->rate / 60);
        verdict_say(v, VERDICT_NO_EVIDENCE, "promotion",
                    "%s: it is not proved yet that the candidate's share is below %g times stable's: %.1f to 1, where %.0f to 1 "
                    "is enough%s",
                    s->ratio_gate, s->rule->sound_ratio, judge_odds(judge_compare_sound(s->test)->peak), judge_odds(s->log_proof),
                    how_long);
        verdict_number(v, "evidence", judge_odds(judge_compare_sound(s->test)->peak));
        verdict_number(v, "evidence_needed", judge_odds(s->log_proof));
        verdict_number(v, "sound_ratio", s->rule->sound_ratio);
        if (!isinf(missing))
                verdict_number(v, "requests_missing", missing);
        return true;
}
