/* Why the verdict is what it is: every gate of a policy with its counts, evidence and what it waits for. Pure. */
#pragma once

#include "lib/judge.h"
#include "lib/judge_gate.h"

enum { JUDGE_VIEWS_MAX = 6 + POLICY_QUANTILES_MAX + 1 + POLICY_QUERIES_MAX, JUDGE_VIEW_SAYS = VERDICT_REASON_LEN };

enum judge_view_kind { VIEW_COMPARISON, VIEW_LIMIT, VIEW_BUDGET, VIEW_QUERY, VIEW_SHARE, VIEW_RATIO, VIEW_DRIFT, VIEW_MEAN };

struct judge_view {
        char gate[NAME_MAX_LEN + 1];
        enum judge_view_kind kind;
        enum verdict_state
                state; /* of this gate alone; a comparison without a breach is healthy once it has something to compare */
        char says[JUDGE_VIEW_SAYS]; /* a sentence; "" when there is nothing to say */
        /* Comparisons: */
        double false_rollback; /* this gate's part */
        double evidence, evidence_needed, always_valid_p;
        struct judge_interval ratio;              /* 95 % confidence sequence */
        double burst;                             /* mean size of bursts, as measured on stable */
        double bound_ms;                          /* latency: bad is slower than this; 0: not a latency, or not chosen yet */
        struct judge_quantiles quantiles;         /* of stable's, that this bound stands for: "p50, p90" */
        double share_ratio;                       /* of the shares above it, that is tolerated: judge_bounds.h */
        double proof, proof_needed;               /* of a sound_ratio; needed 0: not asked */
        double requests_missing, seconds_missing; /* for the proof; INFINITY: never; seconds -1: unknown */
        /* Comparisons of the rollout so far, limits and budgets of the step. */
        int64_t bad[ARM_COUNT], of[ARM_COUNT];
        double limit;     /* limits, budgets: a share; comparisons: max_ratio */
        double burn_rate; /* budgets */
        /* Queries, and shares of two of them, whose counts are the candidate's: */
        bool known;
        double value;
        const char *query; /* the policy's text */
        /* Queries that compare both releases: */
        double min_ratio, slack;        /* ratio: 0: not asked; drift */
        double passed_over;             /* intervals in which a counter went back, or an instance came back */
        struct judge_drift_class drift; /* where the evidence is */
        double mean[ARM_COUNT], change_low, change_high, pairs;
};

const char *judge_view_kind_name(enum judge_view_kind k); /* "comparison" */

/* Returns how many. queries: the newest answers, or NULL when there are none. */
int judge_explain(const struct judge *j, const struct policy *p, const struct gate_value *queries,
                  struct judge_view out[JUDGE_VIEWS_MAX]);
