/* The sequential test and the interval. */
#include "lib/judge_ratio.h"

#include <math.h>
#include <stdbool.h>

static const double grid[JUDGE_RATIOS] = { 1.4, 2, 3, 5, 10, 25 };
static const double share[JUDGE_RATIOS] = { .1, .25, .25, .15, .15, .1 };
static const double begin_with = .95, spend_ticks = 60;
static const double tick_cap = 2.995732273553991; /* ln 20 */

static double log_sum(double a, double b)
{
        return a > b ? a + log1p(exp(b - a)) : b + log1p(exp(a - b));
}

double judge_ratio_log_e(const struct judge_ratio *t)
{
        if (t->ticks == 0)
                return 0;
        double sum = log(t->unspent);

        for (int k = 0; k < JUDGE_RATIOS; k++)
                sum = log_sum(sum, t->log_e[k]);
        return sum;
}

/* Put more of the stake on the alternatives, as if they began now. */
static void stake(struct judge_ratio *t)
{
        double unspent = (1 - begin_with) * spend_ticks / (spend_ticks + (double) t->ticks);

        for (int k = 0; k < JUDGE_RATIOS; k++)
                if (t->ticks == 0)
                        t->log_e[k] = log(begin_with * share[k]);
                else
                        t->log_e[k] = log_sum(t->log_e[k], log((t->unspent - unspent) * share[k]));
        t->unspent = unspent;
        t->ticks++;
}

/* ln of what one bad request multiplies by, in bursts of mean size b. */
static double slope(double y, double b)
{
        return log(y / (1 / b + (1 - 1 / b) * y));
}

static double alternative(enum judge_side side, double r0, int k)
{
        return side == JUDGE_ABOVE ? r0 * grid[k] : r0 / grid[k];
}

void judge_ratio_add(struct judge_ratio *t, enum judge_side side, double r0, double burst, int64_t n_stable, int64_t x_stable,
                     int64_t n_candidate, int64_t x_candidate)
{
        if (n_stable <= 0 || n_candidate <= 0)
                return; /* nothing to compare with */
        double a = (double) n_stable, b = (double) n_candidate;
        double xa = fmin((double) x_stable, a), xb = fmin((double) x_candidate, b);
        double null = r0 * b / (a + r0 * b);

        stake(t);
        for (int k = 0; k < JUDGE_RATIOS; k++) {
                double r = alternative(side, r0, k), pi = r * b / (a + r * b);

                t->log_e[k] += fmin(tick_cap, xb * slope(pi / null, burst) + xa * slope((1 - pi) / (1 - null), burst));
        }
        t->peak = fmax(t->peak, judge_ratio_log_e(t));
}

double judge_ratio_gain(enum judge_side side, double r0, double weight, double p_stable, double p_candidate)
{
        double a = 1 - weight, b = weight, bad_a = a * p_stable, bad_b = b * p_candidate;
        bool wrong_side = side == JUDGE_ABOVE ? p_candidate <= r0 * p_stable : p_candidate >= r0 * p_stable;

        if (!(weight > 0 && weight < 1) || bad_a + bad_b <= 0 || wrong_side)
                return 0;
        double null = r0 * b / (a + r0 * b), pi = bad_b / (bad_a + bad_b);
        double from_b = bad_b > 0 ? bad_b * log(pi / null) : 0, from_a = bad_a > 0 ? bad_a * log((1 - pi) / (1 - null)) : 0;

        return from_b + from_a;
}

double judge_wilson_low(int64_t x, int64_t n, double z)
{
        if (n <= 0)
                return 0;
        double size = (double) n, p = (double) x / size, zz = z * z;

        return fmax(0, (p + zz / (2 * size) - z * sqrt(p * (1 - p) / size + zz / (4 * size * size))) / (1 + zz / size));
}
