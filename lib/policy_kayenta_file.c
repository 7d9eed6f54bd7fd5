/* A Kayenta gate from YAML. */
#include "lib/policy_kayenta_file.h"

#include <string.h>

#include "lib/policy_value.h"

static const cyaml_strval_t directions[] = { { "either", KAYENTA_EITHER },
                                             { "increase", KAYENTA_INCREASE },
                                             { "decrease", KAYENTA_DECREASE } };
static const cyaml_strval_t nans[] = { { "remove", false }, { "replace", true } };
static const cyaml_strval_t outliers[] = { { "keep", false }, { "remove", true } };
static const cyaml_strval_t effects[] = { { "mean_ratio", false }, { "cles", true } };
static const cyaml_strval_t bools[] = { { "false", false }, { "true", true } };

#define METRIC struct doc_kayenta_metric
#define WORD(key, words) CYAML_FIELD_ENUM_PTR(#key, POLICY_OPT | CYAML_FLAG_STRICT, METRIC, key, words, CYAML_ARRAY_LEN(words))
#define BOOL(key) CYAML_FIELD_ENUM(#key, POLICY_OPT | CYAML_FLAG_STRICT, METRIC, key, bools, CYAML_ARRAY_LEN(bools))

static const cyaml_schema_field_t metric_fields[] = {
        CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, METRIC, name, 1, NAME_MAX_LEN),
        CYAML_FIELD_STRING_PTR("query", CYAML_FLAG_POINTER, METRIC, query, 1, POLICY_QUERY_LEN),
        CYAML_FIELD_STRING_PTR("group", POLICY_OPT | CYAML_FLAG_POINTER, METRIC, group, 1, NAME_MAX_LEN),
        WORD(direction, directions),
        WORD(nan, nans),
        WORD(outliers, outliers),
        CYAML_FIELD_ENUM_PTR("effect_size", POLICY_OPT | CYAML_FLAG_STRICT, METRIC, effect, effects, CYAML_ARRAY_LEN(effects)),
        BOOL(critical),
        BOOL(must_have_data),
        POLICY_NUMBER(outlier_factor, METRIC, POLICY_OPT),
        POLICY_NUMBER(allowed_increase, METRIC, POLICY_OPT),
        POLICY_NUMBER(allowed_decrease, METRIC, POLICY_OPT),
        POLICY_NUMBER(critical_increase, METRIC, POLICY_OPT),
        POLICY_NUMBER(critical_decrease, METRIC, POLICY_OPT),
        CYAML_FIELD_END,
};
static const cyaml_schema_value_t metric_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, METRIC, metric_fields) };

static const cyaml_schema_field_t group_fields[] = {
        CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct doc_kayenta_group, name, 1, NAME_MAX_LEN),
        POLICY_NUMBER(weight, struct doc_kayenta_group, CYAML_FLAG_DEFAULT),
        CYAML_FIELD_END,
};
static const cyaml_schema_value_t group_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct doc_kayenta_group,
                                                                      group_fields) };

const cyaml_schema_field_t policy_kayenta_fields[] = {
        POLICY_NUMBER(pass, struct doc_kayenta, POLICY_OPT),
        POLICY_NUMBER(marginal, struct doc_kayenta, POLICY_OPT),
        POLICY_DURATION(interval, struct doc_kayenta, POLICY_OPT | CYAML_FLAG_POINTER),
        POLICY_NUMBER(points, struct doc_kayenta, POLICY_OPT),
        CYAML_FIELD_SEQUENCE("groups", POLICY_OPT | CYAML_FLAG_POINTER, struct doc_kayenta, groups, &group_value, 1,
                             POLICY_KAYENTA_GROUPS),
        CYAML_FIELD_SEQUENCE("metrics", CYAML_FLAG_POINTER, struct doc_kayenta, metrics, &metric_value, 1,
                             POLICY_KAYENTA_METRICS),
        CYAML_FIELD_END,
};

static int take_groups(const struct doc_kayenta *d, struct policy_kayenta *k, struct err *e)
{
        k->n_groups = (int) d->groups_count;
        for (unsigned i = 0; i < d->groups_count; i++) {
                struct policy_kayenta_group *g = &k->groups[i];

                policy_text(g->name, sizeof g->name, d->groups[i].name);
                if (policy_number("weight", d->groups[i].weight, &g->weight, e) < 0)
                        return err_wrap(e, "gates.kayenta group %s", g->name);
                if (g->weight == 0) /* what has none is not listed */
                        g->weight = -1;
        }
        return 0;
}

/* A group that is not listed has no weight. */
static int find_group(const char *name, struct policy_kayenta *k, struct err *e)
{
        for (int i = 0; i < k->n_groups; i++)
                if (strcmp(k->groups[i].name, name) == 0)
                        return i;
        if (k->n_groups == POLICY_KAYENTA_GROUPS)
                return err_set(e, ERR_INVALID, "gates.kayenta: at most %d groups", POLICY_KAYENTA_GROUPS);
        policy_text(k->groups[k->n_groups].name, sizeof k->groups->name, name);
        return k->n_groups++;
}

static int take_rule(const struct doc_kayenta_metric *d, struct kayenta_rule *r, struct err *e)
{
        kayenta_defaults(r);
        r->direction = d->direction ? (enum kayenta_direction) * d->direction : KAYENTA_EITHER;
        r->nan_is_zero = d->nan && *d->nan;
        r->drop_outliers = d->outliers && *d->outliers;
        r->critical = d->critical;
        r->must_have_data = d->must_have_data;
        r->cles = d->effect && *d->effect;
        if (r->cles)
                r->allowed_increase = r->allowed_decrease = r->critical_increase = r->critical_decrease = .5;
        return policy_number("outlier_factor", d->outlier_factor, &r->outlier_factor, e) < 0 ||
                               policy_number("allowed_increase", d->allowed_increase, &r->allowed_increase, e) < 0 ||
                               policy_number("allowed_decrease", d->allowed_decrease, &r->allowed_decrease, e) < 0 ||
                               policy_number("critical_increase", d->critical_increase, &r->critical_increase, e) < 0 ||
                               policy_number("critical_decrease", d->critical_decrease, &r->critical_decrease, e) < 0
                       ? -1
                       : 0;
}

static int take_metric(const struct doc_kayenta_metric *d, struct policy_kayenta *k, struct err *e)
{
        struct policy_kayenta_metric *m = &k->metrics[k->n_metrics++];

        policy_text(m->name, sizeof m->name, d->name);
        policy_text(m->query, sizeof m->query, d->query);
        m->group = find_group(d->group ? d->group : "metrics", k, e);
        if (m->group < 0)
                return -1;
        return take_rule(d, &m->rule, e) < 0 ? err_wrap(e, "gates.kayenta %s", m->name) : 0;
}

int policy_kayenta_take(const struct doc_kayenta *doc, struct policy_kayenta *out, struct err *e)
{
        if (!doc)
                return 0;
        policy_kayenta_defaults(out);
        if (policy_number("pass", doc->pass, &out->pass, e) < 0 ||
            policy_number("marginal", doc->marginal, &out->marginal, e) < 0 ||
            policy_duration("interval", doc->interval, &out->interval_ms, e) < 0 ||
            policy_small("points", doc->points, &out->points, e) < 0)
                return err_wrap(e, "gates.kayenta");
        if (take_groups(doc, out, e) < 0)
                return -1;
        for (unsigned i = 0; i < doc->metrics_count; i++)
                if (take_metric(&doc->metrics[i], out, e) < 0)
                        return -1;
        return 0;
}
