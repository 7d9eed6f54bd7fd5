/*
 * Is the candidate slower than stable, also where both are well within the objective? Shares above stable's own quantiles. Pure.
 *
 * Before the candidate has traffic stable's histogram is watched, and for each quantile of the policy the bound nearest above it is
 * chosen: the lowest one within which at least that part of stable's requests was (the highest finite one, if none is). From then on
 * it is frozen, for the whole rollout, and the shares of both arms above it are compared as every other share (judge_ratio.h). Counts
 * at a bound are exact; nothing is interpolated. The share above it as it was watched is the comparison's `usual`, so that max_ratio is
 * one of odds and means something for a share of a half, too: 1.5 times the odds of stable's p99 are 1.49 times the share, of its p50
 * 1.2 times.
 *
 * The choice is made from what came before, and only what comes after it is evidence, so it costs the test nothing. Each quantile
 * has its part of false_rollback (Bonferroni). Quantiles with the same bound, or with the objective as theirs, are one comparison;
 * when that is known before anything was compared the parts are that much larger.
 *
 * A quantile q needs five requests above it: 5 / (1 - q) of stable's have to be watched. While one could not be chosen the step holds,
 * and it is tried again with each look; what was compared before is not compared again.
 */
#pragma once

#include "lib/counts.h"
#include "lib/judge_effect.h"
#include "lib/judge_ratio.h"
#include "lib/judge_spread.h"
#include "lib/judge_verdict.h"
#include "lib/policy.h"

struct judge_bound {
        struct judge_ratio worse;
        struct judge_effect effect;
        struct judge_spread spread;
        int32_t us;
        float usual;                                             /* stable's share above it, as it was watched */
        uint32_t quantiles;                                      /* bit i: it is the bound of the policy's quantile i */
        float unpaired_of[ARM_COUNT], unpaired_above[ARM_COUNT]; /* the other arm's scrape is still to come */
        struct tail total[ARM_COUNT];                            /* since it was chosen */
};

struct judge_bounds { /* zeroed: none chosen. judge_bounds_done() frees; not to be copied */
        struct judge_bound *list;
        int32_t n;
        uint32_t at_objective; /* as quantiles: those that the comparison at the objective stands for */
        int32_t merged;        /* so many comparisons fewer than policy_comparisons() */
        float watched;         /* stable's requests, at the last choice */
};

void judge_bounds_done(struct judge_bounds *b); /* none chosen again */

/* Is there a quantile without a bound? */
bool judge_bounds_wanted(const struct judge_bounds *b, const struct policy_share *latency);
/* Choose what is not chosen yet and can be. untouched: nothing of the rollout has been compared. Returns how many bounds are new. */
int judge_bounds_choose(struct judge_bounds *b, const struct policy_share *latency, const struct latency_histogram *stable,
                        bool untouched);
/* A tick of stable, alone, at bound i: counts->slow is what was above it. */
void judge_bounds_watch(struct judge_bounds *b, int i, const struct counts *stable);

void judge_bounds_add(struct judge_bounds *b, const struct policy_share *latency,
                      const struct tail tick[ARM_COUNT][COUNTS_BOUNDS_MAX]);

/* True when there is something to say, in v. needed: log E that is enough. */
bool judge_bound_breaks(const struct judge_bound *b, const struct policy_share *latency, double needed, struct verdict *v);
bool judge_bounds_open(const struct judge_bounds *b, const struct policy_share *latency, struct verdict *v); /* not chosen yet */

double judge_bound_ratio(const struct judge_bound *b, const struct policy_share *latency); /* of the shares: what is tolerated */
void judge_bound_gate(const struct judge_bound *b, const struct policy_share *latency, char out[NAME_MAX_LEN + 1]);

struct judge_quantiles {
        char text[48]; /* "p50, p90" */
};
struct judge_quantiles judge_quantiles_text(const struct policy_share *latency, uint32_t quantiles);
