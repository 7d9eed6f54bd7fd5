/*
 * Healthy, breach or no evidence: three verdicts from counts, never two. Pure.
 *
 * Gates, in the order in which a breach is looked for:
 * - error-limit, latency-limit: the candidate's share of bad requests is surely above the limit. Surely: the lower end of
 *   Wilson's interval at 3 standard deviations, of at least 5 bad requests, in the last one to two minutes or in the whole step.
 *   If stable breaks the limit too, that is no evidence against the candidate.
 * - error-budget, latency-budget: the candidate spends its budget too fast (judge_burn.h), and stable does not.
 * - error-rate, latency: the sequential comparison with stable of judge_ratio.h, with the policy's false_rollback shared out
 *   equally among the comparisons. Stable has to have traffic at the same time; under all traffic only limits can speak.
 * - latency-p50 and the like: the same comparison above stable's own quantiles (judge_bounds.h). While one of them is not known yet
 *   nothing is healthy.
 * - the policy's PromQL gates, by their own names: values after as many failures in a row as each allows, shares and what is compared
 *   with stable by tests with their part of false_rollback (judge_query.h).
 *
 * A breach stands whatever the quality of the evidence. Health needs evidence of good quality, every PromQL gate answered and
 * passed, min_requests of the candidate since the step's weight stood, and where the policy has a sound_ratio the proof that the
 * candidate is below it ("promotion"). Everything else is no evidence, with a reason.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/counts.h"
#include "lib/judge_bounds.h"
#include "lib/judge_burn.h"
#include "lib/judge_compare.h"
#include "lib/judge_verdict.h"
#include "lib/policy.h"
#include "lib/sampler.h"

enum { JUDGE_WINDOW_MS = 60 * 1000 };

struct judge_minute { /* as struct counts, of a minute or less: seven digits are plenty */
        float requests, errors, timed, slow;
};

/* Everything the judge remembers of a rollout; saved with it. Zeroed: nothing seen. judge_done() frees; not to be copied. */
struct judge {
        struct judge_compare errors, slow;
        struct counts total[ARM_COUNT];           /* of the rollout */
        struct counts step[ARM_COUNT];            /* since the step's weight stood */
        struct judge_minute window[2][ARM_COUNT]; /* the current and the previous minute */
        struct judge_minute unpaired[ARM_COUNT];  /* not compared yet: the other arm's scrape is still to come */
        int64_t window_since_ms;                  /* Prometheus's clock, as all of these */
        struct judge_burn burn[2];                /* the candidate's: errors, slow */
        int64_t step_since_ms, last_ms;           /* of the first and the newest reading in this step */
        uint8_t failures[POLICY_QUERIES_MAX];     /* how often in a row each PromQL gate has failed */
        uint32_t fresh;                           /* a bit a PromQL gate: something was counted or compared in this step */
        struct judge_bounds bounds;
        struct judge_gate
                *gates; /* of PromQL gates that gather evidence, as the policy has them; NULL: none has yet (judge_gate.h) */
};

struct judge_table;

struct gate_value { /* a PromQL gate's answer */
        bool known;
        bool apart;                                 /* of a gate that compares: there is nothing to compare with at this weight */
        double value, of;                           /* of: its second query */
        double stable, stable_of;                   /* of a gate that compares: stable's, and those above are the candidate's */
        const struct judge_table *table[ARM_COUNT]; /* of a drift gate instead; borrowed for the look */
        char why[160];                              /* when not known */
};

void judge_done(struct judge *j);                               /* nothing seen again */
size_t judge_bytes(const struct judge *j);                      /* of memory, all in all */
void judge_watch(struct judge *j, const struct counts *stable); /* a tick of stable alone, before the candidate has traffic */
void judge_answers(struct judge *j, const struct policy *p,
                   const struct gate_value *queries); /* once per look, before deciding */
/* The same before the candidate has traffic, when there is nothing to compare: how stable's counters of gates that compare cluster. */
void judge_watch_answers(struct judge *j, const struct policy *p, const struct gate_value *queries);
void judge_watch_again(struct judge *j); /* forget what was watched, and the bounds chosen from it */
/* How many comparisons share false_rollback: those of the policy, without the bounds that turned out to be one. */
int judge_comparisons(const struct judge *j, const struct policy *p);
/* What PromQL gate i says by itself: false when it has passed. */
bool judge_query(const struct judge *j, const struct policy *p, int i, const struct gate_value *value, struct verdict *v);
void judge_next_step(struct judge *j); /* another weight: step and window begin again, the comparison goes on */
void judge_add(struct judge *j, const struct policy *p, const struct reading *r, int64_t server_ms);
void judge_decide(const struct judge *j, const struct policy *p, enum quality quality, const char *reason,
                  const struct gate_value *queries, struct verdict *out);

/* The same for a preview, in which no user's request goes to the candidate: nothing is compared, and none is needed. Absolute limits and
 * PromQL gates judge whatever somebody sends it. */
void judge_add_preview(struct judge *j, const struct reading *r, int64_t server_ms);
void judge_decide_preview(const struct judge *j, const struct policy *p, enum quality quality, const char *reason,
                          const struct gate_value *queries, struct verdict *out);

/*
 * Does the traffic seen in this step follow the weight? Within four binomial standard deviations, plus what two scrapes of
 * different moments can differ by, plus three requests. False also while nothing has been seen.
 */
bool judge_split_matches(const struct counts step[ARM_COUNT], int weight_bp, int64_t elapsed_ms, int64_t scrape_ms);
