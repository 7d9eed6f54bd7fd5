/* Metrics: cells, histograms, and an exposition that Prometheus' own tool accepts. */
#include "tests/unit/lib/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/auto.h"
#include "lib/mem.h"
#include "lib/metrics.h"

enum { REQUESTS, LATENCY, UP, PLAIN };

static const struct metric_row rows[] = {
        [REQUESTS] = { METRIC_COUNTER, "test_requests_total", "model,code", "requests answered" },
        [LATENCY] = { METRIC_HISTOGRAM, "test_duration_seconds", "model", "time it took, with a \\ and\na line break" },
        [UP] = { METRIC_GAUGE, "test_up", "", "whether it is up" },
        [PLAIN] = { METRIC_COUNTER, "test_plain_total", "", "counts" },
};

static struct metrics *new_set(void)
{
        return metrics_new(rows, LENGTH(rows), METRICS_LATENCY_BUCKETS, LENGTH(METRICS_LATENCY_BUCKETS));
}

static void the_same_labels_are_the_same_cell(void **state)
{
        struct metrics *m = new_set();
        struct metric_cell *a = metrics_cell(m, REQUESTS, "credit", "200");

        (void) state;
        assert_ptr_equal(a, metrics_cell(m, REQUESTS, "credit", "200"));
        assert_ptr_not_equal(a, metrics_cell(m, REQUESTS, "credit", "500"));
        assert_ptr_not_equal(a, metrics_cell(m, REQUESTS, "200", "credit"));
        /* values that would run together without escaping */
        assert_ptr_not_equal(metrics_cell(m, REQUESTS, "a\",code=\"b", "c"), metrics_cell(m, REQUESTS, "a", "b\",code=\"c"));
        metric_inc(a);
        metric_add(a, 4);
        assert_int_equal(metric_count(a), 5);
        metrics_free(m);
        metrics_free(NULL);
}

static void unlabelled_metrics_show_before_they_count(void **state)
{
        struct metrics *m = new_set();
        AUTO(str) text = metrics_text(m, NULL);

        (void) state;
        assert_contains(text, "\ntest_up 0\n");
        assert_contains(text, "\ntest_plain_total 0\n");
        assert_lacks(text, "test_requests_total");
        metrics_free(m);
}

static void histograms_are_cumulative(void **state)
{
        static const double seen[] = { 0.0001, 0.05, 0.0500001, 0.9, 1, 7 };
        struct metrics *m = new_set();
        struct metric_cell *c = metrics_cell(m, LATENCY, "credit");

        (void) state;
        for (size_t i = 0; i < LENGTH(seen); i++)
                metric_observe(c, seen[i]);
        AUTO(str) text = metrics_text(m, NULL);
        assert_contains(text, "test_duration_seconds_bucket{model=\"credit\",le=\"0.00025\"} 1\n");
        assert_contains(text, "test_duration_seconds_bucket{model=\"credit\",le=\"0.05\"} 2\n"); /* bounds are inclusive */
        assert_contains(text, "test_duration_seconds_bucket{model=\"credit\",le=\"0.075\"} 3\n");
        assert_contains(text, "test_duration_seconds_bucket{model=\"credit\",le=\"1\"} 5\n");
        assert_contains(text, "test_duration_seconds_bucket{model=\"credit\",le=\"+Inf\"} 6\n");
        assert_contains(text, "test_duration_seconds_count{model=\"credit\"} 6\n");
        assert_contains(text, "test_duration_seconds_sum{model=\"credit\"} 9.0001");
        assert_int_equal(metric_count(c), 6);
        metrics_free(m);
}

static void too_many_label_values_share_a_cell(void **state)
{
        struct metrics *m = new_set();
        char model[16];

        (void) state;
        for (int i = 0; i < 10100; i++) {
                (void) snprintf(model, sizeof model, "m%d", i);
                metric_inc(metrics_cell(m, REQUESTS, model, "200"));
        }
        assert_int_equal(metric_count(metrics_cell(m, REQUESTS, "m9999", "200")), 1);
        assert_int_equal(metric_count(metrics_cell(m, REQUESTS, "other", "other")), 100);
        char *huge = xmalloc(100000);
        memset(huge, 'x', 99999);
        huge[99999] = '\0';
        assert_ptr_equal(metrics_cell(m, REQUESTS, huge, "200"), metrics_cell(m, REQUESTS, "other", "other"));
        free(huge);
        metrics_free(m);
}

static void *count_a_lot(void *arg)
{
        struct metrics *m = arg;

        for (int i = 0; i < 10000; i++) {
                metric_inc(metrics_cell(m, REQUESTS, "credit", "200"));
                metric_observe(metrics_cell(m, LATENCY, "credit"), 0.5);
        }
        return NULL;
}

static void nothing_is_lost_between_threads(void **state)
{
        struct metrics *m = new_set();
        pthread_t threads[4];

        (void) state;
        for (size_t i = 0; i < LENGTH(threads); i++)
                assert_int_equal(pthread_create(&threads[i], NULL, count_a_lot, m), 0);
        for (size_t i = 0; i < LENGTH(threads); i++)
                (void) pthread_join(threads[i], NULL);
        assert_int_equal(metric_count(metrics_cell(m, REQUESTS, "credit", "200")), 40000);
        AUTO(str) text = metrics_text(m, NULL);
        assert_contains(text, "test_duration_seconds_sum{model=\"credit\"} 20000\n");
        assert_contains(text, "test_duration_seconds_count{model=\"credit\"} 40000\n");
        metrics_free(m);
}

static void promtool_accepts_the_exposition(void **state)
{
        struct metrics *m = new_set();
        size_t len;

        (void) state;
        metric_inc(metrics_cell(m, REQUESTS, "we\"ird\\na\nme\xff\xc3\xa9", "200"));
        metric_inc(metrics_cell(m, REQUESTS, "", NULL));
        metric_observe(metrics_cell(m, LATENCY, "credit"), 0.01);
        metric_set(metrics_cell(m, UP), -1.5e-7);
        AUTO(str) text = metrics_text(m, &len);
        assert_int_equal(len, strlen(text));
        assert_contains(text, "\nprocess_resident_memory_bytes ");
        assert_contains(text, "\nprocess_start_time_seconds 1");
        FILE *tool = popen("promtool check metrics 2>&1", "w");
        assert_non_null(tool);
        assert_int_equal(fwrite(text, 1, len, tool), len);
        assert_int_equal(pclose(tool), 0);
        metrics_free(m);
}

static void series_that_come_and_go_can_be_forgotten(void **state)
{
        struct metrics *m = new_set();

        (void) state;
        metric_inc(metrics_cell(m, REQUESTS, "credit", "200"));
        metrics_clear(m, REQUESTS);
        AUTO(str) without = metrics_text(m, NULL);
        assert_lacks(without, "test_requests_total");
        metric_count_to(metrics_cell(m, REQUESTS, "fraud", "200"), 7);
        metric_count_to(metrics_cell(m, REQUESTS, "fraud", "200"), 9);
        AUTO(str) with = metrics_text(m, NULL);
        assert_contains(with, "test_requests_total{model=\"fraud\",code=\"200\"} 9\n");
        assert_lacks(with, "credit");
        metrics_free(m);
}

static void a_histogram_may_have_buckets_of_its_own(void **state)
{
        static const double bounds[] = { 60, 3600 };
        struct metrics *m = new_set();

        (void) state;
        metrics_set_buckets(m, LATENCY, bounds, LENGTH(bounds));
        metric_observe(metrics_cell(m, LATENCY, "credit"), 61);
        metric_observe(metrics_cell(m, LATENCY, "credit"), 1e6);
        AUTO(str) text = metrics_text(m, NULL);
        assert_contains(text, "le=\"60\"} 0\n");
        assert_contains(text, "le=\"3600\"} 1\n");
        assert_contains(text, "le=\"+Inf\"} 2\n");
        assert_lacks(text, "le=\"0.05\"");
        assert_int_equal(metric_count(metrics_cell(m, LATENCY, "credit")), 2);
        metrics_free(m);
}

static void observations_can_be_added_all_at_once(void **state)
{
        struct metrics *m = new_set();
        struct metric_cell *c = metrics_cell(m, LATENCY, "credit");
        uint32_t hits[LENGTH(METRICS_LATENCY_BUCKETS) + 1] = { [0] = 2, [3] = 5, [LENGTH(METRICS_LATENCY_BUCKETS)] = 1 };
        (void) state;

        metric_observe(c, .0001);
        metric_observe_all(c, hits, LENGTH(hits), 7.5);
        char *text = metrics_text(m, NULL);
        assert_int_equal(metric_count(c), 9);
        assert_non_null(strstr(text, "test_duration_seconds_bucket{model=\"credit\",le=\"0.00025\"} 3\n"));
        assert_non_null(strstr(text, "test_duration_seconds_bucket{model=\"credit\",le=\"0.002\"} 8\n"));
        assert_non_null(strstr(text, "test_duration_seconds_bucket{model=\"credit\",le=\"+Inf\"} 9\n"));
        assert_non_null(strstr(text, "test_duration_seconds_sum{model=\"credit\"} 7.500"));
        free(text);
        metrics_free(m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_same_labels_are_the_same_cell),
                cmocka_unit_test(observations_can_be_added_all_at_once),
                cmocka_unit_test(unlabelled_metrics_show_before_they_count),
                cmocka_unit_test(histograms_are_cumulative),
                cmocka_unit_test(too_many_label_values_share_a_cell),
                cmocka_unit_test(nothing_is_lost_between_threads),
                cmocka_unit_test(promtool_accepts_the_exposition),
                cmocka_unit_test(series_that_come_and_go_can_be_forgotten),
                cmocka_unit_test(a_histogram_may_have_buckets_of_its_own),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
