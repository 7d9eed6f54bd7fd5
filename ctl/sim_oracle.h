/*
 * The best that any comparison could do with the same traffic: it knows how many times stable's share the candidate's is, and that it is so
 * from the first tick. Pure.
 *
 * One bet on the true ratio with the whole stake: the likelihood ratio of judge_ratio.h, stopped at 1/alpha. Of all tests with that error
 * rate the sequential probability ratio test is the quickest on average (Wald and Wolfowitz 1948). What a judge that has to find out needs
 * longer than this is the price of not knowing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ctl/sim_run.h"

/* Does it apply? To errors that are made up, worse than the policy tolerates and independent: in bursts no bet is known to be the best. */
bool sim_oracle_applies(const struct policy *p, const struct sim_traffic *t);

/* The same seed gives the same requests as in sim_judge() until that one changes the weight. */
void sim_oracle(const struct policy *p, const struct sim_traffic *t, uint64_t seed, int64_t limit_ms, struct sim_outcome *out);

double sim_oracle_log_needed(const struct policy *p); /* ln of 1/alpha, alpha being the error rate gate's part */
