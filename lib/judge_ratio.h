/*
 * Is the candidate's share of bad requests more than r0 times stable's? An anytime-valid, one-sided, two-sample test on
 * counts: it may be looked at after every tick, for as long as one likes, and still calls an equally good candidate bad with
 * at most the stated probability. The same test the other way round says that it is less than r0 times stable's. Pure.
 *
 * Per tick, with n_A, n_B requests and x_A, x_B bad ones of stable and candidate, a bad request is the candidate's with
 * probability pi(r) = r n_B / (n_A + r n_B) if its share is r times stable's. With y = pi(r)/pi(r0), z = (1-pi(r))/(1-pi(r0))
 * each alternative r gains
 *
 *      log e(r) = x_B ln(y) + x_A ln(z)
 *
 * E e(r) <= 1 whatever the shares: for independent requests E y^x_B z^x_A = (1 + p_B (y-1))^n_B (1 + p_A (z-1))^n_A
 * <= exp(n_B p_B (y-1) + n_A p_A (z-1)), and n_B r0 (y-1) = n_A (1-z), so that the exponent is at most 0 when p_B <= r0 p_A (the
 * other way round: >=). Levels may differ from tick to tick and request to request: an incident that hits both versions alike is
 * no evidence against either. pi follows the weights, so changing them is fine.
 *
 * Bursts: if bad requests come in bursts of geometric size with mean b (judge_spread.h) the same holds for
 *
 *      log e(r) = x_B ln(y / (1/b + (1 - 1/b) y)) + x_A ln(z / (1/b + (1 - 1/b) z))
 *
 * because a burst's moment generating function at these slopes is y and z; b = 1 is the formula above. b is estimated from ticks
 * before this one. What one tick may add is capped at ln 20, so that no single burst decides.
 *
 * Common shares: if a share s of stable's requests is bad, as half of them are slower than its median, no candidate can have more
 * than 1/s times as many, and "1.5 times" is nearly all there is. With `usual` = s, a constant that was fixed before the first
 * tick, r0 and the alternatives are ratios of odds at that level: the ratio of shares that is tested is
 *
 *      rho(r) = r / (1 + (r - 1) s)
 *
 * instead of r. rho(1) = 1, rho is below 1/s for every r, and r itself for s = 0. The proof above uses nothing of r0 but that it is a
 * constant, and (1 + p (y-1))^n <= exp(n p (y-1)) for every p: the test of rho(r0) against rho(r_k) has its error rate for common
 * shares too, wherever stable's share is meanwhile. Requests being 0 or 1 vary less than the bound allows for, so it errs on the
 * safe side: at s = 1/2 by a factor of two in the variance.
 *
 * The evidence is a mixture over ratios and over the moment at which the candidate became worse:
 *
 *      E = unspent + sum_k exp(L_k)
 *
 * 95 % of the stake is set at the first tick, shared over r_k = r0 * {1.4, 2, 3, 5, 10, 25} as {1, 2.5, 2.5, 1.5, 1.5, 1} / 10 (the
 * other way round: r0 / ...); of the rest 60/(60+t) is unspent after t ticks, so that a candidate that goes bad after an hour
 * still meets a fresh stake. Under the null E is a test supermartingale, so P(sup E >= 1/alpha) <= alpha (Ville 1939), and
 * 1 / sup E is an always-valid p.
 *
 * Sources: Lindon and Malek, "Anytime-Valid Inference for Multinomial Count Data", NeurIPS 2022; Gruenwald, de Heide and Koolen,
 * "Safe Testing", JRSS B 2024; the mixture over ratios is Robbins's (1970), over moments as in Shin, Ramdas and Rinaldo,
 * "E-detectors", 2022.
 */
#pragma once

#include <stdint.h>

#include "lib/counts.h"

enum { JUDGE_RATIOS = 6 };

enum judge_side { JUDGE_ABOVE, JUDGE_BELOW }; /* evidence that the share is above, or below, r0 times stable's */

struct judge_ratio {                /* zeroed: no evidence yet. All of the test's state */
        double log_e[JUDGE_RATIOS]; /* L_k, stake included */
        double peak;                /* the highest log E so far */
        int64_t ticks;
};

void judge_ratio_add(struct judge_ratio *t, enum judge_side side, double r0, double burst, int64_t n_stable, int64_t x_stable,
                     int64_t n_candidate, int64_t x_candidate);
/* With a usual share, the same at every tick of a test; judge_ratio_add() has 0. */
void judge_ratio_add_usual(struct judge_ratio *t, enum judge_side side, double r0, double usual, double burst, int64_t n_stable,
                           int64_t x_stable, int64_t n_candidate, int64_t x_candidate);

/* For limits close to 1 and shares close to all: what is tested is still r0 times stable's share, but the bets are nearer, at odds of
 * {1.1, 1.2, 1.4, 2, 5, 25} times those of a share r0 s: r_k = r0 rho(that) for the level r0 s, staked {1.5, 2, 2, 2, 1.5, 1} / 10. */
void judge_ratio_add_near(struct judge_ratio *t, enum judge_side side, double r0, double usual, double burst,
                          const int64_t n[ARM_COUNT], const int64_t x[ARM_COUNT]);

double judge_ratio_of_odds(double odds, double usual); /* rho */

double judge_ratio_log_e(const struct judge_ratio *t); /* log E now */
double judge_log_sum(double a, double b);              /* ln(e^a + e^b) */

/* The parts, for tests that mix their bets otherwise. A bet on alternative r in a tick with n things, against a share of at most (r > r0), or at
 * least, r0 times stable's and `slack` more, or less, than that; and what it adds to log e when x of the things are bad. */
struct judge_ratio_bet {
        double each[ARM_COUNT]; /* for each bad thing */
        double charge;          /* for the slack */
};

struct judge_ratio_bet judge_ratio_bet(double r, double r0, double slack, double burst, const double n[ARM_COUNT]);
double judge_ratio_pays(const struct judge_ratio_bet *bet, const double n[ARM_COUNT], const double x[ARM_COUNT]);
double judge_ratio_unspent(
        int64_t ticks); /* the share of the stake that is held back after so many: all of it before the first */

/* What a tick with shares p_stable and p_candidate is expected to add to the best alternative, per request of both arms, with
 * the candidate having `weight` of them; 0 if they are no evidence. The information that ln(1/alpha) has to be gathered from. */
double judge_ratio_gain(enum judge_side side, double r0, double weight, double p_stable, double p_candidate);

/* Wilson's score interval for a share of x in n at z standard deviations (Wilson 1927): its lower end; 0 for n = 0. */
double judge_wilson_low(int64_t x, int64_t n, double z);
