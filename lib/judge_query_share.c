/* Gates on a share of two counters: judge_count.h. */
#include "lib/judge_query.h"

#include <math.h>

#include "lib/judge_share.h"
#include "lib/mem.h"

static void look(struct judge *j, const struct judge_asked *a)
{
        struct judge_gate *g = judge_gate_of(j, a->i);

        if (!g->share)
                g->share = xcalloc(1, sizeof *g->share);
        if (a->value->known)
                (void) judge_count_add(g->share, a->q->max_share, a->value->value, a->value->of);
}

static const struct judge_count *seen(const struct judge *j, const struct judge_asked *a)
{
        static const struct judge_count nothing;
        const struct judge_count *c = judge_gate_seen(j, a->i)->share;

        return c ? c : &nothing;
}

static bool breaks(const struct judge *j, const struct judge_asked *a, struct verdict *v)
{
        const struct judge_count *c = seen(j, a);
        const struct policy_query *q = a->q;

        if (c->peak < -log(a->alpha) || judge_surplus_is_much(&c->surplus))
                return false;
        verdict_say(v, VERDICT_BREACH, q->name,
                    "%s: %.0f of %.0f (%.2f %%): %.0f to 1 that this is more than %g %%, where %.0f to 1 is enough", q->name,
                    c->bad, c->of, c->of > 0 ? 100 * c->bad / c->of : 0, judge_odds(c->peak), 100 * q->max_share, 1 / a->alpha);
        verdict_number(v, "bad", c->bad);
        verdict_number(v, "of", c->of);
        verdict_number(v, "evidence", judge_odds(c->peak));
        verdict_number(v, "evidence_needed", 1 / a->alpha);
        verdict_number(v, "max_share", q->max_share);
        return true;
}

static double counted(const struct judge *j, int i)
{
        const struct judge_count *c = judge_gate_seen(j, i)->share;

        return c ? c->of : 0;
}

static bool open(const struct judge *j, const struct judge_asked *a, struct verdict *v)
{
        if (a->value->known && judge_gate_is_fresh(j, a->i))
                return judge_gate_surplus(a, &seen(j, a)->surplus, v);
        verdict_say(v, VERDICT_NO_EVIDENCE, a->q->name, "%s: %s", a->q->name,
                    a->value->known ? "nothing has been counted in this step yet" : a->value->why);
        return true;
}

static void view(const struct judge *j, const struct judge_asked *a, struct judge_view *w)
{
        const struct judge_count *c = seen(j, a);

        w->limit = a->q->max_share;
        w->bad[ARM_CANDIDATE] = (int64_t) c->bad;
        w->of[ARM_CANDIDATE] = (int64_t) c->of;
        w->false_rollback = a->alpha;
        w->evidence = judge_odds(judge_count_log_e(c, w->limit));
        w->evidence_needed = 1 / a->alpha;
        w->always_valid_p = fmin(1, exp(-c->peak));
        w->known = a->value->known;
        w->value = w->known ? a->value->value : 0;
}

const struct judge_query_kind judge_query_share = {
        .view_kind = VIEW_SHARE, .look = look, .counted = counted, .breaks = breaks, .open = open, .view = view
};
