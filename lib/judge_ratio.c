/* The sequential test and the interval. */
#include "lib/judge_ratio.h"

#include <math.h>

static const double grid[JUDGE_RATIOS] = { 1.25, 1.5, 2, 3, 5, 10, 20, 50 };
static const double tick_cap = 2.995732273553991; /* ln 20 */

double judge_ratio_log_e(const struct judge_ratio *t)
{
        double top = t->log_e[0], sum = 0;

        for (int k = 1; k < JUDGE_RATIOS; k++)
                top = fmax(top, t->log_e[k]);
        for (int k = 0; k < JUDGE_RATIOS; k++)
                sum += exp(t->log_e[k] - top);
        return top + log(sum / JUDGE_RATIOS);
}

void judge_ratio_add(struct judge_ratio *t, double r0, int64_t n_stable, int64_t x_stable, int64_t n_candidate,
                     int64_t x_candidate)
{
        if (n_stable <= 0 || n_candidate <= 0)
                return; /* nothing to compare with */
        double a = (double) n_stable, b = (double) n_candidate;
        double xa = fmin((double) x_stable, a), xb = fmin((double) x_candidate, b);
        double null = r0 * b / (a + r0 * b);

        for (int k = 0; k < JUDGE_RATIOS; k++) {
                double r = r0 * grid[k], pi = r * b / (a + r * b);

                t->log_e[k] += fmin(tick_cap, xb * log(pi / null) + xa * log((1 - pi) / (1 - null)));
        }
        t->peak = fmax(t->peak, judge_ratio_log_e(t));
}

double judge_wilson_low(int64_t x, int64_t n, double z)
{
        if (n <= 0)
                return 0;
        double size = (double) n, p = (double) x / size, zz = z * z;

        return fmax(0, (p + zz / (2 * size) - z * sqrt(p * (1 - p) / size + zz / (4 * size * size))) / (1 + zz / size));
}
