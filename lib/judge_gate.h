/* What is kept of PromQL gates that gather evidence: of each what its kind needs, made when it is first looked at. */
#pragma once

#include "lib/judge_count.h"
#include "lib/judge_drift.h"
#include "lib/judge_mean.h"
#include "lib/judge_pair.h"
#include "lib/policy.h"

struct judge_gate { /* at most one is not NULL */
        struct judge_count *share;
        struct judge_pair *pair;
        struct judge_drift *drift;
        struct judge_mean *mean;
};

struct judge_gate *judge_gates_new(void);                 /* POLICY_QUERIES_MAX of them */
void judge_gates_free(struct judge_gate *gates);          /* NULL is fine */
size_t judge_gates_bytes(const struct judge_gate *gates); /* of memory; NULL is fine */
