/* Burn rates. */
#include "lib/judge_burn.h"

#include <math.h>
#include <stddef.h>

#include "lib/judge_ratio.h"

static const double window_ms[BURN_WINDOWS] = { 5 * 60e3, 30 * 60e3, 60 * 60e3, 6 * 60 * 60e3 };
static const double z = 3, bad_least = 5;

static const struct pair {
        enum judge_window narrow, wide;
        double factor;
        const char *name;
} pairs[] = {
        { BURN_5M, BURN_1H, 14.4, "1h" },
        { BURN_30M, BURN_6H, JUDGE_BURN_LEAST, "6h" },
};

void judge_burn_add(struct judge_burn *b, int64_t since_last_ms, int64_t n, int64_t x)
{
        for (int w = 0; w < BURN_WINDOWS; w++) {
                double left = exp(-(double) since_last_ms / window_ms[w]);

                b->bad[w] = (float) (b->bad[w] * left + fmin((double) x, (double) n));
                b->all[w] = (float) (b->all[w] * left + (double) n);
        }
}

static bool surely_above(const struct judge_burn *b, enum judge_window w, double share)
{
        return b->bad[w] >= bad_least && judge_wilson_low((int64_t) b->bad[w], (int64_t) ceil(b->all[w]), z) > share;
}

void judge_burn_look(const struct judge_burn *b, double budget, struct judge_burning *out)
{
        *out = (struct judge_burning){ 0 };
        for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
                const struct pair *p = &pairs[i];
                double share = fmin(p->factor * budget, .99);
                double rate = b->all[p->wide] > 0 ? (double) b->bad[p->wide] / (double) b->all[p->wide] / budget : 0;
                bool fast = surely_above(b, p->narrow, share) && surely_above(b, p->wide, share);

                if (fast || i == 0)
                        *out = (struct judge_burning){
                                .too_fast = fast, .rate = rate, .factor = p->factor, .long_window = p->name
                        };
                if (fast)
                        return;
        }
}
