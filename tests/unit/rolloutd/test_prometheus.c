/* Prometheus's answers: what is taken, what is refused and why; and the selector that asks. */
#include "tests/unit/lib/unit.h"

#include <math.h>
#include <stdlib.h>

#include "lib/auto.h"
#include "lib/prometheus_parse.h"
#include "lib/release.h"
#include "rolloutd/prometheus.h"

#define MATRIX(...) "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[" __VA_ARGS__ "]}}"
#define UP                                                                                                                       \
        "{\"metric\":{\"__name__\":\"up\",\"instance\":\"a:1\",\"model\":\"m\",\"version\":\"2\"},\"values\":[[1.5,\"1\"],[2."   \
        "25,\"0\"]]}"

static void series_are_read_with_their_times(void **state)
{
        static const char text[] = MATRIX(
                UP
                ",{\"metric\":{\"__name__\":\"scorer_requests_total\",\"instance\":\"a:1\",\"version\":\"2\",\"code\":\"200\"},"
                "\"values\":[[1.5,\"7\"]]},"
                "{\"metric\":{\"__name__\":\"scorer_requests_total\",\"instance\":\"a:1\",\"version\":\"2\",\"code\":\"503\"},"
                "\"values\":[[1.5,\"NaN\"]]},"
                "{\"metric\":{\"__name__\":\"scorer_request_duration_seconds_bucket\",\"instance\":\"a:1\",\"version\":\"2\","
                "\"le\":\"+Inf\"},\"values\":[]}");
        struct series_list l;
        struct err e = { 0 };
        (void) state;

        assert_ok(prometheus_parse_series(text, sizeof text - 1, &l, &e), e);
        assert_int_equal(l.n, 4);
        assert_int_equal(l.series[0].kind, SERIES_UP);
        assert_int_equal(l.series[0].version, 2);
        assert_string_equal(l.series[0].instance, "a:1");
        assert_int_equal(l.series[0].n, 2);
        assert_int_equal(l.series[0].samples[1].at_ms, 2250);
        assert_false(l.series[1].is_error);
        assert_true(l.series[2].is_error && isnan(l.series[2].samples[0].value));
        assert_true(l.series[3].kind == SERIES_BUCKET && isinf(l.series[3].le_s) && l.series[3].n == 0);
        series_list_done(&l);
}

static void series_that_are_not_ours_are_left_out(void **state)
{
        static const char *const others[] = {
                "{\"metric\":{\"__name__\":\"up\",\"instance\":\"a\",\"version\":\"latest\"},\"values\":[[1,\"1\"]]}",
                "{\"metric\":{\"__name__\":\"up\",\"version\":\"2\"},\"values\":[[1,\"1\"]]}",
                "{\"metric\":{\"__name__\":\"down\",\"instance\":\"a\",\"version\":\"2\"},\"values\":[[1,\"1\"]]}",
                "{\"metric\":{\"__name__\":\"scorer_requests_total\",\"instance\":\"a\",\"version\":\"2\"},\"values\":[[1,\"1\"]]"
                "}",
                "{\"metric\":{\"__name__\":\"scorer_request_duration_seconds_bucket\",\"instance\":\"a\",\"version\":\"2\","
                "\"le\":\"x\"},"
                "\"values\":[[1,\"1\"]]}",
                "{\"metric\":{},\"values\":[]}",
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(others); i++) {
                char text[1000];
                struct series_list l;
                struct err e = { 0 };

                snprintf(text, sizeof text, MATRIX("%s," UP), others[i]);
                assert_ok(prometheus_parse_series(text, strlen(text), &l, &e), e);
                assert_int_equal(l.n, 1);
                series_list_done(&l);
        }
}

static void doubtful_answers_are_errors_with_a_reason(void **state)
{
        static const struct {
                const char *text;
                enum err_kind kind;
                const char *says;
        } cases[] = {
                { "", ERR_INVALID, "Prometheus's answer" },
                { "<html>", ERR_INVALID, "Prometheus's answer" },
                { "{}", ERR_INVALID, "status" },
                { "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"parse error\"}", ERR_UNAVAILABLE, "parse error" },
                { "{\"status\":\"success\"}", ERR_INVALID, "no data" },
                { "{\"status\":\"success\",\"warnings\":[\"one store is "
                  "away\"],\"data\":{\"resultType\":\"matrix\",\"result\":[]}}",
                  ERR_UNAVAILABLE, "one store is away" },
                { "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}", ERR_INVALID, "not a matrix" },
                { "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":{}}}", ERR_INVALID, "series" },
                { MATRIX("{\"metric\":{}}"), ERR_INVALID, "without labels or values" },
                { MATRIX("{\"metric\":{\"__name__\":\"up\",\"instance\":\"a\",\"version\":\"2\"},\"values\":[[1]]}"), ERR_INVALID,
                  "[time" },
                { MATRIX("{\"metric\":{\"__name__\":\"up\",\"instance\":\"a\",\"version\":\"2\"},\"values\":[[1,1]]}"),
                  ERR_INVALID, "[time" },
                { MATRIX("{\"metric\":{\"__name__\":\"up\",\"instance\":\"a\",\"version\":\"2\"},\"values\":[[1,\"x\"]]}"),
                  ERR_INVALID, "no number" },
                { MATRIX("{\"metric\":{\"__name__\":\"up\",\"instance\":\"a\",\"version\":\"2\"},\"values\":[[1e300,\"1\"]]}"),
                  ERR_INVALID, "[time" },
                { MATRIX("{\"metric\":{\"__name__\":\"up\",\"instance\":\"a\",\"version\":\"2\"},\"values\":[[2,\"1\"],[1,\"1\"]]"
                         "}"),
                  ERR_INVALID, "out of order" },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct series_list l;
                struct err e = { 0 };

                assert_failed(prometheus_parse_series(cases[i].text, strlen(cases[i].text), &l, &e), e, cases[i].kind,
                              cases[i].says);
        }
}

static void gates_want_exactly_one_number(void **state)
{
        static const struct {
                const char *data, *says; /* says NULL: fine */
        } cases[] = {
                { "{\"resultType\":\"scalar\",\"result\":[5,\"1.5\"]}", NULL },
                { "{\"resultType\":\"vector\",\"result\":[{\"metric\":{},\"value\":[5,\"1.5\"]}]}", NULL },
                { "{\"resultType\":\"vector\",\"result\":[]}", "0 series" },
                { "{\"resultType\":\"vector\",\"result\":[{\"value\":[5,\"1\"]},{\"value\":[5,\"1\"]}]}", "2 series" },
                { "{\"resultType\":\"scalar\",\"result\":[5,\"NaN\"]}", "NaN" },
                { "{\"resultType\":\"scalar\",\"result\":[5,\"+Inf\"]}", "infinity" },
                { "{\"resultType\":\"string\",\"result\":[5,\"x\"]}", "string" },
                { "{\"resultType\":\"vector\",\"result\":[{}]}", "[time" },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                char text[300];
                struct err e = { 0 };
                int64_t at_ms;
                double value;

                snprintf(text, sizeof text, "{\"status\":\"success\",\"data\":%s}", cases[i].data);
                int r = prometheus_parse_number(text, strlen(text), &value, &at_ms, &e);
                if (cases[i].says) {
                        assert_int_equal(r, -1);
                        assert_contains(e.msg, cases[i].says);
                } else {
                        assert_ok(r, e);
                        assert_true(value == 1.5 && at_ms == 5000);
                }
        }
}

static void the_selector_asks_for_raw_samples_of_both_arms(void **state)
{
        struct policy p = { .latency = { .on = true, .objective_ms = 50 } };
        struct evidence_question q = {
                .target = "prod.credit", .model = "credit", .version = { 1, release_key(2, 1) }, .range_ms = 15000, .policy = &p
        };
        AUTO(str) with = prometheus_selector(&q);
        (void) state;

        assert_string_equal(
                with, "{__name__=~\"up|scorer_requests_total|scorer_request_duration_seconds_bucket\",target=\"prod.credit\","
                      "version=~\"1|2\\\\.1\",le=~\"|\\\\+Inf|0\\\\.050*\"}[15000ms]");
        q.n_bounds = 2;
        q.bounds_us[0] = 500;
        q.bounds_us[1] = 25000;
        AUTO(str) frozen = prometheus_selector(&q);
        assert_contains(frozen, "le=~\"|\\\\+Inf|0\\\\.050*|0\\\\.00050*|0\\\\.0250*\"}[");
        q.every_bound = true;
        AUTO(str) every = prometheus_selector(&q);
        assert_contains(every, "version=~\"1|2\\\\.1\"}[15000ms]");
        q.every_bound = false;
        q.n_bounds = 0;
        p.latency.objective_ms = 1000;
        AUTO(str) whole = prometheus_selector(&q);
        assert_contains(whole, "|1(\\\\.0*)?\"");
        p.latency.on = false;
        AUTO(str) without = prometheus_selector(&q);
        assert_string_equal(
                without,
                "{__name__=~\"up|scorer_requests_total\",target=\"prod.credit\",version=~\"1|2\\\\.1\",le=~\"\"}[15000ms]");
}

static void ranges_stand_on_their_grid(void **state)
{
        static const struct {
                const char *text; /* of the answer to from 1 s by 2 s, three values */
                double values[3]; /* NAN: none */
                enum err_kind kind;
                const char *says;
        } cases[] = {
                { MATRIX("{\"metric\":{},\"values\":[[1,\"1\"],[3,\"2.5\"],[5,\"-1\"]]}"), { 1, 2.5, -1 }, ERR_NONE, "" },
                { MATRIX("{\"metric\":{},\"values\":[[3.000,\"7\"]]}"), { NAN, 7, NAN }, ERR_NONE, "" },
                { MATRIX("{\"metric\":{},\"values\":[[1,\"NaN\"],[3,\"+Inf\"],[5,\"0\"]]}"), { NAN, NAN, 0 }, ERR_NONE, "" },
                { MATRIX(""), { NAN, NAN, NAN }, ERR_NONE, "" },
                { MATRIX("{\"metric\":{},\"values\":[[2,\"1\"]]}"), { 0 }, ERR_INVALID, "of another time" },
                { MATRIX("{\"metric\":{},\"values\":[[7,\"1\"]]}"), { 0 }, ERR_INVALID, "of another time" },
                { MATRIX("{\"metric\":{},\"values\":[[-1,\"1\"]]}"), { 0 }, ERR_INVALID, "of another time" },
                { MATRIX("{\"metric\":{},\"values\":[[1,\"one\"]]}"), { 0 }, ERR_INVALID, "no number" },
                { MATRIX("{\"metric\":{},\"values\":[1]}"), { 0 }, ERR_INVALID, "not [time" },
                { MATRIX("{\"metric\":{}}"), { 0 }, ERR_INVALID, "without values" },
                { MATRIX("{\"metric\":{},\"values\":[]},{\"metric\":{},\"values\":[]}"),
                  { 0 },
                  ERR_NOT_FOUND,
                  "2 series, not one" },
                { "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":3}}",
                  { 0 },
                  ERR_INVALID,
                  "not a matrix" },
                { "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}",
                  { 0 },
                  ERR_INVALID,
                  "not a matrix" },
                { "{\"status\":\"error\",\"error\":\"parse error\"}", { 0 }, ERR_UNAVAILABLE, "parse error" },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                double v[3] = { 9, 9, 9 };
                struct err e = { 0 };
                int r = prometheus_parse_range(cases[i].text, strlen(cases[i].text), 1000, 2000, 3, v, &e);

                if (cases[i].kind) {
                        assert_failed(r, e, cases[i].kind, cases[i].says);
                        continue;
                }
                assert_ok(r, e);
                for (int k = 0; k < 3; k++)
                        assert_true(isnan(cases[i].values[k]) ? isnan(v[k]) : v[k] == cases[i].values[k]);
        }
}

static void classes_are_one_number_each(void **state)
{
#define ANSWER(series) "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[" series "]}}"
#define CLASS(label, value) "{\"metric\":{\"class\":\"" label "\"},\"value\":[1,\"" value "\"]}"
        static const struct {
                const char *text, *by;
                enum err_kind kind;
                const char *says;
        } cases[] = {
                { ANSWER(CLASS("a", "1") "," CLASS("b", "1e15")), "class", ERR_NONE, "" },
                { ANSWER(CLASS("a", "1") "," CLASS("a", "2")), "class", ERR_NOT_FOUND,
                  "two series with class=\"a\": write sum by (class)" },
                { ANSWER(CLASS("a", "NaN")), "class", ERR_NOT_FOUND, "not a count" },
                { ANSWER(CLASS("a", "-1")), "class", ERR_NOT_FOUND, "not a count" },
                { ANSWER(CLASS("a", "+Inf")), "class", ERR_NOT_FOUND, "not a count" },
                { ANSWER(CLASS("a", "1")), "le", ERR_NOT_FOUND, "a series has no label le" },
                { ANSWER("{\"metric\":{\"le\":\"wide\"},\"value\":[1,\"1\"]}"), "le", ERR_NOT_FOUND, "not a count" },
                { ANSWER(""), "class", ERR_NOT_FOUND, "the query gives 0 series" },
                { "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1,\"1\"]}}", "class", ERR_INVALID,
                  "the query gives a scalar" },
                { "{\"status\":\"error\",\"error\":\"no\"}", "class", ERR_UNAVAILABLE, "no" },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct judge_table t;
                struct err e = { 0 };
                int r = prometheus_parse_table(cases[i].text, strlen(cases[i].text), cases[i].by, &t, &e);

                if (cases[i].kind) {
                        assert_failed(r, e, cases[i].kind, cases[i].says);
                        continue;
                }
                assert_ok(r, e);
                assert_true(!t.cumulative && t.n == 2 && t.rows[1].value == 1e15);
                assert_string_equal(t.rows[0].label, "a");
        }
}

static void classes_alike_in_how_they_begin_are_told_apart(void **state)
{
        static const char text[] = "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":["
                                   "{\"metric\":{\"class\":\"transaction-approved\"},\"value\":[1,\"1\"]},"
                                   "{\"metric\":{\"class\":\"transaction-approves\"},\"value\":[1,\"2\"]}]}}";
        struct judge_table t;
        struct err e = { 0 };
        (void) state;

        assert_ok(prometheus_parse_table(text, strlen(text), "class", &t, &e), e);
        assert_int_equal(t.n, 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(series_are_read_with_their_times),
                cmocka_unit_test(series_that_are_not_ours_are_left_out),
                cmocka_unit_test(doubtful_answers_are_errors_with_a_reason),
                cmocka_unit_test(gates_want_exactly_one_number),
                cmocka_unit_test(the_selector_asks_for_raw_samples_of_both_arms),
                cmocka_unit_test(ranges_stand_on_their_grid),
                cmocka_unit_test(classes_are_one_number_each),
                cmocka_unit_test(classes_alike_in_how_they_begin_are_told_apart),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
