/*
 * Did a mean change by more than it may? A sum and a count of each release, looked at at the same time: scores, costs, amounts. Pure.
 *
 * Increments (judge_meter.h) wait until both releases have at least JUDGE_MEAN_LEAST things, and then they are a pair of means (a, b)
 * of stable and candidate. What is tested is the mean of d = b - k a - c, at most 0 under the null: k = 1 for an absolute change of
 * at most c, and k = 1 + c (1 - c below 0), c = 0 for a relative one; for least changes the other way round. A change of level that hits both is in
 * a and b alike. Of n pairs with mean m and sample variance s^2 of d, and t^2 = n m^2 / s^2,
 *
 *      E = (1 + n g)^(-1/2) ((1 + t^2 / (n-1)) / (1 + t^2 / ((n-1) (1 + n g))))^(n/2),   g = 0.1
 *
 * is the mixture of likelihood ratios over an effect m/s of normal size with variance g, of the maximal invariant under scaling: a test martingale
 * for normal d of unknown variance, at every n >= 2, so that P(sup E >= 1/alpha) <= alpha (Ville 1939), and all means that keep E
 * below 1/alpha are a confidence sequence. Means of many things are nearly normal; for large n it is the asymptotic confidence sequence of
 * Waudby-Smith et al. with rho^2 = g, and for small n wider, which that one is too narrow for. With the sums over k pairs of
 * (a, b) every such d is known: n, two means, two variances and their covariance are all the state.
 *
 * It is as good as the sums are normal: 50 things a pair carry a log-normal quantity with sigma 1 (skewness 6); heavier tails
 * want a share above a bound instead (judge_pair.h), and so do amounts that all but a few things in a thousand do not have: with .2 to .5 % of
 * them E is above 1/alpha for up to a fifth of good releases, at alpha .01.
 *
 * Sources: Perez-Ortiz, Lardy, de Heide and Gruenwald, "E-statistics, group invariance and anytime-valid testing", Ann. Stat. 2024; Lai,
 * "On confidence sequences", Ann. Stat. 1976; Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and
 * asymptotic confidence sequences", Ann. Stat. 2024.
 */
#pragma once

#include <stdbool.h>

#include "lib/counts.h"
#include "lib/judge_meter.h"

enum {
        JUDGE_MEAN_LEAST = 50, /* things of each release in a pair */
        JUDGE_MEAN_PAIRS = 5,  /* before there is an answer */
};

struct judge_mean_look { /* of one release, as it is */
        double sum, of;
};

struct judge_mean { /* zeroed: nothing seen */
        struct judge_meter meter[ARM_COUNT];
        double last[ARM_COUNT]; /* the sums, when last looked at */
        struct judge_mean_look waiting[ARM_COUNT];
        double n, mean[ARM_COUNT], m2[ARM_COUNT], co; /* pairs; means, sums of squares and of products about them */
        double peak[2];                               /* the highest log E so far: more than it may, less than it may */
};

struct judge_mean_limit { /* of one direction */
        double by;
        bool on, relative;
};

/* most, least: how much it may rise, and fall (then by is not above 0). compare: false: only note the counters. False: no counters. */
void judge_mean_look(struct judge_mean *m, const struct judge_mean_limit *most, const struct judge_mean_limit *least,
                     const struct judge_mean_look now[ARM_COUNT], bool compare);

bool judge_mean_answers(const struct judge_mean *m); /* enough pairs for one */

/* log E that d = b - k a - c has a mean other than 0, with the sign of its mean in *side. */
double judge_mean_log_e(const struct judge_mean *m, double k, double c, double *side);

/* The confidence sequence of the change b - a; infinite where nothing is known. */
void judge_mean_change(const struct judge_mean *m, double alpha, double *low, double *high);
