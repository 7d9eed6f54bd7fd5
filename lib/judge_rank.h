/*
 * The Wilcoxon-Mann-Whitney rank sum: a confidence interval for how far one sample is shifted against another. Pure.
 *
 * With R the sum of the ranks of x - mu among (x - mu, y), ties sharing their mean rank,
 *
 *      W(mu) = (d - sign(d)/2) / sigma - z,   d = R - m(m+1)/2 - mn/2,
 *      sigma^2 = mn/12 ((m+n+1) - sum(t^3 - t) / ((m+n)(m+n-1))) over tie sizes t
 *
 * and the interval's ends are the roots of W at +-z, the estimate the root at 0 (Hodges and Lehmann 1963; Hollander and Wolfe,
 * "Nonparametric Statistical Methods", 4.3). Roots are found by Brent's method (1973) to 1e-4, as R's wilcox.test() does.
 */
#pragma once

#include <stddef.h>

enum { JUDGE_RANK_MAX = 2000 }; /* points of a sample */

struct judge_shift {
        double low, high, estimate; /* of x - y */
};

/* W. The samples must not be all alike. */
double judge_rank_w(double mu, double z, const double *x, size_t m, const double *y, size_t n);

/* confidence: 0.98. Each sample has 1 to JUDGE_RANK_MAX points, and not all of them are alike. */
void judge_rank_shift(const double *x, size_t m, const double *y, size_t n, double confidence, struct judge_shift *out);

/* Share of pairs in which x is higher than y, ties as half (Vargha and Delaney 2000). */
double judge_rank_higher(const double *x, size_t m, const double *y, size_t n);

double judge_normal_quantile(double p); /* z with P(Z <= z) = p, for 0 < p < 1 */
