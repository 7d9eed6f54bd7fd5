/*
 * PromQL gates of a policy: what each kind asks, and the rules that it has to keep. Values, pure. What a kind means is in docs/policies.md; its
 * arithmetic is in the header named here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/names.h"

enum { POLICY_QUERY_LEN = 1024, POLICY_FAILURES_MAX = 100, POLICY_LABEL_LEN = 63 };

enum policy_query_kind {
        QUERY_VALUE, /* one number */
        QUERY_SHARE, /* two counters of the candidate: judge_count.h */
        QUERY_RATIO, /* two counters of each release: judge_pair.h */
        QUERY_DRIFT, /* counters of each release, one a class of predictions: judge_drift.h */
        QUERY_MEAN,  /* a sum and a count of each release: judge_mean.h */
};

struct policy_change { /* of a mean, from stable's to the candidate's */
        bool on, relative;
        double by; /* in the mean's unit, or relative to stable's: .05 is 5 % more */
};

/*
 * What is given says which kind it is: `by` DRIFT, a change MEAN, a ratio with `of` RATIO, `of` alone SHARE, nothing of these VALUE.
 *
 * VALUE: healthy within [min, max]; a breach below fail_below or above fail_above, `failures` times in a row; between them it is
 * no evidence. Without fail_below and fail_above what is not healthy is a breach.
 * SHARE: more than max_share is a breach.
 * RATIO: the candidate's share more than max_ratio times stable's is a breach, and so is less than min_ratio times.
 * DRIFT: so is a class whose share is more than max_ratio times stable's and slack on top, or less than stable's over max_ratio without slack.
 * MEAN: so is a mean that changes by more than max_change, or by less than min_change.
 */
struct policy_query {
        char name[NAME_MAX_LEN + 1];
        char query[POLICY_QUERY_LEN + 1]; /* may hold {{target}}, {{model}}, {{candidate}}, {{stable}}; see policy_compares() */
        char of[POLICY_QUERY_LEN + 1];    /* "": none */
        bool has_min, has_max, has_fail_below, has_fail_above;
        double min, max, fail_below, fail_above;
        int failures; /* 0 counts as 1 */
        double max_share;
        double max_ratio, min_ratio; /* 0: not asked */
        char by[POLICY_LABEL_LEN + 1];
        double slack;
        struct policy_change max_change, min_change;
        double expected; /* RATIO: stable's share, to reckon with; 0: unknown */
};

enum policy_query_kind policy_query_kind(const struct policy_query *q);
/* Is it asked of both releases? Then {{release}} is each of them in turn, and every query of the gate has it. */
bool policy_compares(const struct policy_query *q);
int policy_query_comparisons(const struct policy_query *q); /* how many parts of false_rollback it takes */
int policy_query_check(const struct policy_query *q, struct err *e);

struct policy_names { /* what placeholders stand for; releases by key (lib/release.h) */
        const char *target, *model;
        int64_t candidate, stable, release;
};

/* Is every {{word}} of it a placeholder, and has it {{release}} if it is compared? `gate` names it in the sentence. */
int policy_query_text_check(const char *gate, const char *text, bool compared, struct err *e);

/* Fill in a gate's placeholders. The caller frees. */
char *policy_query_text(const char *query, const struct policy_names *names);
