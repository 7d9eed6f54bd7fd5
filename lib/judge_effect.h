/*
 * How many times stable's share is the candidate's? A confidence sequence: valid at every moment at once, for display. Pure.
 *
 * For a fixed grid of ratios the log likelihood of the split of bad requests is kept, relative to ratio 1 and divided by the
 * dispersion D of judge_spread.h:
 *
 *      l(r) += (x_B ln(pi(r)/pi(1)) + x_A ln((1-pi(r))/(1-pi(1)))) / D
 *
 * For each r on the grid 1/J sum_k exp(l(r_k) - l(r)) is a test martingale of "the ratio is r" (judge_ratio.h has the proof), so all
 * r where it never reached 1/alpha cover the truth with probability 1 - alpha. The ends are rounded outwards to the grid. With
 * D > 1 that is quasi-likelihood, exact if no cause makes more than D bad requests. Method: Robbins 1970; Lindon and Malek 2022.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { JUDGE_EFFECTS = 11 };

struct judge_effect {               /* zeroed: nothing known */
        float log_l[JUDGE_EFFECTS]; /* for display: seven digits are plenty */
};

struct judge_interval {
        double low, high; /* 0 and INFINITY where nothing is known */
        double best;      /* the most likely ratio of the grid; 0 while no bad request has been seen */
};

void judge_effect_add(struct judge_effect *f, double dispersion, int64_t n_stable, int64_t x_stable, int64_t n_candidate,
                      int64_t x_candidate);

void judge_effect_interval(const struct judge_effect *f, double alpha, struct judge_interval *out);
