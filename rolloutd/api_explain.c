/* What every gate of the policy says, and what it waits for. */
#include <math.h>
#include <stdio.h>

#include "lib/json.h"
#include "lib/judge_explain.h"
#include "rolloutd/api.h"
#include "rolloutd/gate_view.h"
#include "rolloutd/kayenta_view.h"
#include "rolloutd/verdict_json.h"

static json_t *number_or_null(double v)
{
        return isfinite(v) ? json_real(v) : json_null();
}

static void set(json_t *doc, const char *name, json_t *value)
{
        json_object_set_new(doc, name, value);
}

static void add_counts(json_t *doc, const struct judge_view *w)
{
        for (int a = 0; a < ARM_COUNT; a++)
                set(doc, a == ARM_STABLE ? "stable" : "candidate",
                    json_pack("{s:I, s:I}", "bad", (json_int_t) w->bad[a], "of", (json_int_t) w->of[a]));
}

static void add_comparison(json_t *doc, const struct judge_view *w)
{
        if (w->limit > 0) {
                set(doc, "max_ratio", json_real(w->limit));
                set(doc, "false_rollback_percent", json_real(100 * w->false_rollback));
                set(doc, "evidence", json_real(w->evidence));
                set(doc, "evidence_needed", json_real(w->evidence_needed));
                set(doc, "p", json_real(w->always_valid_p));
        }
        set(doc, "ratio",
            w->ratio.best > 0 ? json_pack("{s:o, s:f, s:o}", "low", number_or_null(w->ratio.low), "best", w->ratio.best, "high",
                                          number_or_null(w->ratio.high))
                              : json_null());
        set(doc, "burst", json_real(w->burst));
        if (w->bound_ms > 0) {
                set(doc, "bound_ms", json_real(w->bound_ms));
                set(doc, "quantiles", *w->quantiles.text ? json_string(w->quantiles.text) : json_null());
        }
        if (w->share_ratio > 0)
                set(doc, "share_ratio", json_real(w->share_ratio));
        if (w->proof_needed > 0) {
                set(doc, "proof", json_real(w->proof));
                set(doc, "proof_needed", json_real(w->proof_needed));
                set(doc, "requests_missing", number_or_null(w->requests_missing));
                set(doc, "seconds_missing", w->seconds_missing < 0 ? json_null() : number_or_null(w->seconds_missing));
        }
}

static json_t *view_to_json(const struct judge_view *w, char *query)
{
        json_t *doc = json_pack("{s:s, s:s, s:s, s:o}", "gate", w->gate, "kind", judge_view_kind_name(w->kind), "state",
                                verdict_state_name(w->state), "says", *w->says ? json_string(w->says) : json_null());

        if (w->kind != VIEW_QUERY && w->kind != VIEW_MEAN)
                add_counts(doc, w);
        if (w->kind == VIEW_COMPARISON)
                add_comparison(doc, w);
        if (w->kind == VIEW_LIMIT)
                set(doc, "limit_percent", json_real(100 * w->limit));
        if (w->kind == VIEW_BUDGET) {
                set(doc, "budget_percent", json_real(100 * w->limit));
                set(doc, "burn_rate", json_real(w->burn_rate));
        }
        if (w->kind == VIEW_SHARE) {
                set(doc, "max_percent", json_real(100 * w->limit));
                set(doc, "false_rollback_percent", json_real(100 * w->false_rollback));
                set(doc, "evidence", json_real(w->evidence));
                set(doc, "evidence_needed", json_real(w->evidence_needed));
                set(doc, "p", json_real(w->always_valid_p));
        }
        if (w->kind == VIEW_QUERY || w->kind == VIEW_SHARE) {
                set(doc, "value", w->known ? json_real(w->value) : json_null());
                set(doc, "query", json_string(query));
        }
        gate_view_compared(doc, w, query);
        return doc;
}

static json_t *gates(const struct target *t)
{
        const struct rollout *r = &t->now;
        struct judge_view views[JUDGE_VIEWS_MAX];
        int n = judge_explain(&r->judge, r->policy, t->answers, views);
        const struct policy_names names = { r->target, r->model, r->candidate.version, r->stable.version, r->candidate.version };
        json_t *list = json_array();

        for (int i = 0; i < n; i++) {
                AUTO(str) query = views[i].query ? policy_query_text(views[i].query, &names) : NULL;

                json_array_append_new(list, view_to_json(&views[i], query));
        }
        json_t *kayenta = kayenta_view(r, t->kayenta);

        if (kayenta)
                json_array_append_new(list, kayenta);
        return list;
}

int api_explain(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        struct target *t;

        if (api_find(rq, &t, e) < 0)
                return -1;
        const struct rollout *r = &t->now;

        if (r->policy->n_steps == 0)
                return err_set(e, ERR_NOT_FOUND, "%s has had no rollout yet", r->target);
        char quality[48];

        snprintf(quality, sizeof quality, "%s", t->reading ? quality_name(t->reading->quality) : "not-read");
        return http_reply_json(rp, 200,
                               json_pack("{s:o, s:s, s:f, s:f, s:s, s:s, s:I, s:I, s:o}", "rollout", api_view(t), "policy",
                                         r->policy->name, "false_rollback_percent", 100 * r->policy->false_rollback,
                                         "false_promotion_percent", 100 * r->policy->false_promotion, "quality", quality,
                                         "quality_reason", t->reading ? t->reading->reason : "", "min_requests",
                                         (json_int_t) r->policy->min_requests, "requests",
                                         (json_int_t) r->judge.step[ARM_CANDIDATE].requests, "gates", gates(t)));
}
