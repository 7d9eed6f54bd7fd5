/*
 * PromQL gates, a kind a row: how an answer is taken in, when it is a breach, what keeps it from passing, how it is explained.
 * What each kind means is in policy.h, its arithmetic in the header that it names. Pure.
 */
#pragma once

#include <stdbool.h>

#include "lib/judge_explain.h"

struct judge_asked { /* one gate and its newest answer */
        const struct policy_query *q;
        int i; /* which of the policy's */
        const struct gate_value *value;
        double alpha; /* of false_rollback, for each comparison */
};

struct judge_query_kind {
        enum judge_view_kind view_kind;
        void (*look)(struct judge *j, const struct judge_asked *a);
        double (*counted)(const struct judge *j, int i); /* grows with what can be judged; NULL: each answer by itself */
        bool (*breaks)(const struct judge *j, const struct judge_asked *a, struct verdict *v);
        bool (*open)(const struct judge *j, const struct judge_asked *a, struct verdict *v); /* no breach, and not passed */
        void (*view)(const struct judge *j, const struct judge_asked *a, struct judge_view *w);
};

/* The row of a gate's kind. */
const struct judge_query_kind *judge_query_kind(const struct policy_query *q);
struct judge_asked judge_asked(const struct judge *j, const struct policy *p, int i, const struct gate_value *value);

struct judge_gate *judge_gate_of(struct judge *j, int i);               /* made if need be */
const struct judge_gate *judge_gate_seen(const struct judge *j, int i); /* empty if nothing was seen */
/* Of a gate that compares: is there an answer, or nothing to compare with? Something has to have been compared
 * since the step's weight stood. */
bool judge_gate_no_count(const struct judge_asked *a, const double *counts, int n, struct verdict *v); /* an answer is none */
/* Were more bad ones counted than all? */
bool judge_gate_surplus(const struct judge_asked *a, const struct judge_surplus *s, struct verdict *v);
bool judge_gate_open(const struct judge *j, const struct judge_asked *a, struct verdict *v);
bool judge_gate_is_fresh(const struct judge *j, int i); /* something was counted since then */

/* The rows. */
extern const struct judge_query_kind judge_query_value, judge_query_share, judge_query_ratio, judge_query_drift, judge_query_mean;
