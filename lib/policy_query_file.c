/* A PromQL gate in YAML. */
#include "lib/policy_query_file.h"

#include "lib/policy_value.h"

static const double slack_percent_default = .5;

#define TEXT(key, flags, max) CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER | (flags), struct doc_query, key, 1, max)
#define NUMBER(key) POLICY_NUMBER(key, struct doc_query, POLICY_OPT)

static const cyaml_schema_field_t fields[] = {
        TEXT(name, 0, NAME_MAX_LEN),
        TEXT(query, 0, POLICY_QUERY_LEN),
        TEXT(of, POLICY_OPT, POLICY_QUERY_LEN),
        NUMBER(min),
        NUMBER(max),
        NUMBER(fail_below),
        NUMBER(fail_above),
        NUMBER(failures),
        NUMBER(max_percent),
        NUMBER(max_ratio),
        NUMBER(min_ratio),
        NUMBER(expected_percent),
        TEXT(by, POLICY_OPT, POLICY_LABEL_LEN),
        NUMBER(slack_percent),
        NUMBER(max_change),
        NUMBER(max_change_percent),
        NUMBER(min_change),
        NUMBER(min_change_percent),
        CYAML_FIELD_END,
};
const cyaml_schema_value_t policy_query_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct doc_query, fields) };

static int refuse(const struct policy_query *q, struct err *e, const char *sentence)
{
        return err_set(e, ERR_INVALID, "gates.promql %s: %s", q->name, sentence);
}

static int take_percent(const char *key, const char *text, double *out, struct err *e)
{
        double percent = 100 * *out;

        if (policy_number(key, text, &percent, e) < 0)
                return -1;
        *out = text ? percent / 100 : *out;
        return 0;
}

static int take_change(const char *key, const char *text, const char *percent, struct policy_change *c, struct err *e)
{
        if (text && percent)
                return err_set(e, ERR_INVALID, "%s is a number or a percent of stable's mean, not both", key);
        c->on = text || percent;
        c->relative = percent;
        return text ? policy_number(key, text, &c->by, e) : take_percent(key, percent, &c->by, e);
}

static int take_numbers(const struct doc_query *d, struct policy_query *q, struct err *e)
{
        return policy_number("min", d->min, &q->min, e) < 0 || policy_number("max", d->max, &q->max, e) < 0 ||
                               policy_number("fail_below", d->fail_below, &q->fail_below, e) < 0 ||
                               policy_number("fail_above", d->fail_above, &q->fail_above, e) < 0 ||
                               policy_small("failures", d->failures, &q->failures, e) < 0 ||
                               take_percent("max_percent", d->max_percent, &q->max_share, e) < 0 ||
                               policy_number("max_ratio", d->max_ratio, &q->max_ratio, e) < 0 ||
                               policy_number("min_ratio", d->min_ratio, &q->min_ratio, e) < 0 ||
                               take_percent("expected_percent", d->expected_percent, &q->expected, e) < 0 ||
                               take_percent("slack_percent", d->slack_percent, &q->slack, e) < 0 ||
                               take_change("max_change", d->max_change, d->max_change_percent, &q->max_change, e) < 0 ||
                               take_change("min_change", d->min_change, d->min_change_percent, &q->min_change, e) < 0
                       ? -1
                       : 0;
}

int policy_query_take(const struct doc_query *d, struct policy_query *q, struct err *e)
{
        policy_text(q->name, sizeof q->name, d->name);
        policy_text(q->query, sizeof q->query, d->query);
        policy_text(q->of, sizeof q->of, d->of ? d->of : "");
        policy_text(q->by, sizeof q->by, d->by ? d->by : "");
        q->has_min = d->min;
        q->has_max = d->max;
        q->has_fail_below = d->fail_below;
        q->has_fail_above = d->fail_above;
        q->failures = 1;
        q->slack = d->by ? slack_percent_default / 100 : 0;
        if (take_numbers(d, q, e) < 0)
                return err_wrap(e, "gates.promql %s", q->name);
        if (d->max_percent && !d->of)
                return refuse(q, e, "max_percent goes with of");
        if (d->slack_percent && !d->by)
                return refuse(q, e, "slack_percent goes with by");
        if (d->expected_percent && policy_query_kind(q) != QUERY_RATIO)
                return refuse(q, e, "expected_percent goes with of and max_ratio or min_ratio");
        if ((d->max_ratio && q->max_ratio == 0) || (d->min_ratio && q->min_ratio == 0))
                return refuse(q, e, "leave max_ratio or min_ratio out instead of setting it to 0");
        return 0;
}
