/* PromQL gates to and from JSON. What a gate does not have is left out, or null where earlier programs wrote that. */
#include "lib/policy_query_json.h"

#include <stdio.h>

#include "lib/json.h"

static json_t *bound_to_json(bool has, double v)
{
        return has ? json_real(v) : json_null();
}

static json_t *change_to_json(const struct policy_change *c)
{
        return c->on ? json_pack("{s:f, s:b}", "by", c->by, "relative", c->relative) : NULL;
}

static void set(json_t *doc, const char *name, double v)
{
        if (v != 0)
                json_object_set_new(doc, name, json_real(v));
}

static json_t *query_to_json(const struct policy_query *q)
{
        json_t *doc = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:i, s:s, s:f, s:o*, s:o*}", "name", q->name, "query", q->query,
                                "min", bound_to_json(q->has_min, q->min), "max", bound_to_json(q->has_max, q->max), "fail_below",
                                bound_to_json(q->has_fail_below, q->fail_below), "fail_above",
                                bound_to_json(q->has_fail_above, q->fail_above), "failures", q->failures, "of", q->of,
                                "max_share", q->max_share, "max_change", change_to_json(&q->max_change), "min_change",
                                change_to_json(&q->min_change));

        set(doc, "max_ratio", q->max_ratio);
        set(doc, "min_ratio", q->min_ratio);
        set(doc, "slack", q->slack);
        set(doc, "expected", q->expected);
        if (*q->by)
                json_object_set_new(doc, "by", json_string(q->by));
        return doc;
}

json_t *policy_queries_to_json(const struct policy *p)
{
        json_t *list = json_array();

        for (int i = 0; i < p->n_queries; i++)
                json_array_append_new(list, query_to_json(&p->queries[i]));
        return list;
}

static int bound_from_json(json_t *v, bool *has, double *out, struct err *e)
{
        *has = v && !json_is_null(v);
        *out = json_number_value(v);
        return !*has || json_is_number(v) ? 0 : err_set(e, ERR_INVALID, "gate: min and max must be numbers");
}

static int change_from_json(json_t *doc, struct policy_change *c, struct err *e)
{
        int relative;

        if (!doc)
                return 0;
        if (json_take("change", doc, e, "{s:F, s:b}", "by", &c->by, "relative", &relative) < 0)
                return -1;
        c->on = true;
        c->relative = relative;
        return 0;
}

static int query_from_json(json_t *doc, struct policy_query *q, struct err *e)
{
        json_t *min, *max, *below = NULL, *above = NULL, *up = NULL,
                           *down = NULL; /* earlier records have no more than min and max */
        const char *name, *query, *of = "", *by = "";

        if (json_take("gate", doc, e, "{s:s, s:s, s:o, s:o, s?o, s?o, s?i, s?s, s?F, s?o, s?o, s?F, s?F, s?F, s?F, s?s}", "name",
                      &name, "query", &query, "min", &min, "max", &max, "fail_below", &below, "fail_above", &above, "failures",
                      &q->failures, "of", &of, "max_share", &q->max_share, "max_change", &up, "min_change", &down, "max_ratio",
                      &q->max_ratio, "min_ratio", &q->min_ratio, "slack", &q->slack, "expected", &q->expected, "by", &by) < 0 ||
            bound_from_json(min, &q->has_min, &q->min, e) < 0 || bound_from_json(max, &q->has_max, &q->max, e) < 0 ||
            bound_from_json(below, &q->has_fail_below, &q->fail_below, e) < 0 ||
            bound_from_json(above, &q->has_fail_above, &q->fail_above, e) < 0 || change_from_json(up, &q->max_change, e) < 0 ||
            change_from_json(down, &q->min_change, e) < 0)
                return -1;
        (void) snprintf(q->name, sizeof q->name, "%s", name);
        (void) snprintf(q->query, sizeof q->query, "%s", query);
        (void) snprintf(q->of, sizeof q->of, "%s", of);
        (void) snprintf(q->by, sizeof q->by, "%s", by);
        return 0;
}

int policy_queries_from_json(json_t *list, struct policy *p, struct err *e)
{
        json_t *item;
        size_t i;

        if (!json_is_array(list) || json_array_size(list) > POLICY_QUERIES_MAX)
                return err_set(e, ERR_INVALID, "gates: at most %d", POLICY_QUERIES_MAX);
        json_array_foreach (list, i, item)
                if (query_from_json(item, &p->queries[i], e) < 0)
                        return -1;
        p->n_queries = (int) json_array_size(list);
        return 0;
}
