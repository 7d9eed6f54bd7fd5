/* Metrics and groups as JSON. */
#include "lib/policy_kayenta_json.h"

#include <stdio.h>

#include "lib/json.h"

static json_t *metric_to_json(const struct policy_kayenta_metric *m)
{
        const struct kayenta_rule *r = &m->rule;

        return json_pack("{s:s, s:s, s:i, s:i, s:b, s:b, s:f, s:b, s:b, s:b, s:[f, f, f, f]}", "name", m->name, "query", m->query,
                         "group", m->group, "direction", (int) r->direction, "nan_is_zero", r->nan_is_zero, "drop_outliers",
                         r->drop_outliers, "outlier_factor", r->outlier_factor, "critical", r->critical, "must_have_data",
                         r->must_have_data, "cles", r->cles, "effects", r->allowed_increase, r->allowed_decrease,
                         r->critical_increase, r->critical_decrease);
}

json_t *policy_kayenta_to_json(const struct policy_kayenta *k)
{
        if (k->n_metrics == 0)
                return NULL;
        json_t *metrics = json_array(), *groups = json_array();

        for (int i = 0; i < k->n_metrics; i++)
                json_array_append_new(metrics, metric_to_json(&k->metrics[i]));
        for (int i = 0; i < k->n_groups; i++)
                json_array_append_new(groups, json_pack("{s:s, s:f}", "name", k->groups[i].name, "weight", k->groups[i].weight));
        return json_pack("{s:f, s:f, s:I, s:i, s:o, s:o}", "pass", k->pass, "marginal", k->marginal, "interval_ms",
                         (json_int_t) k->interval_ms, "points", k->points, "metrics", metrics, "groups", groups);
}

static int metric_from_json(json_t *doc, struct policy_kayenta_metric *m, struct err *e)
{
        int direction, nan_is_zero, drop_outliers, critical, must_have_data, cles;
        struct kayenta_rule *r = &m->rule;
        const char *name, *query;
        json_t *effects;

        kayenta_defaults(r);
        if (json_take("metric", doc, e, "{s:s, s:s, s:i, s:i, s:b, s:b, s:F, s:b, s:b, s:b, s:o}", "name", &name, "query", &query,
                      "group", &m->group, "direction", &direction, "nan_is_zero", &nan_is_zero, "drop_outliers", &drop_outliers,
                      "outlier_factor", &r->outlier_factor, "critical", &critical, "must_have_data", &must_have_data, "cles",
                      &cles, "effects", &effects) < 0 ||
            json_take("effects", effects, e, "[F, F, F, F]", &r->allowed_increase, &r->allowed_decrease, &r->critical_increase,
                      &r->critical_decrease) < 0)
                return -1;
        if (direction < KAYENTA_EITHER || direction > KAYENTA_DECREASE || m->group < 0 || m->group >= POLICY_KAYENTA_GROUPS)
                return err_set(e, ERR_INVALID, "metric %.64s: direction or group out of range", name);
        r->direction = (enum kayenta_direction) direction;
        r->nan_is_zero = nan_is_zero;
        r->drop_outliers = drop_outliers;
        r->critical = critical;
        r->must_have_data = must_have_data;
        r->cles = cles;
        snprintf(m->name, sizeof m->name, "%s", name);
        snprintf(m->query, sizeof m->query, "%s", query);
        return 0;
}

static int lists_from_json(json_t *metrics, json_t *groups, struct policy_kayenta *k, struct err *e)
{
        json_t *item;
        size_t i;

        if (json_array_size(metrics) < 1 || json_array_size(metrics) > POLICY_KAYENTA_METRICS ||
            json_array_size(groups) > POLICY_KAYENTA_GROUPS)
                return err_set(e, ERR_INVALID, "kayenta: 1 to %d metrics and at most %d groups", POLICY_KAYENTA_METRICS,
                               POLICY_KAYENTA_GROUPS);
        json_array_foreach (metrics, i, item)
                if (metric_from_json(item, &k->metrics[i], e) < 0)
                        return -1;
        k->n_metrics = (int) i;
        json_array_foreach (groups, i, item) {
                const char *name;

                if (json_take("group", item, e, "{s:s, s:F}", "name", &name, "weight", &k->groups[i].weight) < 0)
                        return -1;
                snprintf(k->groups[i].name, sizeof k->groups[i].name, "%s", name);
        }
        k->n_groups = (int) i;
        return 0;
}

int policy_kayenta_from_json(json_t *doc, struct policy_kayenta *out, struct err *e)
{
        struct policy_kayenta k = { 0 };
        json_t *metrics, *groups;
        json_int_t interval_ms;

        if (!doc)
                return 0;
        if (json_take("kayenta", doc, e, "{s:F, s:F, s:I, s:i, s:o, s:o}", "pass", &k.pass, "marginal", &k.marginal,
                      "interval_ms", &interval_ms, "points", &k.points, "metrics", &metrics, "groups", &groups) < 0 ||
            lists_from_json(metrics, groups, &k, e) < 0)
                return -1;
        k.interval_ms = interval_ms;
        *out = k;
        return 0;
}
