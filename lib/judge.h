/*
 * Healthy, breach or no evidence: three verdicts from counts, never two. Pure.
 *
 * Gates, in the order in which a breach is looked for:
 * - error-limit, latency-limit: the candidate's share of bad requests is surely above the limit. Surely: the lower end of
 *   Wilson's interval at 3 standard deviations, of at least 5 bad requests, in the last one to two minutes or in the whole step.
 *   If stable breaks the limit too, that is no evidence against the candidate.
 * - error-rate, latency: the sequential comparison with stable of judge_ratio.h, with the policy's false_rollback shared out
 *   equally among the comparisons. Stable has to have traffic at the same time; under all traffic only limits can speak.
 * - the policy's PromQL gates, by their own names.
 *
 * A breach stands whatever the quality of the evidence. Health needs evidence of good quality, every PromQL gate answered, and
 * min_requests of the candidate since the step's weight stood. Everything else is no evidence, with a reason.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/counts.h"
#include "lib/judge_compare.h"
#include "lib/policy.h"
#include "lib/sampler.h"

enum verdict_state { VERDICT_NO_EVIDENCE, VERDICT_HEALTHY, VERDICT_BREACH };

enum { VERDICT_NUMBERS_MAX = 12, VERDICT_NUMBER_NAME = 24, VERDICT_REASON_LEN = 256 };

struct verdict_number {
        char name[VERDICT_NUMBER_NAME];
        double value;
};

struct verdict {
        enum verdict_state state;
        char gate[NAME_MAX_LEN + 1]; /* what decided; "" when healthy */
        char reason[VERDICT_REASON_LEN];
        struct verdict_number numbers[VERDICT_NUMBERS_MAX];
        int n_numbers;
        int64_t at_ms; /* wall clock; set by the caller, 0: there is no verdict */
};

const char *verdict_state_name(enum verdict_state s);                       /* "no-evidence" */
int verdict_state_parse(const char *text, enum verdict_state *out);         /* -1 if there is no such state */
void verdict_none(struct verdict *v, const char *gate, const char *reason); /* no evidence, for this reason */

enum { JUDGE_WINDOW_MS = 60 * 1000 };

/* Everything the judge remembers of a rollout; saved with it. Zeroed: nothing seen. */
struct judge {
        struct judge_compare errors, slow;
        struct counts total[ARM_COUNT];     /* of the rollout */
        struct counts step[ARM_COUNT];      /* since the step's weight stood */
        struct counts window[2][ARM_COUNT]; /* the current and the previous minute */
        struct counts unpaired[ARM_COUNT];  /* not compared yet: the other arm's scrape is still to come */
        int64_t window_since_ms;            /* Prometheus's clock */
};

struct gate_value { /* a PromQL gate's answer */
        bool known;
        double value;
        char why[160]; /* when not known */
};

void judge_watch(struct judge *j, const struct counts *stable); /* a tick of stable alone, before the candidate has traffic */
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
