/* Gates on a mean: judge_mean.h. */
#include "lib/judge_query.h"

#include <math.h>
#include <stdio.h>

#include "lib/judge_share.h"
#include "lib/mem.h"

static struct judge_mean_limit limit(const struct policy_change *c)
{
        return (struct judge_mean_limit){ .by = c->by, .on = c->on, .relative = c->relative };
}

static void look(struct judge *j, const struct judge_asked *a)
{
        const struct gate_value *v = a->value;
        const struct judge_mean_look now[] = { { v->stable, v->stable_of }, { v->value, v->of } };
        const struct judge_mean_limit most = limit(&a->q->max_change), least = limit(&a->q->min_change);

        if (!v->known)
                return;
        struct judge_gate *g = judge_gate_of(j, a->i);

        if (!g->mean)
                g->mean = xcalloc(1, sizeof *g->mean);
        judge_mean_look(g->mean, &most, &least, now, !v->apart);
}

static bool says(const struct judge_mean *m, const struct judge_asked *a, bool more, struct verdict *v)
{
        const struct policy_change *c = more ? &a->q->max_change : &a->q->min_change;
        double peak = m->peak[!more], low, high;

        if (!c->on || peak < -log(a->alpha))
                return false;
        judge_mean_change(m, a->alpha, &low, &high);
        verdict_say(v, VERDICT_BREACH, a->q->name,
                    "%s: the mean is %g with the candidate and %g with stable, a change of %g to %g: %.0f to 1 that it %s by "
                    "more than "
                    "%g%s, where %.0f to 1 is enough",
                    a->q->name, m->mean[ARM_CANDIDATE], m->mean[ARM_STABLE], low, high, judge_odds(peak), more ? "rose" : "fell",
                    fabs(c->relative ? 100 * c->by : c->by), c->relative ? " %" : "", 1 / a->alpha);
        verdict_number(v, "candidate_mean", m->mean[ARM_CANDIDATE]);
        verdict_number(v, "stable_mean", m->mean[ARM_STABLE]);
        verdict_number(v, "change_at_least", low);
        verdict_number(v, "change_at_most", high);
        verdict_number(v, "evidence", judge_odds(peak));
        verdict_number(v, "evidence_needed", 1 / a->alpha);
        verdict_number(v, more ? "max_change" : "min_change", c->by);
        return true;
}

static bool breaks(const struct judge *j, const struct judge_asked *a, struct verdict *v)
{
        const struct judge_mean *m = judge_gate_seen(j, a->i)->mean;

        return m && (says(m, a, true, v) || says(m, a, false, v));
}

static double counted(const struct judge *j, int i)
{
        const struct judge_mean *m = judge_gate_seen(j, i)->mean;

        return m ? m->n : 0;
}

static bool open(const struct judge *j, const struct judge_asked *a, struct verdict *v)
{
        const struct judge_mean *m = judge_gate_seen(j, a->i)->mean;
        const double counts[] = { a->value->of, a->value->stable_of };

        if (judge_gate_no_count(a, counts, 2, v) || judge_gate_open(j, a, v))
                return true;
        if (a->value->apart || judge_mean_answers(m))
                return false;
        verdict_say(v, VERDICT_NO_EVIDENCE, a->q->name,
                    "%s: %.0f of the %d pairs of means that an answer needs, of at least %d things each", a->q->name, m->n,
                    JUDGE_MEAN_PAIRS, JUDGE_MEAN_LEAST);
        return true;
}

static void view(const struct judge *j, const struct judge_asked *a, struct judge_view *w)
{
        static const struct judge_mean nothing;
        const struct judge_mean *m = judge_gate_seen(j, a->i)->mean;
        double peak;

        m = m ? m : &nothing;
        for (int arm = 0; arm < ARM_COUNT; arm++) {
                w->mean[arm] = m->mean[arm];
                w->passed_over += m->meter[arm].passed_over;
        }
        w->pairs = m->n;
        judge_mean_change(m, .05, &w->change_low, &w->change_high);
        peak = fmax(m->peak[0], m->peak[1]);
        w->false_rollback = a->alpha;
        w->evidence = judge_odds(peak);
        w->evidence_needed = 1 / a->alpha;
        w->always_valid_p = fmin(1, exp(-peak));
}

const struct judge_query_kind judge_query_mean = {
        .view_kind = VIEW_MEAN, .look = look, .counted = counted, .breaks = breaks, .open = open, .view = view
};
