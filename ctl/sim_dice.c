/* Draws. */
#include "ctl/sim_dice.h"

#include <math.h>

double dice_uniform(struct dice *d)
{
        uint64_t z = (d->state += 0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return (double) ((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* Walk the distribution from 0 up; np is small. */
static int64_t by_inversion(struct dice *d, int64_t n, double p)
{
        double odds = p / (1 - p), f = pow(1 - p, (double) n), u = dice_uniform(d);
        int64_t k = 0;

        while (u > f && k < n) {
                u -= f;
                f *= odds * (double) (n - k) / (double) (k + 1);
                k++;
        }
        return k;
}

/* Hoermann's BTRS; his names. */
static int64_t by_rejection(struct dice *d, int64_t n, double p)
{
        double q = 1 - p, spread = sqrt((double) n * p * q), b = 1.15 + 2.53 * spread, a = -.0873 + .0248 * b + .01 * p;
        double centre = (double) n * p + .5, vr = .92 - 4.2 / b, alpha = (2.83 + 5.1 / b) * spread;
        double mode = floor((double) (n + 1) * p), h = lgamma(mode + 1) + lgamma((double) n - mode + 1);

        for (;;) {
                double u = dice_uniform(d) - .5, v = dice_uniform(d), us = .5 - fabs(u);
                double k = floor((2 * a / us + b) * u + centre);

                if (k < 0 || k > (double) n)
                        continue;
                if (us >= .07 && v <= vr)
                        return (int64_t) k;
                if (log(v * alpha / (a / (us * us) + b)) <=
                    h - lgamma(k + 1) - lgamma((double) n - k + 1) + (k - mode) * log(p / q))
                        return (int64_t) k;
        }
}

int64_t dice_binomial(struct dice *d, int64_t n, double p)
{
        if (n <= 0 || p <= 0)
                return 0;
        if (p >= 1)
                return n;
        if (p > .5)
                return n - dice_binomial(d, n, 1 - p);
        return (double) n * p < 10 ? by_inversion(d, n, p) : by_rejection(d, n, p);
}

int64_t dice_geometric(struct dice *d, double mean)
{
        if (mean <= 1)
                return 1;
        return 1 + (int64_t) (log1p(-dice_uniform(d)) / log1p(-1 / mean));
}
