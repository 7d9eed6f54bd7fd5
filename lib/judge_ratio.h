/*
 * Is the candidate's share of bad requests more than r0 times stable's? An anytime-valid, one-sided, two-sample test on
 * counts: it may be looked at after every tick, for as long as one likes, and still calls an equally good candidate bad with
 * at most the stated probability.
 *
 * Per tick, with n_A, n_B requests and x_A, x_B bad ones of stable and candidate: given x_A + x_B, a bad request is the
 * candidate's with probability pi(r) = r n_B / (n_A + r n_B) if its share is r times stable's. Against the null hypothesis
 * "at most r0 times" each alternative r_k gains
 *
 *      log e(r_k) = x_B ln(pi(r_k) / pi(r0)) + x_A ln((1 - pi(r_k)) / (1 - pi(r0)))
 *
 * and the evidence is the mixture E = 1/K sum_k exp(sum over ticks of log e(r_k)), r_k = r0 * {1.25, 1.5, 2, 3, 5, 10, 20, 50}.
 * Under the null E is a test supermartingale, so P(sup E >= 1/alpha) <= alpha (Ville 1939). Only the split of the bad requests
 * is tested, never their level: an incident that hits both versions alike is no evidence against either. pi follows the
 * weights, so changing them is fine. Sources: Lindon and Malek, "Anytime-Valid Inference for Multinomial Count Data", NeurIPS
 * 2022; Gruenwald, de Heide and Koolen, "Safe Testing", JRSS B 2024; the mixture is Robbins's (1970).
 *
 * For r0 = 1 the binomial is conservative whatever the shares (Hoeffding 1963); for r0 > 1 that holds for rare bad requests.
 * Errors that come in clusters are not independent: what one tick may add is capped at ln 20, which keeps the guarantee and
 * lets no single burst decide.
 */
#pragma once

#include <stdint.h>

enum { JUDGE_RATIOS = 8 };

struct judge_ratio { /* zeroed: no evidence yet. All of the test's state */
        double log_e[JUDGE_RATIOS];
        double peak; /* the highest log E so far */
};

void judge_ratio_add(struct judge_ratio *t, double r0, int64_t n_stable, int64_t x_stable, int64_t n_candidate,
                     int64_t x_candidate);

double judge_ratio_log_e(const struct judge_ratio *t); /* log E now */

/* Wilson's score interval for a share of x in n at z standard deviations (Wilson 1927): its lower end; 0 for n = 0. */
double judge_wilson_low(int64_t x, int64_t n, double z);
