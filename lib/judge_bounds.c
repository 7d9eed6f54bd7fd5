/* Bounds: choosing them, and comparing at them. */
#include "lib/judge_bounds.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/judge_share.h"
#include "lib/mem.h"

void judge_bounds_done(struct judge_bounds *b)
{
        free(b->list);
        *b = (struct judge_bounds){ 0 };
}

/* --- the choice --- */

static uint32_t chosen(const struct judge_bounds *b)
{
        uint32_t all = b->at_objective;

        for (int i = 0; i < b->n; i++)
                all |= b->list[i].quantiles;
        return all;
}

/* The first quantile without a bound, or -1. */
static int missing(const struct judge_bounds *b, const struct policy_share *latency)
{
        uint32_t have = chosen(b);

        for (int i = 0; latency->on && i < latency->n_quantiles; i++)
                if (!(have >> i & 1))
                        return i;
        return -1;
}

bool judge_bounds_wanted(const struct judge_bounds *b, const struct policy_share *latency)
{
        return missing(b, latency) >= 0;
}

static int nearest_above(const struct latency_histogram *h, double quantile)
{
        int i = 0;

        while (i < h->n - 1 && (double) h->within[i] < quantile * (double) h->all)
                i++;
        return i;
}

static struct judge_bound *find(struct judge_bounds *b, int32_t us)
{
        for (int i = 0; i < b->n; i++)
                if (b->list[i].us == us)
                        return &b->list[i];
        return NULL;
}

static void add(struct judge_bounds *b, int32_t us, double usual, uint32_t bit)
{
        b->list = xrealloc(b->list, (size_t) b->n + 1, sizeof *b->list);
        b->list[b->n++] = (struct judge_bound){ .us = us, .usual = (float) usual, .quantiles = bit };
}

int judge_bounds_choose(struct judge_bounds *b, const struct policy_share *latency, const struct latency_histogram *stable,
                        bool untouched)
{
        uint32_t have = chosen(b);
        int before = b->n;

        b->watched = (float) stable->all;
        for (int i = 0; latency->on && stable->n > 0 && i < latency->n_quantiles; i++) {
                if (have >> i & 1 || (double) stable->all < policy_quantile_requests(latency->quantiles[i]))
                        continue;
                int k = nearest_above(stable, latency->quantiles[i]);
                struct judge_bound *same = find(b, stable->us[k]);

                if (stable->us[k] == 1000 * latency->objective_ms)
                        b->at_objective |= 1U << i;
                else if (same)
                        same->quantiles |= 1U << i;
                else
                        add(b, stable->us[k], 1 - (double) stable->within[k] / (double) stable->all, 1U << i);
                b->merged += untouched && (same || stable->us[k] == 1000 * latency->objective_ms);
        }
        return b->n - before;
}

/* --- evidence --- */

void judge_bounds_watch(struct judge_bounds *b, int i, const struct counts *stable)
{
        judge_spread_add(&b->list[i].spread, stable->timed, stable->slow);
}

/* The arms are scraped at different moments, as in judge.c. */
static void compare(struct judge_bound *b, double max_ratio)
{
        const float *of = b->unpaired_of, *above = b->unpaired_above;
        int64_t n_a = (int64_t) of[ARM_STABLE], n_b = (int64_t) of[ARM_CANDIDATE];
        int64_t x_a = (int64_t) above[ARM_STABLE], x_b = (int64_t) above[ARM_CANDIDATE];

        if (n_a <= 0 || n_b <= 0)
                return;
        judge_ratio_add_usual(&b->worse, JUDGE_ABOVE, max_ratio, b->usual, judge_spread_burst(&b->spread), n_a, x_a, n_b, x_b);
        judge_effect_add(&b->effect, judge_spread_dispersion(&b->spread), n_a, x_a, n_b, x_b);
        judge_spread_add(&b->spread, n_a, x_a);
        for (int a = 0; a < ARM_COUNT; a++)
                b->unpaired_of[a] = b->unpaired_above[a] = 0;
}

void judge_bounds_add(struct judge_bounds *b, const struct policy_share *latency,
                      const struct tail tick[ARM_COUNT][COUNTS_BOUNDS_MAX])
{
        for (int i = 0; i < b->n; i++) {
                struct judge_bound *one = &b->list[i];

                for (int a = 0; a < ARM_COUNT; a++) {
                        one->total[a].of += tick[a][i].of;
                        one->total[a].above += tick[a][i].above;
                        one->unpaired_of[a] += (float) tick[a][i].of;
                        one->unpaired_above[a] += (float) tick[a][i].above;
                }
                compare(one, latency->max_ratio);
        }
}

/* --- words --- */

double judge_bound_ratio(const struct judge_bound *b, const struct policy_share *latency)
{
        return judge_ratio_of_odds(latency->max_ratio, b->usual);
}

struct judge_quantiles judge_quantiles_text(const struct policy_share *latency, uint32_t quantiles)
{
        struct judge_quantiles q = { "" };
        size_t len = 0;

        for (int i = 0; i < latency->n_quantiles; i++)
                if (quantiles >> i & 1 && len < sizeof q.text)
                        len += (size_t) snprintf(q.text + len, sizeof q.text - len, "%sp%g", len ? ", " : "",
                                                 100 * latency->quantiles[i]);
        return q;
}

/* After its lowest quantile. */
void judge_bound_gate(const struct judge_bound *b, const struct policy_share *latency, char out[NAME_MAX_LEN + 1])
{
        snprintf(out, NAME_MAX_LEN + 1, "latency-%s", judge_quantiles_text(latency, b->quantiles & -b->quantiles).text);
}

bool judge_bound_breaks(const struct judge_bound *b, const struct policy_share *latency, double needed, struct verdict *v)
{
        const struct tail *s = &b->total[ARM_STABLE], *c = &b->total[ARM_CANDIDATE];
        char gate[NAME_MAX_LEN + 1];

        if (b->worse.peak < needed)
                return false;
        judge_bound_gate(b, latency, gate);
        verdict_say(
                v, VERDICT_BREACH, gate,
                "%lld of %lld requests of the candidate (%.2f %%) took over %g ms, at stable's %s, and %lld of %lld of stable's "
                "(%.2f %%): %.0f to 1 that this is more than %.2f times as often, where %.0f to 1 is enough",
                (long long) c->above, (long long) c->of, judge_percent(c->above, c->of), b->us / 1000.0,
                judge_quantiles_text(latency, b->quantiles).text, (long long) s->above, (long long) s->of,
                judge_percent(s->above, s->of), judge_odds(b->worse.peak), judge_bound_ratio(b, latency), judge_odds(needed));
        verdict_number(v, "candidate_bad", (double) c->above);
        verdict_number(v, "candidate_requests", (double) c->of);
        verdict_number(v, "stable_bad", (double) s->above);
        verdict_number(v, "stable_requests", (double) s->of);
        verdict_number(v, "evidence", judge_odds(b->worse.peak));
        verdict_number(v, "evidence_needed", judge_odds(needed));
        verdict_number(v, "max_ratio", latency->max_ratio);
        verdict_number(v, "share_ratio", judge_bound_ratio(b, latency));
        verdict_number(v, "bound_ms", b->us / 1000.0);
        return true;
}

bool judge_bounds_open(const struct judge_bounds *b, const struct policy_share *latency, struct verdict *v)
{
        int i = missing(b, latency);
        char gate[NAME_MAX_LEN + 1];

        if (i < 0)
                return false;
        double needed = policy_quantile_requests(latency->quantiles[i]);

        snprintf(gate, sizeof gate, "latency-%s", judge_quantiles_text(latency, 1U << i).text);
        verdict_say(v, VERDICT_NO_EVIDENCE, gate,
                    "stable's %s is not known yet: of the %.0f requests that it takes %.0f have been watched",
                    judge_quantiles_text(latency, 1U << i).text, needed, fmin((double) b->watched, needed));
        verdict_number(v, "requests_watched", (double) b->watched);
        verdict_number(v, "requests_needed", needed);
        return true;
}
