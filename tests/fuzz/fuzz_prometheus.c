// with: lib/prometheus_parse.c lib/judge_drift.c lib/judge_meter.c lib/judge_ratio.c lib/judge_spread.c lib/sampler.c lib/sampler_series.c lib/sampler_latency.c lib/sampler_histogram.c lib/sampler_ticks.c lib/err.c lib/json.c lib/mem.c lib/names.c lib/release.c lib/strbuf.c lib/utf8.c
/* Prometheus's answers: whatever the bytes, series that the sampler can count, values on a grid, a finite number, or an error. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/prometheus_parse.h"
#include "lib/sampler_histogram.h"
#include "lib/sampler_ticks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tails(const struct reading *r)
{
        for (int a = 0; a < ARM_COUNT; a++)
                for (int i = 0; i < COUNTS_BOUNDS_MAX; i++)
                        assert(r->bounds[a][i].above >= 0 && r->bounds[a][i].above <= r->bounds[a][i].of);
}

static void check_histogram(const struct sampler_question *q, const struct series_list *list)
{
        struct latency_histogram h;
        struct reading complaint = { 0 };
        struct counts ticks[10];

        if (sampler_histogram(q, list->series, list->n, &h, &complaint)) {
                for (int i = 0; i < h.n; i++)
                        assert(h.within[i] <= h.all && (i == 0 || (h.us[i] > h.us[i - 1] && h.within[i] >= h.within[i - 1])));
        } else {
                assert(complaint.quality != QUALITY_GOOD && *complaint.reason);
        }
        sampler_ticks(list->series, list->n, 1, 5000, 0, 500, ticks, 10);
        for (int i = 0; i < 10; i++)
                assert(ticks[i].slow >= 0 && ticks[i].slow <= ticks[i].timed);
}

/* Whatever the classes are, as stable's and as the candidate's: the evidence is a number. */
static void check_classes(const uint8_t *data, size_t size, const char *by)
{
        struct judge_table stable, candidate;
        struct judge_drift drift = { .spread = { 0, JUDGE_DRIFT_WATCH, 0, 0 } };
        const struct judge_table *const now[] = { &stable, &candidate };

        if (prometheus_parse_table((const char *) data, size, by, &stable, NULL) < 0)
                return;
        candidate = stable;
        for (int look = 0; look < 3; look++) {
                assert(judge_drift_look(&drift, 1.5, .005, now, true) == 0);
                for (int i = 0; i < stable.n; i++) {
                        candidate.rows[i].value += 3;
                        stable.rows[i].value += stable.rows[i].value + 1;
                }
        }
        assert(drift.n <= JUDGE_CLASSES && isfinite(judge_drift_log_e(&drift)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct sampler_question q = { .version = { 1, 2 },
                                            .expected = { 1, 1 },
                                            .objective_ms = 50,
                                            .bounds_us = { 5000, 10000 },
                                            .n_bounds = 2,
                                            .range_from_ms = -100000,
                                            .server_ms = 3000,
                                            .local_ms = 3000,
                                            .scrape_ms = 1000 };
        struct series_list list;
        struct sampler sampler = { 0 };
        struct reading reading;
        int64_t at_ms;
        double value;

        if (prometheus_parse_series((const char *) data, size, &list, NULL) == 0) {
                sampler_read(&sampler, &q, list.series, list.n, &reading);
                assert(reading.all[ARM_CANDIDATE].requests >= 0 && reading.all[ARM_CANDIDATE].slow >= 0);
                check_tails(&reading);
                check_histogram(&q, &list);
                series_list_done(&list);
                sampler_done(&sampler);
        }
        if (prometheus_parse_number((const char *) data, size, &value, &at_ms, NULL) == 0)
                assert(isfinite(value));
        check_classes(data, size, "le");
        check_classes(data, size, "class");
        double values[10] = { 0 };

        if (prometheus_parse_range((const char *) data, size, 1000, 500, 10, values, NULL) == 0)
                for (int i = 0; i < 10; i++)
                        assert(!isinf(values[i]));
        return 0;
}
