/* Ranks, and roots of the rank statistic. */
#include "lib/judge_rank.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "lib/mem.h"

struct point {
        double value;
        bool of_x;
};

static int by_value(const void *a, const void *b)
{
        double x = ((const struct point *) a)->value, y = ((const struct point *) b)->value;

        return (x > y) - (x < y);
}

/* Sum of the ranks of x - mu, and the sum of t^3 - t over ties. */
static double rank_sum(double mu, const double *x, size_t m, const double *y, size_t n, double *ties)
{
        struct point *p = xcalloc(m + n, sizeof *p);
        double sum = 0;

        for (size_t i = 0; i < m + n; i++)
                p[i] = i < m ? (struct point){ x[i] - mu, true } : (struct point){ y[i - m], false };
        qsort(p, m + n, sizeof *p, by_value);
        *ties = 0;
        for (size_t i = 0, end; i < m + n; i = end) {
                size_t of_x = 0;

                for (end = i; end < m + n && p[end].value <= p[i].value; end++)
                        of_x += p[end].of_x;
                double t = (double) (end - i);

                sum += (double) of_x * ((double) (i + end + 1) / 2);
                *ties += t * t * t - t;
        }
        free(p);
        return sum;
}

double judge_rank_w(double mu, double z, const double *x, size_t m, const double *y, size_t n)
{
        double a = (double) m, b = (double) n, ties;
        double d = rank_sum(mu, x, m, y, n, &ties) - a * (a + 1) / 2 - a * b / 2;
        double sigma = sqrt(a * b / 12 * ((a + b + 1) - ties / ((a + b) * (a + b - 1))));
        double sign = (d > 0) - (d < 0);

        return (d - sign / 2) / sigma - z;
}

/* --- Brent's root finder --- */

struct samples {
        const double *x, *y;
        size_t m, n;
        double z;
};

static double value_at(const struct samples *s, double mu)
{
        return judge_rank_w(mu, s->z, s->x, s->m, s->y, s->n);
}

/* A secant or inverse quadratic step from b, whichever fits; `half` when it would be outside or too small a gain. */
static double interpolate(double a, double b, double c, double fa, double fb, double fc, double before, double tolerance)
{
        double half = (c - b) / 2, p, q, s = fb / fa;

        if (fabs(before) < tolerance || fabs(fa) <= fabs(fb))
                return half;
        if (a == c) {
                p = (c - b) * s;
                q = 1 - s;
        } else {
                double u = fa / fc, r = fb / fc;

                p = s * ((c - b) * u * (u - r) - (b - a) * (r - 1));
                q = (u - 1) * (r - 1) * (s - 1);
        }
        if (p > 0)
                q = -q;
        p = fabs(p);
        return p < .75 * (c - b) * q - fabs(tolerance * q) / 2 && p < fabs(before * q / 2) ? p / q : half;
}

/* [a, b] has the root; its ends have fa and fb. */
static double root(const struct samples *s, double a, double b, double fa, double fb)
{
        double c = a, fc = fa;

        for (int i = 0; i < 1000 && fb != 0; i++) {
                double before = b - a;

                if (fabs(fc) < fabs(fb)) { /* b is the best of the three */
                        a = b;
                        b = c;
                        c = a;
                        fa = fb;
                        fb = fc;
                        fc = fa;
                }
                double tolerance = 2 * 2.220446049250313e-16 * fabs(b) + 1e-4 / 2;

                if (fabs(c - b) / 2 <= tolerance || fb == 0)
                        break;
                double step = interpolate(a, b, c, fa, fb, fc, before, tolerance);

                if (fabs(step) < tolerance)
                        step = copysign(tolerance, step);
                a = b;
                fa = fb;
                b += step;
                fb = value_at(s, b);
                if ((fb > 0) == (fc > 0) && fb != 0) {
                        c = a;
                        fc = fa;
                }
        }
        return b;
}

static double shift_at(struct samples s, double z, double low, double high)
{
        s.z = z;
        double at_low = value_at(&s, low), at_high = value_at(&s, high);

        if (at_low <= 0)
                return low;
        return at_high >= 0 ? high : root(&s, low, high, at_low, at_high);
}

void judge_rank_shift(const double *x, size_t m, const double *y, size_t n, double confidence, struct judge_shift *out)
{
        const struct samples s = { .x = x, .y = y, .m = m, .n = n };
        double x_low = x[0], x_high = x[0], y_low = y[0], y_high = y[0], z = judge_normal_quantile((1 + confidence) / 2);

        for (size_t i = 1; i < m; i++) {
                x_low = fmin(x_low, x[i]);
                x_high = fmax(x_high, x[i]);
        }
        for (size_t i = 1; i < n; i++) {
                y_low = fmin(y_low, y[i]);
                y_high = fmax(y_high, y[i]);
        }
        out->low = shift_at(s, z, x_low - y_high, x_high - y_low);
        out->high = shift_at(s, -z, x_low - y_high, x_high - y_low);
        out->estimate = shift_at(s, 0, x_low - y_high, x_high - y_low);
}

double judge_rank_higher(const double *x, size_t m, const double *y, size_t n)
{
        double a = (double) m, b = (double) n, ties;

        return (2 * rank_sum(0, x, m, y, n, &ties) - a * (a + 1)) / (2 * a * b);
}

double judge_normal_quantile(double p)
{
        double low = -40, high = 40;

        for (int i = 0; i < 200; i++) {
                double z = (low + high) / 2;

                if (erfc(-z * M_SQRT1_2) / 2 < p)
                        low = z;
                else
                        high = z;
        }
        return (low + high) / 2;
}
