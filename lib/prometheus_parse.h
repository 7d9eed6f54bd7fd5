/*
 * Answers of Prometheus's HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/), strictly: an error status, a
 * warning (a partial answer), an unexpected type or a malformed sample is an error with its reason, never an empty result.
 */
#pragma once

#include <stddef.h>

#include "lib/err.h"
#include "lib/judge_drift.h"
#include "lib/sampler.h"

enum { PROMETHEUS_SERIES_MAX = 32768, PROMETHEUS_SAMPLES_MAX = 500000, PROMETHEUS_BODY_MAX = 16 << 20 };

struct series_list {
        struct series *series;
        size_t n;
        struct sample *samples; /* the memory of all of them */
};

/* A matrix of the metrics that prometheus_selector() asks for. Series without our labels are left out: they are not ours. */
int prometheus_parse_series(const char *text, size_t len, struct series_list *out, struct err *e);
void series_list_done(struct series_list *l);

/*
 * A matrix of at most one series with values at from_ms + i * step_ms, 0 <= i < n, into out[n]; NAN where there is none, or it is no
 * finite number. No series at all is all NAN: nothing was measured.
 */
int prometheus_parse_range(const char *text, size_t len, int64_t from_ms, int64_t step_ms, size_t n, double *out, struct err *e);

/* Exactly one finite number: a scalar or a vector of one. *at_ms is the moment of evaluation. */
int prometheus_parse_number(const char *text, size_t len, double *value, int64_t *at_ms, struct err *e);

/*
 * A vector with one series a value of the label `by`: the classes of a drift gate (judge_drift.h), at most JUDGE_TABLE_ROWS, each a
 * count. NOT_FOUND for no series at all, several with the same value, one without the label, or NaN.
 */
int prometheus_parse_table(const char *text, size_t len, const char *by, struct judge_table *out, struct err *e);
