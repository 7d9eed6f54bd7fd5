/* Prometheus's JSON to series and numbers. */
#include "lib/prometheus_parse.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/release.h"

static int malformed(struct err *e, const char *what)
{
        return err_set(e, ERR_INVALID, "Prometheus's answer has %s", what);
}

/* The envelope: success, no warnings; gives the type and the result. */
static int open_answer(const char *text, size_t len, json_t **doc, const char **type, json_t **result, struct err *e)
{
        const char *status, *error = NULL;
        json_t *data = NULL, *warnings = NULL;

        if (json_parse("Prometheus's answer", text, len, doc, e) < 0 ||
            json_peek("Prometheus's answer", *doc, e, "{s:s, s?o, s?s, s?o}", "status", &status, "data", &data, "error", &error,
                      "warnings", &warnings) < 0)
                return -1;
        if (strcmp(status, "success") != 0)
                return err_set(e, ERR_UNAVAILABLE, "Prometheus says: %.300s", error ? error : status);
        if (json_array_size(warnings) > 0) {
                const char *first = json_string_value(json_array_get(warnings, 0));

                return err_set(e, ERR_UNAVAILABLE, "Prometheus answers in part only: %.300s", first ? first : "a warning");
        }
        if (!data)
                return malformed(e, "no data");
        return json_peek("Prometheus's answer", data, e, "{s:s, s:o}", "resultType", type, "result", result);
}

/* [1700000000.123, "1.5"] */
static int parse_sample(json_t *pair, struct sample *out, struct err *e)
{
        const char *text = json_string_value(json_array_get(pair, 1));
        double at = json_number_value(json_array_get(pair, 0));
        char *end;

        if (json_array_size(pair) != 2 || !json_is_number(json_array_get(pair, 0)) || !text || !*text || !(fabs(at) < 1e12))
                return malformed(e, "a sample that is not [time, \"value\"]");
        out->at_ms = llround(at * 1000);
        out->value = strtod(text, &end);
        return *end == '\0' ? 0 : malformed(e, "a value that is no number");
}

/* Into the list's memory, which is large enough. */
static int parse_samples(json_t *values, struct series_list *l, size_t *used, struct series *s, struct err *e)
{
        json_t *pair;
        size_t i;

        s->samples = &l->samples[*used];
        s->n = json_array_size(values);
        *used += s->n;
        json_array_foreach (values, i, pair) {
                if (parse_sample(pair, &s->samples[i], e) < 0)
                        return -1;
                if (i > 0 && s->samples[i].at_ms < s->samples[i - 1].at_ms)
                        return malformed(e, "samples out of order");
        }
        return 0;
}

static bool parse_bound(const char *le, double *out)
{
        char *end;

        if (!le || !*le)
                return false;
        *out = strtod(le, &end);
        return *end == '\0' && !isnan(*out);
}

/* Our labels to a series. False: not one of ours. */
static bool parse_labels(json_t *metric, struct series *s)
{
        const char *name = json_string_value(json_object_get(metric, "__name__"));
        const char *instance = json_string_value(json_object_get(metric, "instance"));
        const char *version = json_string_value(json_object_get(metric, "version"));
        const char *code = json_string_value(json_object_get(metric, "code"));

        if (!name || !instance || strlen(instance) > SAMPLER_INSTANCE_LEN || !version ||
            release_parse(version, &s->version, NULL) < 0)
                return false;
        memcpy(s->instance, instance, strlen(instance) + 1);
        if (strcmp(name, "up") == 0) {
                s->kind = SERIES_UP;
                return true;
        }
        if (strcmp(name, "scorer_requests_total") == 0 && code) {
                s->kind = SERIES_REQUESTS;
                s->is_error = code[0] != '2' || strlen(code) != 3;
                return true;
        }
        s->kind = SERIES_BUCKET;
        return strcmp(name, "scorer_request_duration_seconds_bucket") == 0 &&
               parse_bound(json_string_value(json_object_get(metric, "le")), &s->le_s);
}

static int count_samples(json_t *result, size_t *total, struct err *e)
{
        json_t *item;
        size_t i;

        *total = 0;
        if (!json_is_array(result) || json_array_size(result) > PROMETHEUS_SERIES_MAX)
                return malformed(e, "too many series, or none where a list should be");
        json_array_foreach (result, i, item) {
                json_t *values = json_object_get(item, "values");

                if (!json_is_array(values) || !json_is_object(json_object_get(item, "metric")))
                        return malformed(e, "a series without labels or values");
                *total += json_array_size(values);
        }
        return *total <= PROMETHEUS_SAMPLES_MAX ? 0 : malformed(e, "too many samples");
}

int prometheus_parse_series(const char *text, size_t len, struct series_list *out, struct err *e)
{
        struct series_list l = { 0 };
        json_t *result, *item;
        AUTO(json) doc = NULL;
        const char *type;
        size_t i, total, used = 0;

        if (open_answer(text, len, &doc, &type, &result, e) < 0)
                return -1;
        if (strcmp(type, "matrix") != 0)
                return err_set(e, ERR_INVALID, "Prometheus's answer is a %.20s, not a matrix", type);
        if (count_samples(result, &total, e) < 0)
                return -1;
        l.series = xcalloc(json_array_size(result) + 1, sizeof *l.series);
        l.samples = xcalloc(total + 1, sizeof *l.samples);
        json_array_foreach (result, i, item) {
                if (!parse_labels(json_object_get(item, "metric"), &l.series[l.n]))
                        continue;
                if (parse_samples(json_object_get(item, "values"), &l, &used, &l.series[l.n], e) < 0) {
                        series_list_done(&l);
                        return -1;
                }
                l.n++;
        }
        *out = l;
        return 0;
}

void series_list_done(struct series_list *l)
{
        free(l->series);
        free(l->samples);
        *l = (struct series_list){ 0 };
}

static int put_value(json_t *pair, int64_t from_ms, int64_t step_ms, size_t n, double *out, struct err *e)
{
        struct sample s;

        if (parse_sample(pair, &s, e) < 0)
                return -1;
        int64_t after_ms = s.at_ms - from_ms;

        if (after_ms < 0 || after_ms % step_ms != 0 || (uint64_t) (after_ms / step_ms) >= n)
                return malformed(e, "a sample of another time than was asked for");
        if (isfinite(s.value))
                out[after_ms / step_ms] = s.value;
        return 0;
}

int prometheus_parse_range(const char *text, size_t len, int64_t from_ms, int64_t step_ms, size_t n, double *out, struct err *e)
{
        json_t *result, *values, *pair;
        AUTO(json) doc = NULL;
        const char *type;
        size_t i;

        if (open_answer(text, len, &doc, &type, &result, e) < 0)
                return -1;
        if (strcmp(type, "matrix") != 0 || !json_is_array(result))
                return err_set(e, ERR_INVALID, "Prometheus's answer is a %.20s, not a matrix", type);
        if (json_array_size(result) > 1)
                return err_set(e, ERR_NOT_FOUND, "the query gives %zu series, not one", json_array_size(result));
        for (i = 0; i < n; i++)
                out[i] = NAN;
        if (json_array_size(result) == 0)
                return 0;
        values = json_object_get(json_array_get(result, 0), "values");
        if (!json_is_array(values))
                return malformed(e, "a series without values");
        json_array_foreach (values, i, pair)
                if (put_value(pair, from_ms, step_ms, n, out, e) < 0)
                        return -1;
        return 0;
}

int prometheus_parse_number(const char *text, size_t len, double *value, int64_t *at_ms, struct err *e)
{
        AUTO(json) doc = NULL;
        const char *type;
        json_t *result;
        struct sample s;

        if (open_answer(text, len, &doc, &type, &result, e) < 0)
                return -1;
        if (strcmp(type, "vector") == 0) {
                if (json_array_size(result) != 1)
                        return err_set(e, ERR_NOT_FOUND, "the query gives %zu series, not one", json_array_size(result));
                result = json_object_get(json_array_get(result, 0), "value");
        } else if (strcmp(type, "scalar") != 0) {
                return err_set(e, ERR_INVALID, "the query gives a %.20s, not a number", type);
        }
        if (parse_sample(result, &s, e) < 0)
                return -1;
        if (!isfinite(s.value))
                return err_set(e, ERR_NOT_FOUND, "the query gives %s", isnan(s.value) ? "NaN" : "an infinity");
        *value = s.value;
        *at_ms = s.at_ms;
        return 0;
}

static int put_class(json_t *item, const char *by, struct judge_table *t, struct err *e)
{
        const char *label = json_string_value(json_object_get(json_object_get(item, "metric"), by));
        struct judge_table_row *row = &t->rows[t->n];
        struct sample s;
        double bound;

        if (!label || !*label)
                return err_set(e, ERR_NOT_FOUND, "a series has no label %s: write sum by (%s)", by, by);
        if (parse_sample(json_object_get(item, "value"), &s, e) < 0)
                return -1;
        if (!judge_is_count(s.value) || (t->cumulative && !parse_bound(label, &bound)))
                return err_set(e, ERR_NOT_FOUND, "%s=\"%.40s\" is %g, not a count", by, label, s.value);
        judge_class_label(label, row->label);
        row->value = s.value;
        for (int i = 0; i < t->n; i++)
                if (strcmp(t->rows[i].label, row->label) == 0)
                        return err_set(e, ERR_NOT_FOUND, "there are two series with %s=\"%.40s\": write sum by (%s)", by, label,
                                       by);
        t->n++;
        return 0;
}

int prometheus_parse_table(const char *text, size_t len, const char *by, struct judge_table *out, struct err *e)
{
        struct judge_table t = { .cumulative = strcmp(by, "le") == 0 };
        json_t *result, *item;
        AUTO(json) doc = NULL;
        const char *type;
        size_t i;

        if (open_answer(text, len, &doc, &type, &result, e) < 0)
                return -1;
        if (strcmp(type, "vector") != 0 || !json_is_array(result))
                return err_set(e, ERR_INVALID, "the query gives a %.20s, not one number a class", type);
        if (json_array_size(result) == 0 || json_array_size(result) > JUDGE_TABLE_ROWS)
                return err_set(e, ERR_NOT_FOUND, "the query gives %zu series, not 1 to %d", json_array_size(result),
                               JUDGE_TABLE_ROWS);
        json_array_foreach (result, i, item)
                if (put_class(item, by, &t, e) < 0)
                        return -1;
        *out = t;
        return 0;
}
