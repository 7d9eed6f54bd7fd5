/* The built-in gates look at a share of requests alike: those that failed, and those slower than the objective. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/judge.h"

enum judge_span { SPAN_TOTAL, SPAN_STEP, SPAN_WINDOW, SPAN_COUNT };

struct judge_share {
        const struct policy_share *rule;
        const struct judge_compare *test;
        const struct judge_burn *burn;
        const char *ratio_gate, *limit_gate, *budget_gate;
        const char *did;              /* "failed": the candidate failed 3 of 5 requests */
        double log_needed, log_proof; /* evidence that is enough for a breach, and for a proof */
        int64_t bad[SPAN_COUNT][ARM_COUNT], of[SPAN_COUNT][ARM_COUNT];
        double rate; /* requests of both arms a second in this step, 0 if unknown */
};

void judge_shares(const struct judge *j, const struct policy *p, struct judge_share out[2]);

/* True when the gate has something to say, in v: a breach, or that stable is no better. */
bool judge_share_limit(const struct judge_share *s, struct verdict *v);
bool judge_share_budget(const struct judge_share *s, struct verdict *v);
bool judge_share_ratio(const struct judge_share *s, struct verdict *v);
bool judge_share_unproved(const struct judge_share *s, struct verdict *v); /* no evidence: what is missing for the proof */

double judge_share_missing(const struct judge_share *s); /* requests of both arms until the proof; INFINITY, or 0: none */
double judge_odds(double log_e);                         /* for people and JSON: never infinite */
double judge_percent(int64_t x, int64_t n);
