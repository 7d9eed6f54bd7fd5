/* Ranks, and roots of the rank statistic. */
#include "lib/judge_rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

struct samples { /* sorted; a shift leaves them so */
        double *x, *y;
        size_t m, n;
};

static void samples_done(struct samples *s)
{
        free(s->x);
        free(s->y);
}
#define AUTO_SAMPLES __attribute__((cleanup(samples_done))) struct samples

static int by_value(const void *a, const void *b)
{
        double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

static double *sorted(const double *v, size_t n)
{
        double *copy = xcalloc(n, sizeof *copy);

        memcpy(copy, v, n * sizeof *copy);
        qsort(copy, n, sizeof *copy, by_value);
        return copy;
}

static struct samples samples(const double *x, size_t m, const double *y, size_t n)
{
        return (struct samples){ .x = sorted(x, m), .y = sorted(y, n), .m = m, .n = n };
}

/* Sum of the ranks of x - mu, and the sum of t^3 - t over ties: both samples side by side, from the lowest value up. */
static double rank_sum(const struct samples *s, double mu, double *ties)
{
        size_t i = 0, j = 0;
        double sum = 0;

        *ties = 0;
        while (i < s->m || j < s->n) {
                double value = j == s->n || (i < s->m && s->x[i] - mu <= s->y[j]) ? s->x[i] - mu : s->y[j];
                size_t first = i + j, of_x = i;

                while (i < s->m && s->x[i] - mu <= value)
                        i++;
                while (j < s->n && s->y[j] <= value)
                        j++;
                double t = (double) (i + j - first);

                sum += (double) (i - of_x) * ((double) (first + i + j + 1) / 2);
                *ties += t * t * t - t;
        }
        return sum;
}

static double statistic(const struct samples *s, double mu, double z)
{
        double a = (double) s->m, b = (double) s->n, ties;
        double d = rank_sum(s, mu, &ties) - a * (a + 1) / 2 - a * b / 2;
        double sigma = sqrt(a * b / 12 * ((a + b + 1) - ties / ((a + b) * (a + b - 1))));
        double sign = (d > 0) - (d < 0);

        return (d - sign / 2) / sigma - z;
}

double judge_rank_w(double mu, double z, const double *x, size_t m, const double *y, size_t n)
{
        AUTO_SAMPLES s = samples(x, m, y, n);

        return statistic(&s, mu, z);
}

/* --- Brent's root finder --- */

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
static double root(const struct samples *s, double z, double a, double b, double fa, double fb)
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
                fb = statistic(s, b, z);
                if ((fb > 0) == (fc > 0) && fb != 0) {
                        c = a;
                        fc = fa;
                }
        }
        return b;
}

static double shift_at(const struct samples *s, double z)
{
        double low = s->x[0] - s->y[s->n - 1], high = s->x[s->m - 1] - s->y[0];
        double at_low = statistic(s, low, z), at_high = statistic(s, high, z);

        if (at_low <= 0)
                return low;
        return at_high >= 0 ? high : root(s, z, low, high, at_low, at_high);
}

void judge_rank_shift(const double *x, size_t m, const double *y, size_t n, double confidence, struct judge_shift *out)
{
        AUTO_SAMPLES s = samples(x, m, y, n);
        double z = judge_normal_quantile((1 + confidence) / 2);

        out->low = shift_at(&s, z);
        out->high = shift_at(&s, -z);
        out->estimate = shift_at(&s, 0);
}

double judge_rank_higher(const double *x, size_t m, const double *y, size_t n)
{
        AUTO_SAMPLES s = samples(x, m, y, n);
        double a = (double) m, b = (double) n, ties;

        return (2 * rank_sum(&s, 0, &ties) - a * (a + 1)) / (2 * a * b);
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
