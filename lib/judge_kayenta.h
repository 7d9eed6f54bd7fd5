/*
 * Kayenta's judge NetflixACAJudge-v1.0, for teams that come from it: metrics as series of values, one per interval, compared by
 * rank, and a score of how many passed. Pure.
 *
 * Compatible in its decisions (github.com/spinnaker/kayenta, kayenta-judge and kayenta-mannwhitney); its weak points stay: the unit
 * is the interval and not the request, it needs some 50 of them, and looking again and again is not accounted for. One difference:
 * where both samples are constant and unlike, it adds random noise before ranking; here the noise is fixed (normal quantiles).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum kayenta_label { KAYENTA_PASS, KAYENTA_HIGH, KAYENTA_LOW, KAYENTA_NODATA, KAYENTA_NODATA_FAIL };
enum kayenta_direction { KAYENTA_EITHER, KAYENTA_INCREASE, KAYENTA_DECREASE };

struct kayenta_rule {
        enum kayenta_direction direction;
        bool nan_is_zero;      /* else values that are no number are left out */
        bool drop_outliers;    /* outside the quartiles by outlier_factor times their distance, and outside 1 % and 99 % */
        double outlier_factor; /* 3 */
        bool critical, must_have_data;
        bool cles; /* effect size: share of higher pairs; else ratio of means */
        double allowed_increase, allowed_decrease, critical_increase, critical_decrease;
        double tolerance, confidence; /* .25 and .98 */
};

struct kayenta_result {
        enum kayenta_label label;
        bool critical;    /* the whole canary fails */
        double deviation; /* ratio of means, 1 where nothing was compared, NaN when a mean is 0 */
        double effect;
};

void kayenta_defaults(struct kayenta_rule *r); /* as Kayenta's, effect size by ratio of means */

/* The values as they are compared, without what the rule leaves out; out has room for n and one. Returns how many. */
size_t kayenta_prepare(const struct kayenta_rule *r, const double *values, size_t n, double *out);

double kayenta_quantile(const double *sorted, size_t n, double p); /* Hyndman and Fan's seventh definition; n is not 0 */

/* At most JUDGE_RANK_MAX values of each; more are ignored, the oldest first. */
void kayenta_classify(const struct kayenta_rule *r, const double *control, size_t n_control, const double *experiment,
                      size_t n_experiment, struct kayenta_result *out);

struct kayenta_metric {
        enum kayenta_label label;
        bool critical;
        int group; /* index into the weights, or -1 - i: the i-th group without a weight */
};

/* 0 to 100 with two decimals: the weighted mean of the groups' shares of passes. 0 after a critical failure and when half of the
 * metrics or more have no data. weights: percent per group, n_groups of them; what they leave is shared by the others. */
double kayenta_score(const struct kayenta_metric *metrics, size_t n, const double *weights, int n_groups);
