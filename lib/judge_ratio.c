/* The sequential test and the interval. */
#include "lib/judge_ratio.h"

#include <math.h>
#include <stdbool.h>

static const double grid[JUDGE_RATIOS] = { 1.4, 2, 3, 5, 10, 25 };
static const double grid_share[JUDGE_RATIOS] = { .1, .25, .25, .15, .15, .1 };
static const double near_grid[JUDGE_RATIOS] = { 1.1, 1.2, 1.4, 2, 5, 25 };
static const double near_share[JUDGE_RATIOS] = { .15, .2, .2, .2, .15, .1 };
static const double near_most = .98; /* of a share that r0 s stands for: more is hardly to be had */
static const double begin_with = .95, spend_ticks = 60;
static const double tick_cap = 2.995732273553991; /* ln 20 */

double judge_log_sum(double a, double b)
{
        return a > b ? a + log1p(exp(b - a)) : b + log1p(exp(a - b));
}

double judge_ratio_unspent(int64_t ticks)
{
        return ticks == 0 ? 1 : (1 - begin_with) * spend_ticks / (spend_ticks + (double) (ticks - 1));
}

double judge_ratio_log_e(const struct judge_ratio *t)
{
        if (t->ticks == 0)
                return 0;
        double sum = log(judge_ratio_unspent(t->ticks));

        for (int k = 0; k < JUDGE_RATIOS; k++)
                sum = judge_log_sum(sum, t->log_e[k]);
        return sum;
}

/* Put more of the stake on the alternatives, as if they began now. */
static void stake(struct judge_ratio *t, const double share[JUDGE_RATIOS])
{
        double more = judge_ratio_unspent(t->ticks) - judge_ratio_unspent(t->ticks + 1);

        for (int k = 0; k < JUDGE_RATIOS; k++)
                if (t->ticks == 0)
                        t->log_e[k] = log(begin_with * share[k]);
                else
                        t->log_e[k] = judge_log_sum(t->log_e[k], log(more * share[k]));
        t->ticks++;
}

/* ln of what one bad request multiplies by, in bursts of mean size b. */
static double slope(double y, double b)
{
        return log(y / (1 / b + (1 - 1 / b) * y));
}

struct judge_ratio_bet judge_ratio_bet(double r, double r0, double slack, double burst, const double n[ARM_COUNT])
{
        double a = n[ARM_STABLE], b = n[ARM_CANDIDATE];
        double z = (a + r0 * b) / (a + r * b), y = z * r / r0; /* not by way of pi, which rounds to 1 */

        return (struct judge_ratio_bet){ .each = { slope(z, burst), slope(y, burst) },
                                         .charge = b * slack * fabs(y - 1) / burst };
}

double judge_ratio_pays(const struct judge_ratio_bet *bet, const double n[ARM_COUNT], const double x[ARM_COUNT])
{
        double gain = 0;

        for (int a = 0; a < ARM_COUNT; a++)
                gain += fmin(x[a], n[a]) * bet->each[a];
        return fmin(tick_cap, gain - bet->charge);
}

static double alternative(enum judge_side side, double r0, int k)
{
        return side == JUDGE_ABOVE ? r0 * grid[k] : r0 / grid[k];
}

double judge_ratio_of_odds(double odds, double usual)
{
        return odds / (1 + (odds - 1) * usual);
}

void judge_ratio_add(struct judge_ratio *t, enum judge_side side, double r0, double burst, int64_t n_stable, int64_t x_stable,
                     int64_t n_candidate, int64_t x_candidate)
{
        judge_ratio_add_usual(t, side, r0, 0, burst, n_stable, x_stable, n_candidate, x_candidate);
}

/* A tick in which r0 is tested against these. */
static void bet(struct judge_ratio *t, double r0, const double r[JUDGE_RATIOS], double burst, const double n[ARM_COUNT],
                const double x[ARM_COUNT])
{
        for (int k = 0; k < JUDGE_RATIOS; k++) {
                const struct judge_ratio_bet b = judge_ratio_bet(r[k], r0, 0, burst, n);

                t->log_e[k] += judge_ratio_pays(&b, n, x);
        }
        t->peak = fmax(t->peak, judge_ratio_log_e(t));
}

void judge_ratio_add_usual(struct judge_ratio *t, enum judge_side side, double r0, double usual, double burst, int64_t n_stable,
                           int64_t x_stable, int64_t n_candidate, int64_t x_candidate)
{
        if (n_stable <= 0 || n_candidate <= 0)
                return; /* nothing to compare with */
        const double n[] = { (double) n_stable, (double) n_candidate }, x[] = { (double) x_stable, (double) x_candidate };
        double r[JUDGE_RATIOS];

        for (int k = 0; k < JUDGE_RATIOS; k++)
                r[k] = judge_ratio_of_odds(alternative(side, r0, k), usual);
        stake(t, grid_share);
        bet(t, judge_ratio_of_odds(r0, usual), r, burst, n, x);
}

void judge_ratio_add_near(struct judge_ratio *t, enum judge_side side, double r0, double usual, double burst,
                          const int64_t n[ARM_COUNT], const int64_t x[ARM_COUNT])
{
        if (n[ARM_STABLE] <= 0 || n[ARM_CANDIDATE] <= 0)
                return;
        const double things[] = { (double) n[0], (double) n[1] }, bad[] = { (double) x[0], (double) x[1] };
        double r[JUDGE_RATIOS], level = fmin(near_most, r0 * usual);

        for (int k = 0; k < JUDGE_RATIOS; k++)
                r[k] = r0 * judge_ratio_of_odds(side == JUDGE_ABOVE ? near_grid[k] : 1 / near_grid[k], level);
        stake(t, near_share);
        bet(t, r0, r, burst, things, bad);
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
