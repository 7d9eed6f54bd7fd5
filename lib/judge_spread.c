/* Clustering of stable's bad requests. */
#include "lib/judge_spread.h"

#include <math.h>

static const double prior_pairs = 4, q_cap = 16;

void judge_spread_add(struct judge_spread *s, int64_t n, int64_t x)
{
        double n1 = (double) n, x1 = fmin((double) x, n1), all = n1 + s->last_n, bad = x1 + s->last_x;

        if (n <= 0)
                return;
        if (s->last_n > 0 && bad > 1 && bad < all) {
                double p = bad / all, d = x1 / n1 - s->last_x / s->last_n, weight = 1 - 1 / bad;
                double q = d * d / (p * (1 - p) * (1 / n1 + 1 / s->last_n) * all / (all - 1));

                judge_spread_take(s, q, weight);
        }
        s->last_n = (float) n1;
        s->last_x = (float) x1;
}

void judge_spread_take(struct judge_spread *s, double q, double weight)
{
        s->sum = (float) (s->sum + weight * fmin(q, q_cap * judge_spread_dispersion(s)));
        s->weight = (float) (s->weight + weight);
}

double judge_spread_dispersion(const struct judge_spread *s)
{
        double weight = prior_pairs + s->weight, d = (prior_pairs + s->sum) / weight, error = sqrt(2 / weight);

        return d > 1 + error ? d * (1 + error) : 1;
}

double judge_spread_burst(const struct judge_spread *s)
{
        return (1 + judge_spread_dispersion(s)) / 2;
}

double judge_spread_cautious(const struct judge_spread *s)
{
        double missing = fmax(0, JUDGE_SPREAD_SURE - (double) s->weight) / JUDGE_SPREAD_SURE;

        return judge_spread_burst(s) + JUDGE_SPREAD_DOUBT * missing;
}
