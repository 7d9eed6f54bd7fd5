/*
 * Is a share of counted things more than it may be? A one-sample, anytime-valid test on two growing counters: pairs of a shadow that
 * differ, features that are null, decisions that flipped. Pairs need no second arm: what the traffic brings cancels out. Pure.
 *
 * For x bad ones of n so far, against "the share is at most q", the mixture over alternatives q_k = q * {1.2, 1.5, 2, 3, 5, 10}, none
 * above (1 + q) / 2,
 *
 *      E = 1/6 sum_k (q_k/q)^x ((1-q_k)/(1-q))^(n-x)
 *
 * is a test supermartingale: each thing multiplies by 1 on average at share q, and by less below it. So P(sup E >= 1/alpha) <= alpha
 * (Ville 1939; the mixture is Robbins's, 1970). Things that come in bursts are not independent: count causes, not consequences.
 */
#pragma once

#include <stdbool.h>

#include "lib/judge_surplus.h"

struct judge_count {              /* zeroed: nothing seen */
        double bad, of;           /* counted so far */
        double last_bad, last_of; /* the counters when last looked at */
        double peak;              /* the highest log E so far */
        double known;             /* not 0: last_* have been seen */
        struct judge_surplus surplus;
};

/* The counters as they are now, sums over instances. When one went back, an instance restarted or left: how much was counted
 * meanwhile is not known, and that interval is passed over. False then, and for values that are no counts. */
bool judge_count_add(struct judge_count *c, double max_share, double bad, double of);

double judge_count_log_e(const struct judge_count *c, double max_share);
