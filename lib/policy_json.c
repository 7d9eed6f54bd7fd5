/* Policies to and from JSON. */
#include "lib/policy_json.h"

#include <stdio.h>

#include "lib/json.h"
#include "lib/policy_kayenta_json.h"
#include "lib/policy_query_json.h"

static json_t *quantiles_to_json(const struct policy_share *s)
{
        json_t *list = json_array();

        for (int i = 0; i < s->n_quantiles; i++)
                json_array_append_new(list, json_real(s->quantiles[i]));
        return list;
}

static int quantiles_from_json(json_t *list, struct policy_share *s, struct err *e)
{
        json_t *item;
        size_t i;

        if (json_array_size(list) > POLICY_QUANTILES_MAX)
                return err_set(e, ERR_INVALID, "quantiles: at most %d", POLICY_QUANTILES_MAX);
        json_array_foreach (list, i, item) {
                if (!json_is_number(item))
                        return err_set(e, ERR_INVALID, "quantiles must be numbers");
                s->quantiles[s->n_quantiles++] = json_number_value(item);
        }
        return 0;
}

static json_t *share_to_json(const struct policy_share *s)
{
        return json_pack("{s:b, s:f, s:f, s:f, s:f, s:I, s:o}", "on", s->on, "max_ratio", s->max_ratio, "sound_ratio",
                         s->sound_ratio, "limit", s->limit, "budget", s->budget, "objective_ms", (json_int_t) s->objective_ms,
                         "quantiles", quantiles_to_json(s));
}

static json_t *steps_to_json(const struct policy *p)
{
        json_t *list = json_array();

        for (int i = 0; i < p->n_steps; i++)
                json_array_append_new(list, json_pack("{s:i, s:I, s:b}", "weight_bp", p->steps[i].weight_bp, "hold_ms",
                                                      (json_int_t) p->steps[i].hold_ms, "pause", p->steps[i].pause));
        return list;
}

json_t *policy_to_json(const struct policy *p)
{
        return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o*, s:I, s:f, s:f, s:I, s:b, s:I, s:I, s:I, s:i, s:i}", "name",
                         p->name, "summary", p->summary, "steps", steps_to_json(p), "error_rate", share_to_json(&p->error_rate),
                         "latency", share_to_json(&p->latency), "queries", policy_queries_to_json(p), "kayenta",
                         policy_kayenta_to_json(&p->kayenta), "min_requests", (json_int_t) p->min_requests, "false_rollback",
                         p->false_rollback, "false_promotion", p->false_promotion, "max_hold_ms", (json_int_t) p->max_hold_ms,
                         "starved_rolls_back", p->on_no_evidence == POLICY_ROLLBACK, "start_deadline_ms",
                         (json_int_t) p->start_deadline_ms, "keep_failed_ms", (json_int_t) p->keep_failed_ms,
                         "rollback_window_ms", (json_int_t) p->rollback_window_ms, "window_versions", p->window_versions,
                         "replicas", p->replicas);
}

static int share_from_json(const char *what, json_t *doc, struct policy_share *s, struct err *e)
{
        json_t *quantiles = NULL;
        json_int_t objective_ms;
        int on;

        /* Policies of earlier records have neither sound_ratio, budget nor quantiles. */
        if (json_take(what, doc, e, "{s:b, s:F, s?F, s:F, s?F, s:I, s?o}", "on", &on, "max_ratio", &s->max_ratio, "sound_ratio",
                      &s->sound_ratio, "limit", &s->limit, "budget", &s->budget, "objective_ms", &objective_ms, "quantiles",
                      &quantiles) < 0)
                return -1;
        s->on = on;
        s->objective_ms = objective_ms;
        return quantiles_from_json(quantiles, s, e);
}

static int steps_from_json(json_t *list, struct policy *p, struct err *e)
{
        json_t *item;
        size_t i;

        if (!json_is_array(list) || json_array_size(list) > POLICY_STEPS_MAX)
                return err_set(e, ERR_INVALID, "steps: there must be 1 to %d of them", POLICY_STEPS_MAX);
        json_array_foreach (list, i, item) {
                json_int_t hold_ms;
                int pause = false; /* policies of earlier records have none */

                if (json_take("step", item, e, "{s:i, s:I, s?b}", "weight_bp", &p->steps[i].weight_bp, "hold_ms", &hold_ms,
                              "pause", &pause) < 0)
                        return -1;
                p->steps[i].hold_ms = hold_ms;
                p->steps[i].pause = pause;
        }
        p->n_steps = (int) json_array_size(list);
        return 0;
}

int policy_from_json(json_t *doc, struct policy *out, struct err *e)
{
        struct policy p = { .false_promotion = .05 }; /* earlier records do not say */
        const char *name, *summary;
        json_t *steps, *error_rate, *latency, *queries, *kayenta = NULL;
        json_int_t min_requests, max_hold_ms, start_ms, keep_ms, window_ms;
        int rolls_back;

        if (json_take("policy", doc, e, "{s:s, s:s, s:o, s:o, s:o, s:o, s?o, s:I, s:F, s?F, s:I, s:b, s:I, s:I, s:I, s:i, s:i}",
                      "name", &name, "summary", &summary, "steps", &steps, "error_rate", &error_rate, "latency", &latency,
                      "queries", &queries, "kayenta", &kayenta, "min_requests", &min_requests, "false_rollback",
                      &p.false_rollback, "false_promotion", &p.false_promotion, "max_hold_ms", &max_hold_ms, "starved_rolls_back",
                      &rolls_back, "start_deadline_ms", &start_ms, "keep_failed_ms", &keep_ms, "rollback_window_ms", &window_ms,
                      "window_versions", &p.window_versions, "replicas", &p.replicas) < 0 ||
            steps_from_json(steps, &p, e) < 0 || share_from_json("error_rate", error_rate, &p.error_rate, e) < 0 ||
            share_from_json("latency", latency, &p.latency, e) < 0 || policy_queries_from_json(queries, &p, e) < 0 ||
            policy_kayenta_from_json(kayenta, &p.kayenta, e) < 0)
                return -1;
        snprintf(p.name, sizeof p.name, "%s", name);
        snprintf(p.summary, sizeof p.summary, "%s", summary);
        p.min_requests = min_requests;
        p.max_hold_ms = max_hold_ms;
        p.on_no_evidence = rolls_back ? POLICY_ROLLBACK : POLICY_HOLD;
        p.start_deadline_ms = start_ms;
        p.keep_failed_ms = keep_ms;
        p.rollback_window_ms = window_ms;
        if (policy_check_running(&p, e) < 0)
                return -1;
        *out = p;
        return 0;
}

json_t *policy_steps_view(const struct policy *p)
{
        json_t *list = json_array();

        for (int i = 0; i < p->n_steps; i++) {
                int bp = p->steps[i].weight_bp;

                json_array_append_new(list, bp % 100 ? json_real(bp / 100.0) : json_integer(bp / 100));
        }
        return list;
}

json_t *policy_view(const struct policy *p)
{
        return json_pack("{s:s, s:o, s:s}", "name", p->name, "steps", policy_steps_view(p), "summary", p->summary);
}
