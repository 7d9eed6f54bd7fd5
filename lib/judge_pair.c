/* Two counters of each release. */
#include "lib/judge_pair.h"

#include <math.h>

static void look(struct judge_pair *p, enum arm a, const struct judge_pair_look *now, bool compare)
{
        double of = now->of - p->meter[a].all, bad = now->bad - p->last[a];
        bool back = now->bad < p->last[a];

        p->last[a] = now->bad;
        if (!judge_meter_look(&p->meter[a], now->of, back) || !compare)
                return;
        p->waiting[a].of += of;
        p->waiting[a].bad += fmin(of, bad);
}

void judge_pair_look(struct judge_pair *p, double max_ratio, double min_ratio, const struct judge_pair_look now[ARM_COUNT],
                     bool compare)
{
        struct judge_pair_look *s = &p->waiting[ARM_STABLE], *c = &p->waiting[ARM_CANDIDATE];

        for (int a = 0; a < ARM_COUNT; a++) {
                if (!judge_is_count(now[a].bad) || !judge_is_count(now[a].of))
                        return;
        }
        for (int a = 0; a < ARM_COUNT; a++)
                look(p, (enum arm) a, &now[a], compare);
        if (s->of < 1 || c->of < 1)
                return;
        judge_compare_add(&p->test, max_ratio, min_ratio, llround(s->of), llround(s->bad), llround(c->of), llround(c->bad));
        for (int a = 0; a < ARM_COUNT; a++) {
                p->total[a].bad += p->waiting[a].bad;
                p->total[a].of += p->waiting[a].of;
                p->waiting[a] = (struct judge_pair_look){ 0 };
        }
}
