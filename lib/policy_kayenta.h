/*
 * The gate of a policy that judges as Kayenta does (lib/judge_kayenta.h): metrics as one value an interval of both versions, since the
 * step's weight stood, classified one by one, and a score of 0 to 100. At or above `pass` it is healthy, below `marginal` a breach,
 * and between them no evidence. Values and the rules that they have to keep, pure.
 */
#pragma once

#include <stdint.h>

#include "lib/err.h"
#include "lib/judge_kayenta.h"
#include "lib/names.h"
#include "lib/policy_query.h"

enum {
        POLICY_KAYENTA_METRICS = 12,
        POLICY_KAYENTA_GROUPS = 8,
        POLICY_KAYENTA_POINTS = 240, /* of a series, the newest */
        POLICY_KAYENTA_POINTS_LEAST = 5,
};

#define POLICY_KAYENTA_GATE "kayenta" /* its name in verdicts */

struct policy_kayenta_metric {
        char name[NAME_MAX_LEN + 1];
        char query[POLICY_QUERY_LEN + 1]; /* holds {{release}}: asked once for each version; maybe {{target}} and {{model}} */
        int group;
        struct kayenta_rule rule;
};

struct policy_kayenta_group {
        char name[NAME_MAX_LEN + 1];
        double weight; /* percent of the score; 0: an equal part of what the others leave */
};

struct policy_kayenta { /* n_metrics 0: there is no such gate */
        double pass, marginal;
        int64_t interval_ms;
        int points; /* so many intervals at least before there is a score */
        struct policy_kayenta_metric metrics[POLICY_KAYENTA_METRICS];
        int n_metrics;
        struct policy_kayenta_group groups[POLICY_KAYENTA_GROUPS];
        int n_groups;
};

void policy_kayenta_defaults(struct policy_kayenta *k); /* everything but metrics and groups */
int policy_kayenta_check(const struct policy_kayenta *k, struct err *e);

/* Where a group stands in kayenta_score()'s weights, and the weights. */
int policy_kayenta_group_index(const struct policy_kayenta *k, int group);
int policy_kayenta_weights(const struct policy_kayenta *k, double out[POLICY_KAYENTA_GROUPS]); /* returns how many */
