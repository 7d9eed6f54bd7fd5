/* The one-sample test. */
#include "lib/judge_count.h"

#include <math.h>
#include <stddef.h>

static const double grid[] = { 1.2, 1.5, 2, 3, 5, 10 };
enum { GRID = sizeof grid / sizeof *grid };

double judge_count_log_e(const struct judge_count *c, double max_share)
{
        double log_e[GRID], top = -INFINITY, sum = 0;

        for (size_t k = 0; k < GRID; k++) {
                double q = fmin(grid[k] * max_share, (1 + max_share) / 2);

                log_e[k] = c->bad * log(q / max_share) + (c->of - c->bad) * log((1 - q) / (1 - max_share));
                top = fmax(top, log_e[k]);
        }
        for (size_t k = 0; k < GRID; k++)
                sum += exp(log_e[k] - top);
        return top + log(sum / GRID);
}

static bool is_count(double v)
{
        return isfinite(v) && v >= 0 && v <= 9e15;
}

bool judge_count_add(struct judge_count *c, double max_share, double bad, double of)
{
        if (!is_count(bad) || !is_count(of))
                return false;
        bool back = c->known != 0 && (bad < c->last_bad || of < c->last_of);

        if (c->known != 0 && !back) {
                double n = of - c->last_of;

                c->of += n;
                c->bad += judge_surplus_take(&c->surplus, bad - c->last_bad, n);
                c->peak = fmax(c->peak, judge_count_log_e(c, max_share));
        }
        c->last_bad = bad;
        c->last_of = of;
        c->known = 1;
        return !back;
}
