/*
 * From cumulative counters, as scraped, to what happened between two looks. Pure.
 *
 * Input are raw samples with the times at which they were scraped (range selectors, never rates or interpolation). For each
 * instance the sampler keeps one mark: the scrape up to which it has counted. That is all its state, so it is saved with the
 * rollout and a restart counts every request exactly once, as long as the next range reaches back to the mark.
 *
 * - A counter below its last value was reset by a restart: its whole value is new.
 * - A series that appears at an instance which was scraped before began at 0 after that scrape (the first error of a code).
 * - An instance never seen before is counted from its first scrape in the range.
 * - An instance is alive if its newest good scrape (up == 1) is at most two scrape intervals old by Prometheus's own clock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/counts.h"

enum { SAMPLER_INSTANCES_MAX = 1024, SAMPLER_INSTANCE_LEN = 63, SAMPLER_SKEW_MAX_MS = 5000 };

enum series_kind { SERIES_UP, SERIES_REQUESTS, SERIES_BUCKET };

struct sample {
        int64_t at_ms; /* Prometheus's clock */
        double value;
};

struct series {
        enum series_kind kind;
        char instance[SAMPLER_INSTANCE_LEN + 1];
        int64_t version;        /* a release's key, as all of them here */
        bool is_error;          /* SERIES_REQUESTS: its code is not 2xx */
        double le_s;            /* SERIES_BUCKET: upper bound in seconds, INFINITY for all */
        struct sample *samples; /* ascending in time */
        size_t n;
};

struct sampler_mark {
        char instance[SAMPLER_INSTANCE_LEN + 1];
        int64_t version;
        int64_t until_ms;
};

struct sampler { /* zeroed: nothing counted yet */
        struct sampler_mark *marks;
        int n, room;
};

void sampler_done(struct sampler *s);                /* nothing counted again */
struct sampler_mark *sampler_add(struct sampler *s); /* one more mark, zeroed; when there are too many the oldest gives way */

/* What can be wrong with the evidence, worst first. */
#define QUALITIES(X)                                                                                                             \
        X(GOOD, "good")                                                                                                          \
        X(UNREACHABLE, "prometheus") /* no answer, an error, or a partial answer */                                              \
        X(SKEW, "clock-skew")        /* clocks too far apart to tell old samples from new ones */                                \
        X(NAN, "not-a-number")                                                                                                   \
        X(EMPTY, "no-samples")        /* an arm that should have traffic is not scraped at all */                                \
        X(STALE, "stale")             /* it was, but not lately */                                                               \
        X(HISTOGRAM, "bad-histogram") /* its buckets contradict each other */                                                    \
        X(NO_BUCKET,                                                                                                             \
          "no-bucket")        /* the histogram has no bound at the latency objective, or at one that stable is compared at */    \
        X(MISSING, "missing") /* fewer instances alive than run: a breach is valid, health is not */

enum quality {
#define X(name, text) QUALITY_##name,
        QUALITIES(X)
#undef X
                QUALITY_COUNT
};

const char *quality_name(enum quality q);

struct sampler_question {
        int64_t version[ARM_COUNT];           /* 0: this arm does not exist */
        int expected[ARM_COUNT];              /* instances that should be scraped */
        int64_t objective_ms;                 /* 0: latency is not asked for */
        int32_t bounds_us[COUNTS_BOUNDS_MAX]; /* more of the histogram's bounds */
        int n_bounds;
        int64_t fresh_since_ms;      /* requests after this moment also count as fresh; Prometheus's clock */
        int64_t range_from_ms;       /* how far back the samples reach */
        int64_t server_ms, local_ms; /* now, by Prometheus's clock and by ours */
        int64_t scrape_ms;           /* the scrape interval */
};

struct reading {
        struct counts all[ARM_COUNT], fresh[ARM_COUNT];
        struct tail bounds[ARM_COUNT][COUNTS_BOUNDS_MAX]; /* above the question's bounds; each counts only where it is sure */
        int alive[ARM_COUNT];
        int64_t newest_ms[ARM_COUNT]; /* newest good scrape of any instance, 0 if none */
        enum quality quality;
        char reason[200]; /* sentence, "" when GOOD */
};

/* Count what is new, move the marks. */
void sampler_read(struct sampler *s, const struct sampler_question *q, const struct series *series, size_t n,
                  struct reading *out);

/* How far back the next range must reach: to the oldest mark, at least `least_ms` and at most `most_ms` before server_ms. */
int64_t sampler_range_ms(const struct sampler *s, int64_t server_ms, int64_t least_ms, int64_t most_ms);
