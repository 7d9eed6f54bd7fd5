/*
 * Metrics in the Prometheus text format 0.0.4. A program keeps its rows in PROGRAM/metrics.def:
 *
 *      METRIC(requests, COUNTER, "scorer_requests_total", "model,version,code", "inference requests answered")
 *      METRIC(latency, HISTOGRAM, "scorer_request_duration_seconds", "model,version", "time from head to last byte")
 *
 * A cell is one metric with one set of label values; look it up once and keep it where speed matters. Cells live as long
 * as their set; updates are atomic and may come from any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_row {
        enum metric_type type;
        const char *name, *labels, *help; /* labels: at most 8 names joined by ',', "" for none */
};

struct metrics;
struct metric_cell;

/* `buckets` are the upper bounds of every histogram of the set, ascending, without +Inf; they must outlive the set. */
struct metrics *metrics_new(const struct metric_row *rows, size_t n_rows, const double *buckets, size_t n_buckets);
void metrics_free(struct metrics *m);
/* Other buckets for this histogram; before its first cell with labels is made. They must outlive the set. */
void metrics_set_buckets(struct metrics *m, int row, const double *buckets, size_t n);

/* The cell of row `row` for these label values, one per label of the row, in order. Made on first use, with value 0; past
 * 10,000 cells a row all further label values share one cell whose values read "other". Never NULL. */
struct metric_cell *metrics_cell(struct metrics *m, int row, ...);

/* Forget the row's cells with labels, for series that come and go; nobody may hold one of them. */
void metrics_clear(struct metrics *m, int row);

void metric_inc(struct metric_cell *c);                  /* counter */
void metric_count_to(struct metric_cell *c, uint64_t n); /* counter that somebody else counts */
void metric_add(struct metric_cell *c, uint64_t n);      /* counter */
void metric_set(struct metric_cell *c, double v);        /* gauge */
void metric_observe(struct metric_cell *c, double v);    /* histogram */
/* Many observations at once: hits[i] of them in bucket i (the last is +Inf's), n buckets, with this sum. */
void metric_observe_all(struct metric_cell *c, const uint32_t *hits, size_t n, double sum);
uint64_t metric_count(const struct metric_cell *c); /* counter's value, histogram's number of observations */

/* The exposition; caller frees. process_resident_memory_bytes, process_cpu_seconds_total, process_open_fds and
 * process_start_time_seconds are added. */
char *metrics_text(struct metrics *m, size_t *len);
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4"

/* 0.25 ms to 1 s, close around 50 ms, for request durations in seconds. */
extern const double METRICS_LATENCY_BUCKETS[19];
/* 10 s to two weeks, for what people wait for. */
extern const double METRICS_LONG_BUCKETS[13];
