/* Policies from YAML by libcyaml: the schema tables, and from the document to the struct. */
#include "rolloutd/policy_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cyaml/cyaml.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/settings.h"
#include "lib/strbuf.h"

/* --- the document as libcyaml fills it; a NULL pointer is a key that was left out --- */

struct doc_step {
        double weight;
        char *hold;
};

struct doc_share {
        char *objective;
        double *max_ratio, *limit_percent;
};

struct doc_query {
        char *name, *query;
        double *min, *max;
};

struct doc_gates {
        struct doc_share *error_rate, *latency;
        struct doc_query *promql;
        unsigned promql_count;
};

struct doc {
        char *name, *summary;
        struct doc_step *steps;
        unsigned steps_count;
        struct doc_gates gates;
        int64_t *min_requests, *window_versions, *replicas;
        double *false_rollback_percent;
        int *on_no_evidence;
        char *max_hold, *start_deadline, *keep_failed, *rollback_window;
};

#define OPT CYAML_FLAG_OPTIONAL
#define DURATION(key, type, flags) CYAML_FIELD_STRING_PTR(#key, (flags), type, key, 1, 16)

static const cyaml_schema_field_t step_fields[] = {
        CYAML_FIELD_FLOAT("weight", CYAML_FLAG_DEFAULT, struct doc_step, weight),
        DURATION(hold, struct doc_step, CYAML_FLAG_POINTER),
        CYAML_FIELD_END,
};
static const cyaml_schema_value_t step_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct doc_step, step_fields) };

static const cyaml_schema_field_t error_rate_fields[] = {
        CYAML_FIELD_FLOAT_PTR("max_ratio", OPT, struct doc_share, max_ratio),
        CYAML_FIELD_FLOAT_PTR("limit_percent", OPT, struct doc_share, limit_percent),
        CYAML_FIELD_END,
};
static const cyaml_schema_field_t latency_fields[] = {
        DURATION(objective, struct doc_share, CYAML_FLAG_POINTER),
        CYAML_FIELD_FLOAT_PTR("max_ratio", OPT, struct doc_share, max_ratio),
        CYAML_FIELD_FLOAT_PTR("limit_percent", OPT, struct doc_share, limit_percent),
        CYAML_FIELD_END,
};
static const cyaml_schema_field_t query_fields[] = {
        CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct doc_query, name, 1, NAME_MAX_LEN),
        CYAML_FIELD_STRING_PTR("query", CYAML_FLAG_POINTER, struct doc_query, query, 1, POLICY_QUERY_LEN),
        CYAML_FIELD_FLOAT_PTR("min", OPT, struct doc_query, min),
        CYAML_FIELD_FLOAT_PTR("max", OPT, struct doc_query, max),
        CYAML_FIELD_END,
};
static const cyaml_schema_value_t query_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct doc_query, query_fields) };

static const cyaml_schema_field_t gates_fields[] = {
        CYAML_FIELD_MAPPING_PTR("error_rate", OPT, struct doc_gates, error_rate, error_rate_fields),
        CYAML_FIELD_MAPPING_PTR("latency", OPT, struct doc_gates, latency, latency_fields),
        CYAML_FIELD_SEQUENCE("promql", OPT | CYAML_FLAG_POINTER, struct doc_gates, promql, &query_value, 1, POLICY_QUERIES_MAX),
        CYAML_FIELD_END,
};

static const cyaml_strval_t no_evidence_words[] = { { "hold", POLICY_HOLD }, { "rollback", POLICY_ROLLBACK } };

static const cyaml_schema_field_t doc_fields[] = {
        CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct doc, name, 1, NAME_MAX_LEN),
        CYAML_FIELD_STRING_PTR("summary", CYAML_FLAG_POINTER, struct doc, summary, 1, POLICY_SUMMARY_LEN),
        CYAML_FIELD_SEQUENCE("steps", CYAML_FLAG_POINTER, struct doc, steps, &step_value, 1, POLICY_STEPS_MAX),
        CYAML_FIELD_MAPPING("gates", CYAML_FLAG_DEFAULT, struct doc, gates, gates_fields),
        CYAML_FIELD_INT_PTR("min_requests", OPT, struct doc, min_requests),
        CYAML_FIELD_FLOAT_PTR("false_rollback_percent", OPT, struct doc, false_rollback_percent),
        DURATION(max_hold, struct doc, OPT | CYAML_FLAG_POINTER),
        CYAML_FIELD_ENUM_PTR("on_no_evidence", OPT | CYAML_FLAG_STRICT, struct doc, on_no_evidence, no_evidence_words,
                             CYAML_ARRAY_LEN(no_evidence_words)),
        DURATION(start_deadline, struct doc, OPT | CYAML_FLAG_POINTER),
        DURATION(keep_failed, struct doc, OPT | CYAML_FLAG_POINTER),
        DURATION(rollback_window, struct doc, OPT | CYAML_FLAG_POINTER),
        CYAML_FIELD_INT_PTR("window_versions", OPT, struct doc, window_versions),
        CYAML_FIELD_INT_PTR("replicas", OPT, struct doc, replicas),
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

static int take_duration(const char *key, const char *text, int64_t *out, struct err *e)
{
        if (!text || duration_parse(text, out, e) == 0)
                return 0;
        return err_wrap(e, "%s", key);
}

static void copy_text(char *out, size_t size, const char *text)
{
        size_t n = strnlen(text, size - 1);

        memcpy(out, text, n);
        out[n] = '\0';
}

static int take_steps(const struct doc *d, struct policy *p, struct err *e)
{
        p->n_steps = (int) d->steps_count;
        for (unsigned i = 0; i < d->steps_count; i++) {
                double w = d->steps[i].weight * 100;

                /* Out of range stays out of range; policy_check() has the sentence. */
                p->steps[i].weight_bp = w >= 1 && w <= 10000 ? (int) lround(w) : 0;
                if (take_duration("step: hold", d->steps[i].hold, &p->steps[i].hold_ms, e) < 0)
                        return -1;
        }
        return 0;
}

static int take_share(const struct doc_share *d, struct policy_share *s, struct err *e)
{
        if (!d)
                return 0;
        s->on = true;
        s->max_ratio = d->max_ratio ? *d->max_ratio : 0;
        s->limit = d->limit_percent ? *d->limit_percent / 100 : 0;
        if ((d->max_ratio && *d->max_ratio == 0) || (d->limit_percent && *d->limit_percent == 0))
                return err_set(e, ERR_INVALID, "gates: leave max_ratio or limit_percent out instead of setting it to 0");
        return take_duration("gates.latency: objective", d->objective, &s->objective_ms, e);
}

static void take_query(const struct doc_query *d, struct policy_query *q)
{
        copy_text(q->name, sizeof q->name, d->name);
        copy_text(q->query, sizeof q->query, d->query);
        q->has_min = d->min;
        q->has_max = d->max;
        q->min = d->min ? *d->min : 0;
        q->max = d->max ? *d->max : 0;
}

static int small(const int64_t *v, int otherwise) /* out of int's range is out of any range */
{
        return !v ? otherwise : *v < 0 || *v > 1000000 ? -1 : (int) *v;
}

static int take_doc(const struct doc *d, struct policy *p, struct err *e)
{
        policy_defaults(p);
        copy_text(p->name, sizeof p->name, d->name);
        copy_text(p->summary, sizeof p->summary, d->summary);
        if (take_steps(d, p, e) < 0 || take_share(d->gates.error_rate, &p->error_rate, e) < 0 ||
            take_share(d->gates.latency, &p->latency, e) < 0)
                return -1;
        p->n_queries = (int) d->gates.promql_count;
        for (int i = 0; i < p->n_queries; i++)
                take_query(&d->gates.promql[i], &p->queries[i]);
        if (take_duration("max_hold", d->max_hold, &p->max_hold_ms, e) < 0 ||
            take_duration("start_deadline", d->start_deadline, &p->start_deadline_ms, e) < 0 ||
            take_duration("keep_failed", d->keep_failed, &p->keep_failed_ms, e) < 0 ||
            take_duration("rollback_window", d->rollback_window, &p->rollback_window_ms, e) < 0)
                return -1;
        p->min_requests = d->min_requests ? *d->min_requests : p->min_requests;
        p->false_rollback = d->false_rollback_percent ? *d->false_rollback_percent / 100 : p->false_rollback;
        p->on_no_evidence = d->on_no_evidence ? (enum policy_no_evidence) * d->on_no_evidence : p->on_no_evidence;
        p->window_versions = small(d->window_versions, p->window_versions);
        p->replicas = small(d->replicas, p->replicas);
        return policy_check(p, e);
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
        if (r == 0)
                *out = p;
        return r;
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
