/* Means of both releases, pair by pair. */
#include "lib/judge_mean.h"

#include <math.h>

static const double g = .1;
static const double rounding = 1e-9; /* of sums that are equal */

static void look(struct judge_mean *m, enum arm a, const struct judge_mean_look *now, bool compare)
{
        double of = now->of - m->meter[a].all, sum = now->sum - m->last[a];

        m->last[a] = now->sum;
        if (!judge_meter_look(&m->meter[a], now->of, false) || !compare)
                return;
        m->waiting[a].of += of;
        m->waiting[a].sum += sum;
}

/* Welford's update of both means and their products. */
static void add_pair(struct judge_mean *m, const double v[ARM_COUNT])
{
        double from[ARM_COUNT];

        m->n++;
        for (int a = 0; a < ARM_COUNT; a++) {
                from[a] = v[a] - m->mean[a];
                m->mean[a] += from[a] / m->n;
                m->m2[a] += from[a] * (v[a] - m->mean[a]);
        }
        m->co += from[ARM_STABLE] * (v[ARM_CANDIDATE] - m->mean[ARM_CANDIDATE]);
}

/* Sum of squares of b - k a about its mean. */
static double squares(const struct judge_mean *m, double k)
{
        return fmax(0, m->m2[ARM_CANDIDATE] + k * k * m->m2[ARM_STABLE] - 2 * k * m->co);
}

bool judge_mean_answers(const struct judge_mean *m)
{
        return m->n >= JUDGE_MEAN_PAIRS;
}

double judge_mean_log_e(const struct judge_mean *m, double k, double c, double *side)
{
        double d = m->mean[ARM_CANDIDATE] - k * m->mean[ARM_STABLE] - c, ss = squares(m, k), n = m->n;

        *side = d;
        if (n < 2 || fabs(d) <= rounding * (fabs(m->mean[ARM_CANDIDATE]) + fabs(k * m->mean[ARM_STABLE]) + fabs(c)))
                return 0;
        double ratio = ss > 0 ? n * d * d / ss : INFINITY; /* t^2 / (n - 1) */
        double gain = isinf(ratio) ? log1p(n * g) : log1p(ratio) - log1p(ratio / (1 + n * g));

        return n / 2 * gain - log1p(n * g) / 2;
}

static double null_slope(const struct judge_mean *m, const struct judge_mean_limit *l)
{
        return l->relative ? 1 + (m->mean[ARM_STABLE] < 0 ? -l->by : l->by) : 1;
}

static void test(struct judge_mean *m, const struct judge_mean_limit *l, int which)
{
        double side, log_e = judge_mean_log_e(m, null_slope(m, l), l->relative ? 0 : l->by, &side);

        if (l->on && (which == 0 ? side > 0 : side < 0))
                m->peak[which] = fmax(m->peak[which], log_e);
}

void judge_mean_look(struct judge_mean *m, const struct judge_mean_limit *most, const struct judge_mean_limit *least,
                     const struct judge_mean_look now[ARM_COUNT], bool compare)
{
        double v[ARM_COUNT];

        for (int a = 0; a < ARM_COUNT; a++)
                if (!judge_is_count(now[a].of) || !(fabs(now[a].sum) <= 1e100))
                        return;
        for (int a = 0; a < ARM_COUNT; a++)
                look(m, (enum arm) a, &now[a], compare);
        for (int a = 0; a < ARM_COUNT; a++) {
                if (m->waiting[a].of < JUDGE_MEAN_LEAST)
                        return;
                v[a] = m->waiting[a].sum / m->waiting[a].of;
        }
        add_pair(m, v);
        for (int a = 0; a < ARM_COUNT; a++)
                m->waiting[a] = (struct judge_mean_look){ 0 };
        if (!judge_mean_answers(m))
                return;
        test(m, most, 0);
        test(m, least, 1);
}

void judge_mean_change(const struct judge_mean *m, double alpha, double *low, double *high)
{
        double n = m->n, d = m->mean[ARM_CANDIDATE] - m->mean[ARM_STABLE];
        double q = n >= 2 ? exp((log1p(n * g) - 2 * log(alpha)) / n) : INFINITY;

        *low = -INFINITY;
        *high = INFINITY;
        if (!judge_mean_answers(m) || q >= 1 + n * g)
                return;
        double half = sqrt(squares(m, 1) * (q - 1) / (1 - q / (1 + n * g)) / n); /* E = 1/alpha solved for d */

        *low = d - half;
        *high = d + half;
}
