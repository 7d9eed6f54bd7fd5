/* Gates on what is predicted: judge_drift.h. */
#include "lib/judge_query.h"

#include <math.h>
#include <stdio.h>

#include "lib/judge_share.h"
#include "lib/mem.h"

static void look(struct judge *j, const struct judge_asked *a)
{
        if (!a->value->known || !a->value->table[ARM_STABLE] || !a->value->table[ARM_CANDIDATE])
                return;
        struct judge_gate *g = judge_gate_of(j, a->i);

        if (!g->drift)
                g->drift = xcalloc(1, sizeof *g->drift);
        (void) judge_drift_look(g->drift, a->q->max_ratio, a->q->slack, a->value->table, !a->value->apart);
}

static double percent(const struct judge_drift_class *c, enum arm a)
{
        return c->of[a] > 0 ? 100 * c->in[a] / c->of[a] : 0;
}

static bool breaks(const struct judge *j, const struct judge_asked *a, struct verdict *v)
{
        const struct judge_drift *d = judge_gate_seen(j, a->i)->drift;
        struct judge_drift_class c;

        if (!d || d->peak < -log(a->alpha))
                return false;
        judge_drift_worst(d, &c);
        verdict_say(
                v, VERDICT_BREACH, a->q->name,
                "%s: %s is %.2f %% of %.0f predictions of the candidate, %.2f %% of %.0f of stable: %.0f to 1 that some class "
                "changed by more than %g times, where %.0f to 1 is enough",
                a->q->name, c.text, percent(&c, ARM_CANDIDATE), c.of[ARM_CANDIDATE], percent(&c, ARM_STABLE), c.of[ARM_STABLE],
                judge_odds(d->peak), a->q->max_ratio, 1 / a->alpha);
        verdict_number(v, "candidate_in_class", c.in[ARM_CANDIDATE]);
        verdict_number(v, "candidate_of", c.of[ARM_CANDIDATE]);
        verdict_number(v, "stable_in_class", c.in[ARM_STABLE]);
        verdict_number(v, "stable_of", c.of[ARM_STABLE]);
        verdict_number(v, "evidence", judge_odds(d->peak));
        verdict_number(v, "evidence_needed", 1 / a->alpha);
        verdict_number(v, "max_ratio", a->q->max_ratio);
        verdict_number(v, "slack", a->q->slack);
        return true;
}

static double counted(const struct judge *j, int i)
{
        const struct judge_drift *d = judge_gate_seen(j, i)->drift;

        return d ? (double) d->ticks : 0;
}

static bool open(const struct judge *j, const struct judge_asked *a, struct verdict *v)
{
        const struct judge_drift *d = judge_gate_seen(j, a->i)->drift;

        if (!d || !d->lacks || !a->value->known || a->value->apart)
                return judge_gate_open(j, a, v);
        verdict_say(v, VERDICT_NO_EVIDENCE, a->q->name, "%s: %s has no bucket up to %s", a->q->name,
                    d->lacking == ARM_STABLE ? "stable" : "the candidate", d->label[d->lacks - 1]);
        return true;
}

static void view(const struct judge *j, const struct judge_asked *a, struct judge_view *w)
{
        static const struct judge_drift nothing;
        const struct judge_drift *d = judge_gate_seen(j, a->i)->drift;

        d = d ? d : &nothing;
        judge_drift_worst(d, &w->drift);
        for (int arm = 0; arm < ARM_COUNT; arm++) {
                w->bad[arm] = llround(w->drift.in[arm]);
                w->of[arm] = llround(w->drift.of[arm]);
                w->passed_over += d->meter[arm].passed_over;
        }
        w->limit = a->q->max_ratio;
        w->slack = a->q->slack;
        w->false_rollback = a->alpha;
        w->evidence = judge_odds(judge_drift_log_e(d));
        w->evidence_needed = 1 / a->alpha;
        w->always_valid_p = fmin(1, exp(-d->peak));
        w->burst = judge_spread_burst(&d->spread);
}

const struct judge_query_kind judge_query_drift = {
        .view_kind = VIEW_DRIFT, .look = look, .counted = counted, .breaks = breaks, .open = open, .view = view
};
