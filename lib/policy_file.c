/* Policies from YAML by libcyaml: the schema tables, and from the document to the struct. */
#include "lib/policy_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cyaml/cyaml.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/metrics.h"
#include "lib/policy_kayenta_file.h"
#include "lib/policy_lint.h"
#include "lib/policy_query_file.h"
#include "lib/policy_value.h"
#include "lib/settings.h"
#include "lib/strbuf.h"
#include "lib/yaml_json.h"

/* --- the document as libcyaml fills it; a NULL pointer is a key that was left out --- */

struct doc_step {
        char *weight, *hold;
        int pause;
};

struct doc_share {
        char *objective, *max_ratio, *sound_ratio, *limit_percent, *budget_percent;
        char **quantiles;
        unsigned quantiles_count;
};

struct doc_gates {
        struct doc_share *error_rate, *latency;
        struct doc_query *promql;
        unsigned promql_count;
        struct doc_kayenta *kayenta;
};

struct doc {
        char *name, *summary;
        struct doc_step *steps;
        unsigned steps_count;
        struct doc_gates gates;
        char *min_requests, *window_versions, *replicas, *false_rollback_percent, *false_promotion_percent;
        char *expected_rate, *expected_error_percent, *expected_slow_percent;
        int *on_no_evidence;
        char *max_hold, *start_deadline, *keep_failed, *rollback_window;
};

#define OPT POLICY_OPT
#define NUMBER POLICY_NUMBER
#define DURATION POLICY_DURATION

/* libcyaml's own BOOL takes any word for true. */
static const cyaml_strval_t bool_words[] = { { "false", false }, { "true", true } };

static const cyaml_schema_field_t step_fields[] = {
        NUMBER(weight, struct doc_step, CYAML_FLAG_DEFAULT),
        DURATION(hold, struct doc_step, CYAML_FLAG_POINTER),
        CYAML_FIELD_ENUM("pause", OPT | CYAML_FLAG_STRICT, struct doc_step, pause, bool_words, CYAML_ARRAY_LEN(bool_words)),
        CYAML_FIELD_END,
};
static const cyaml_schema_value_t step_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct doc_step, step_fields) };

static const cyaml_schema_field_t error_rate_fields[] = {
        NUMBER(max_ratio, struct doc_share, OPT),
        NUMBER(sound_ratio, struct doc_share, OPT),
        NUMBER(limit_percent, struct doc_share, OPT),
        NUMBER(budget_percent, struct doc_share, OPT),
        CYAML_FIELD_END,
};
static const cyaml_schema_value_t quantile_value = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 64) };

static const cyaml_schema_field_t latency_fields[] = {
        DURATION(objective, struct doc_share, CYAML_FLAG_POINTER),
        NUMBER(max_ratio, struct doc_share, OPT),
        NUMBER(sound_ratio, struct doc_share, OPT),
        NUMBER(limit_percent, struct doc_share, OPT),
        NUMBER(budget_percent, struct doc_share, OPT),
        CYAML_FIELD_SEQUENCE("quantiles", OPT | CYAML_FLAG_POINTER, struct doc_share, quantiles, &quantile_value, 1,
                             POLICY_QUANTILES_MAX),
        CYAML_FIELD_END,
};
static const cyaml_schema_field_t gates_fields[] = {
        CYAML_FIELD_MAPPING_PTR("error_rate", OPT, struct doc_gates, error_rate, error_rate_fields),
        CYAML_FIELD_MAPPING_PTR("latency", OPT, struct doc_gates, latency, latency_fields),
        CYAML_FIELD_SEQUENCE("promql", OPT | CYAML_FLAG_POINTER, struct doc_gates, promql, &policy_query_value, 1,
                             POLICY_QUERIES_MAX),
        CYAML_FIELD_MAPPING_PTR("kayenta", OPT, struct doc_gates, kayenta, policy_kayenta_fields),
        CYAML_FIELD_END,
};

static const cyaml_strval_t no_evidence_words[] = { { "hold", POLICY_HOLD }, { "rollback", POLICY_ROLLBACK } };

static const cyaml_schema_field_t doc_fields[] = {
        CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct doc, name, 1, NAME_MAX_LEN),
        CYAML_FIELD_STRING_PTR("summary", OPT | CYAML_FLAG_POINTER, struct doc, summary, 0, POLICY_SUMMARY_LEN),
        CYAML_FIELD_SEQUENCE("steps", CYAML_FLAG_POINTER, struct doc, steps, &step_value, 1, POLICY_STEPS_MAX),
        CYAML_FIELD_MAPPING("gates", CYAML_FLAG_DEFAULT, struct doc, gates, gates_fields),
        NUMBER(min_requests, struct doc, OPT),
        NUMBER(false_rollback_percent, struct doc, OPT),
        NUMBER(false_promotion_percent, struct doc, OPT),
        NUMBER(expected_rate, struct doc, OPT),
        NUMBER(expected_error_percent, struct doc, OPT),
        NUMBER(expected_slow_percent, struct doc, OPT),
        DURATION(max_hold, struct doc, OPT | CYAML_FLAG_POINTER),
        CYAML_FIELD_ENUM_PTR("on_no_evidence", OPT | CYAML_FLAG_STRICT, struct doc, on_no_evidence, no_evidence_words,
                             CYAML_ARRAY_LEN(no_evidence_words)),
        DURATION(start_deadline, struct doc, OPT | CYAML_FLAG_POINTER),
        DURATION(keep_failed, struct doc, OPT | CYAML_FLAG_POINTER),
        DURATION(rollback_window, struct doc, OPT | CYAML_FLAG_POINTER),
        NUMBER(window_versions, struct doc, OPT),
        NUMBER(replicas, struct doc, OPT),
        CYAML_FIELD_END,
};
static const cyaml_schema_value_t doc_schema = { CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct doc, doc_fields) };

/* libcyaml tells what was wrong, and where, through its log: "Load: ..." lines, innermost first. */
static void note(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
        struct strbuf *b = ctx;
        size_t before = b->len;
        char line[200];

        if (level < CYAML_LOG_ERROR)
                return;
        vsnprintf(line, sizeof line, fmt, args);
        line[strcspn(line, "\n")] = '\0';
        if (strstr(line, "Backtrace"))
                return;
        const char *text = strncmp(line, "Load: ", 6) == 0 ? line + 6 : line;
        strbuf_addf(b, "%s%s", before ? ", " : "", text + strspn(text, " "));
}

/* --- from the document to the struct --- */

static int take_steps(const struct doc *d, struct policy *p, struct err *e)
{
        p->n_steps = (int) d->steps_count;
        for (unsigned i = 0; i < d->steps_count; i++) {
                double percent = 0;

                if (policy_number("weight", d->steps[i].weight, &percent, e) < 0 ||
                    policy_duration("hold", d->steps[i].hold, &p->steps[i].hold_ms, e) < 0)
                        return err_wrap(e, "step %u", i + 1);
                double w = percent * 100;
                /* Out of range stays out of range; policy_check() has the sentence. */
                p->steps[i].weight_bp = w == 0 || (w >= 1 && w <= 10000) ? (int) lround(w) : -1;
                p->steps[i].pause = d->steps[i].pause;
        }
        return 0;
}

static int take_quantiles(const struct doc_share *d, struct policy_share *s, struct err *e)
{
        s->n_quantiles = (int) d->quantiles_count;
        for (unsigned i = 0; i < d->quantiles_count; i++) {
                double percent = 0;

                if (policy_number("quantiles", d->quantiles[i], &percent, e) < 0)
                        return -1;
                s->quantiles[i] = percent / 100;
        }
        return 0;
}

static int take_share(const char *gate, const struct doc_share *d, struct policy_share *s, struct err *e)
{
        double limit = 0, budget = 0;

        if (!d)
                return 0;
        s->on = true;
        if (policy_number("max_ratio", d->max_ratio, &s->max_ratio, e) < 0 ||
            policy_number("sound_ratio", d->sound_ratio, &s->sound_ratio, e) < 0 ||
            policy_number("limit_percent", d->limit_percent, &limit, e) < 0 ||
            policy_number("budget_percent", d->budget_percent, &budget, e) < 0 ||
            policy_duration("objective", d->objective, &s->objective_ms, e) < 0 || take_quantiles(d, s, e) < 0)
                return err_wrap(e, "gates.%s", gate);
        s->limit = limit / 100;
        s->budget = budget / 100;
        if ((d->max_ratio && s->max_ratio == 0) || (d->sound_ratio && s->sound_ratio == 0) || (d->limit_percent && limit == 0) ||
            (d->budget_percent && budget == 0))
                return err_set(e, ERR_INVALID,
                               "gates: leave a number such as max_ratio or limit_percent out instead of setting it to 0");
        return 0;
}

static int take_gates(const struct doc_gates *d, struct policy *p, struct err *e)
{
        if (take_share("error_rate", d->error_rate, &p->error_rate, e) < 0 ||
            take_share("latency", d->latency, &p->latency, e) < 0)
                return -1;
        p->n_queries = (int) d->promql_count;
        for (int i = 0; i < p->n_queries; i++)
                if (policy_query_take(&d->promql[i], &p->queries[i], e) < 0)
                        return -1;
        return policy_kayenta_take(d->kayenta, &p->kayenta, e);
}

/* Requests at most so slow are counted by a bucket of the scorers' histogram; between two bounds there is no count. */
static int check_objective(const struct policy *p, struct err *e)
{
        AUTO_STRBUF bounds = { 0 }; /* cleaned up on the early return too */

        if (!p->latency.on)
                return 0;
        strbuf_init(&bounds, 400);
        for (size_t i = 0; i < sizeof METRICS_LATENCY_BUCKETS / sizeof *METRICS_LATENCY_BUCKETS; i++) {
                double ms = METRICS_LATENCY_BUCKETS[i] * 1000;

                if (fabs(ms - (double) p->latency.objective_ms) < 1e-6)
                        return 0;
                if (fabs(ms - round(ms)) < 1e-6)
                        strbuf_addf(&bounds, "%s%.0fms", bounds.len ? ", " : "", ms);
        }
        return err_set(e, ERR_INVALID, "gates.latency: objective must be one of %s", strbuf_str(&bounds));
}

/* With traffic to reckon with, a policy that cannot work is refused. */
static int take_expected(const struct doc *d, struct policy *p, struct err *e)
{
        struct policy_expected *x = &p->expected;
        double errors = 100 * x->errors, slow = 100 * x->slow;

        if (policy_number("expected_rate", d->expected_rate, &x->rate, e) < 0 ||
            policy_number("expected_error_percent", d->expected_error_percent, &errors, e) < 0 ||
            policy_number("expected_slow_percent", d->expected_slow_percent, &slow, e) < 0)
                return -1;
        if (!(x->rate >= 0 && x->rate <= 1e9 && errors > 0 && errors < 100 && slow > 0 && slow < 100))
                return err_set(e, ERR_INVALID, "expected_rate must be 0 to 1e9, expected percents above 0 and below 100");
        x->errors = errors / 100;
        x->slow = slow / 100;
        return x->rate > 0 ? policy_lint(p, x, e) : 0;
}

static int take_doc(const struct doc *d, struct policy *p, struct err *e)
{
        policy_defaults(p);
        double percent = p->false_rollback * 100, promotion_percent = p->false_promotion * 100;
        policy_text(p->name, sizeof p->name, d->name);
        policy_text(p->summary, sizeof p->summary, d->summary ? d->summary : "");
        if (take_steps(d, p, e) < 0 || take_gates(&d->gates, p, e) < 0 ||
            policy_duration("max_hold", d->max_hold, &p->max_hold_ms, e) < 0 ||
            policy_duration("start_deadline", d->start_deadline, &p->start_deadline_ms, e) < 0 ||
            policy_duration("keep_failed", d->keep_failed, &p->keep_failed_ms, e) < 0 ||
            policy_duration("rollback_window", d->rollback_window, &p->rollback_window_ms, e) < 0 ||
            policy_whole("min_requests", d->min_requests, &p->min_requests, e) < 0 ||
            policy_number("false_rollback_percent", d->false_rollback_percent, &percent, e) < 0 ||
            policy_number("false_promotion_percent", d->false_promotion_percent, &promotion_percent, e) < 0 ||
            policy_small("window_versions", d->window_versions, &p->window_versions, e) < 0 ||
            policy_small("replicas", d->replicas, &p->replicas, e) < 0)
                return -1;
        if (d->false_rollback_percent)
                p->false_rollback = percent / 100;
        if (d->false_promotion_percent)
                p->false_promotion = promotion_percent / 100;
        p->on_no_evidence = d->on_no_evidence ? (enum policy_no_evidence) * d->on_no_evidence : p->on_no_evidence;
        return policy_check(p, e) < 0 || check_objective(p, e) < 0 || take_expected(d, p, e) < 0 ? -1 : 0;
}

/* libcyaml reads the first document and no further. */
static int check_one_document(const char *text, size_t len, struct err *e)
{
        AUTO(json) doc = NULL;

        return yaml_json_parse("policy", text, len, &doc, e);
}

int policy_parse(const char *text, size_t len, struct policy *out, struct err *e)
{
        AUTO_STRBUF why;
        struct doc *doc = NULL;
        struct policy p;
        int r;

        strbuf_init(&why, 400);
        const cyaml_config_t config = {
                .log_fn = note, .log_ctx = &why, .mem_fn = cyaml_mem, .log_level = CYAML_LOG_ERROR, .flags = CYAML_CFG_NO_ALIAS
        };
        if (len > POLICY_FILE_MAX)
                return err_set(e, ERR_TOO_LARGE, "a policy is at most %d bytes", POLICY_FILE_MAX);
        cyaml_err_t failure = cyaml_load_data((const uint8_t *) text, len, &config, &doc_schema, (cyaml_data_t **) &doc, NULL);
        if (failure != CYAML_OK)
                return err_set(e, ERR_INVALID, "%s", why.len ? strbuf_str(&why) : cyaml_strerror(failure));
        if (!doc)
                return err_set(e, ERR_INVALID, "the policy is empty");
        r = take_doc(doc, &p, e);
        cyaml_free(&config, &doc_schema, doc, 0);
        if (r < 0 || check_one_document(text, len, e) < 0)
                return -1;
        *out = p;
        return 0;
}

int policy_read(const char *path, struct policy *out, struct err *e)
{
        const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
        struct policy p;
        AUTO(str) text = NULL;
        size_t len;

        if (fs_read(path, POLICY_FILE_MAX, &text, &len, e) < 0)
                return -1;
        if (policy_parse(text, len, &p, e) < 0)
                return err_wrap(e, "%s", path);
        if (strncmp(file, p.name, strlen(p.name)) != 0 || strcmp(file + strlen(p.name), ".yaml") != 0)
                return err_set(e, ERR_INVALID, "%s: the policy's name is %s, so the file must be %s.yaml", path, p.name, p.name);
        *out = p;
        return 0;
}
