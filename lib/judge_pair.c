/* Two counters of each release. */
#include "lib/judge_pair.h"

#include <math.h>

/* What is new since the last look; nothing when that interval is passed over. */
static struct judge_pair_look increase(struct judge_pair *p, enum arm a, const struct judge_pair_look *now)
{
        double of = now->of - p->meter[a].all, bad = now->bad - p->last[a];
        bool back = now->bad < p->last[a];

        p->last[a] = now->bad;
        if (!judge_meter_look(&p->meter[a], now->of, back))
                return (struct judge_pair_look){ 0 };
        return (struct judge_pair_look){ .bad = judge_surplus_take(&p->surplus[a], bad, of), .of = of };
}

static bool begun(const struct judge_pair *p)
{
        return p->total[ARM_STABLE].of > 0;
}

static bool ready(const struct judge_pair *p)
{
        return begun(p) || p->test.spread.weight >= JUDGE_SPREAD_KNOWN || p->watched >= JUDGE_PAIR_WATCH;
}

/* Is this increment of stable only measured? */
static bool watch(struct judge_pair *p, const struct judge_pair_look *stable, bool compare)
{
        if (compare && ready(p))
                return false;
        if (stable->of < 1)
                return true;
        judge_spread_add(&p->test.spread, llround(stable->of), llround(stable->bad));
        if (!begun(p)) {
                p->usual.bad += stable->bad;
                p->usual.of += stable->of;
        }
        p->watched++;
        return true;
}

static void test(struct judge_pair *p, double max_ratio, double min_ratio, const int64_t n[ARM_COUNT], const int64_t x[ARM_COUNT])
{
        double usual = p->usual.of > 0 ? p->usual.bad / p->usual.of : 0, burst = judge_spread_cautious(&p->test.spread);

        if (max_ratio > 0)
                judge_ratio_add_near(&p->test.worse, JUDGE_ABOVE, max_ratio, usual, burst, n, x);
        if (min_ratio > 0)
                judge_ratio_add_near(judge_compare_ask_sound(&p->test), JUDGE_BELOW, min_ratio, usual, burst, n, x);
}

static void compare_waiting(struct judge_pair *p, double max_ratio, double min_ratio)
{
        const struct judge_pair_look *s = &p->waiting[ARM_STABLE], *c = &p->waiting[ARM_CANDIDATE];

        if (s->of < 1 || c->of < 1)
                return;
        const int64_t n[] = { llround(s->of), llround(c->of) }, x[] = { llround(s->bad), llround(c->bad) };

        test(p, max_ratio, min_ratio, n, x);
        judge_effect_add(&p->test.effect, judge_spread_dispersion(&p->test.spread), n[0], x[0], n[1], x[1]);
        judge_spread_add(&p->test.spread, n[0], x[0]);
        for (int a = 0; a < ARM_COUNT; a++) {
                p->total[a].bad += p->waiting[a].bad;
                p->total[a].of += p->waiting[a].of;
                p->waiting[a] = (struct judge_pair_look){ 0 };
        }
}

void judge_pair_look(struct judge_pair *p, double max_ratio, double min_ratio, const struct judge_pair_look now[ARM_COUNT],
                     bool compare)
{
        struct judge_pair_look more[ARM_COUNT];

        for (int a = 0; a < ARM_COUNT; a++)
                if (!judge_is_count(now[a].bad) || !judge_is_count(now[a].of))
                        return;
        for (int a = 0; a < ARM_COUNT; a++)
                more[a] = increase(p, (enum arm) a, &now[a]);
        if (watch(p, &more[ARM_STABLE], compare))
                return;
        for (int a = 0; a < ARM_COUNT; a++) {
                p->waiting[a].bad += more[a].bad;
                p->waiting[a].of += more[a].of;
        }
        compare_waiting(p, max_ratio, min_ratio);
}
