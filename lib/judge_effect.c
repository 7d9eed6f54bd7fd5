/* The confidence sequence for the ratio of two shares. */
#include "lib/judge_effect.h"

#include <math.h>

static const double grid[JUDGE_EFFECTS] = { .3, .7, 1, 1.25, 1.5, 2, 3, 5, 8, 15, 30 };

void judge_effect_add(struct judge_effect *f, double dispersion, int64_t n_stable, int64_t x_stable, int64_t n_candidate,
                      int64_t x_candidate)
{
        if (n_stable <= 0 || n_candidate <= 0)
                return;
        double a = (double) n_stable, b = (double) n_candidate, one = b / (a + b);
        double xa = fmin((double) x_stable, a), xb = fmin((double) x_candidate, b);

        for (int k = 0; k < JUDGE_EFFECTS; k++) {
                double pi = grid[k] * b / (a + grid[k] * b);

                f->log_l[k] = (float) (f->log_l[k] + (xb * log(pi / one) + xa * log((1 - pi) / (1 - one))) / dispersion);
        }
}

void judge_effect_interval(const struct judge_effect *f, double alpha, struct judge_interval *out)
{
        double top = f->log_l[0], sum = 0;
        int best = 0, low, high;

        for (int k = 1; k < JUDGE_EFFECTS; k++)
                if (f->log_l[k] > top)
                        top = f->log_l[best = k];
        for (int k = 0; k < JUDGE_EFFECTS; k++)
                sum += exp(f->log_l[k] - top);
        double least = top + log(sum / JUDGE_EFFECTS) + log(alpha);

        /* l is concave in ln r, so what is kept is one piece around its top. */
        for (low = best; low > 0 && f->log_l[low - 1] > least; low--)
                ;
        for (high = best; high < JUDGE_EFFECTS - 1 && f->log_l[high + 1] > least; high++)
                ;
        *out = (struct judge_interval){
                .low = low > 0 ? grid[low - 1] : 0,
                .high = high < JUDGE_EFFECTS - 1 ? grid[high + 1] : INFINITY,
                .best = f->log_l[0] == 0 ? 0 : grid[best],
        };
}
