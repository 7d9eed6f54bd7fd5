/* Gates on a share of two counters, compared with stable's: judge_pair.h. */
#include "lib/judge_query.h"

#include <math.h>

#include "lib/judge_share.h"
#include "lib/mem.h"

static void look(struct judge *j, const struct judge_asked *a)
{
        const struct gate_value *v = a->value;
        const struct judge_pair_look now[] = { { v->stable, v->stable_of }, { v->value, v->of } };

        if (!v->known)
                return;
        struct judge_gate *g = judge_gate_of(j, a->i);

        if (!g->pair)
                g->pair = xcalloc(1, sizeof *g->pair);
        judge_pair_look(g->pair, a->q->max_ratio, a->q->min_ratio, now, !v->apart);
}

static double share(const struct judge_pair_look *t)
{
        return t->of > 0 ? 100 * t->bad / t->of : 0;
}

/* One direction. */
static bool says(const struct judge_pair *p, const struct judge_asked *a, bool more, struct verdict *v)
{
        const struct judge_pair_look *s = &p->total[ARM_STABLE], *c = &p->total[ARM_CANDIDATE];
        double peak = more ? p->test.worse.peak : judge_compare_sound(&p->test)->peak,
               ratio = more ? a->q->max_ratio : a->q->min_ratio;

        if (ratio == 0 || peak < -log(a->alpha))
                return false;
        verdict_say(
                v, VERDICT_BREACH, a->q->name,
                "%s: %.0f of %.0f of the candidate (%.2f %%), %.0f of %.0f of stable (%.2f %%): %.0f to 1 that this is %s than "
                "%g times stable's share, where %.0f to 1 is enough",
                a->q->name, c->bad, c->of, share(c), s->bad, s->of, share(s), judge_odds(peak), more ? "more" : "less", ratio,
                1 / a->alpha);
        verdict_number(v, "candidate_bad", c->bad);
        verdict_number(v, "candidate_of", c->of);
        verdict_number(v, "stable_bad", s->bad);
        verdict_number(v, "stable_of", s->of);
        verdict_number(v, "evidence", judge_odds(peak));
        verdict_number(v, "evidence_needed", 1 / a->alpha);
        verdict_number(v, more ? "max_ratio" : "min_ratio", ratio);
        return true;
}

/* Whose counters contradict each other; NULL: nobody's. */
static const struct judge_surplus *contradicts(const struct judge_pair *p)
{
        for (int a = 0; a < ARM_COUNT; a++)
                if (judge_surplus_is_much(&p->surplus[a]))
                        return &p->surplus[a];
        return NULL;
}

static bool breaks(const struct judge *j, const struct judge_asked *a, struct verdict *v)
{
        const struct judge_pair *p = judge_gate_seen(j, a->i)->pair;

        return p && !contradicts(p) && (says(p, a, true, v) || says(p, a, false, v));
}

static double counted(const struct judge *j, int i)
{
        const struct judge_pair *p = judge_gate_seen(j, i)->pair;

        return p ? p->total[ARM_CANDIDATE].of : 0;
}

static bool open(const struct judge *j, const struct judge_asked *a, struct verdict *v)
{
        const struct judge_pair *p = judge_gate_seen(j, a->i)->pair;
        const double counts[] = { a->value->value, a->value->of, a->value->stable, a->value->stable_of };

        if (p && !a->value->apart && contradicts(p))
                return judge_gate_surplus(a, contradicts(p), v);
        return judge_gate_no_count(a, counts, 4, v) || judge_gate_open(j, a, v);
}

static void view(const struct judge *j, const struct judge_asked *a, struct judge_view *w)
{
        static const struct judge_pair nothing;
        const struct judge_pair *p = judge_gate_seen(j, a->i)->pair;

        p = p ? p : &nothing;
        const struct judge_ratio *worse = &p->test.worse, *less = judge_compare_sound(&p->test);
        bool more = less->peak <= worse->peak; /* which side has the evidence */

        w->limit = a->q->max_ratio;
        w->min_ratio = a->q->min_ratio;
        for (int arm = 0; arm < ARM_COUNT; arm++) {
                w->bad[arm] = llround(p->total[arm].bad);
                w->of[arm] = llround(p->total[arm].of);
                w->passed_over += p->meter[arm].passed_over;
        }
        w->false_rollback = a->alpha;
        w->evidence = judge_odds(judge_ratio_log_e(more ? worse : less));
        w->evidence_needed = 1 / a->alpha;
        w->always_valid_p = fmin(1, exp(-fmax(worse->peak, less->peak)));
        judge_effect_interval(&p->test.effect, .05, &w->ratio);
        w->burst = judge_spread_burst(&p->test.spread);
}

const struct judge_query_kind judge_query_ratio = {
        .view_kind = VIEW_RATIO, .look = look, .counted = counted, .breaks = breaks, .open = open, .view = view
};
