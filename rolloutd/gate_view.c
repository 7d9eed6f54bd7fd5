/* Ratios, drift and means, for people. */
#include "rolloutd/gate_view.h"

#include <math.h>

static void set(json_t *doc, const char *name, json_t *value)
{
        json_object_set_new(doc, name, value);
}

static json_t *number_or_null(double v)
{
        return isfinite(v) ? json_real(v) : json_null();
}

static void add_evidence(json_t *doc, const struct judge_view *w)
{
        set(doc, "false_rollback_percent", json_real(100 * w->false_rollback));
        set(doc, "evidence", json_real(w->evidence));
        set(doc, "evidence_needed", json_real(w->evidence_needed));
        set(doc, "p", json_real(w->always_valid_p));
        set(doc, "passed_over", json_integer((json_int_t) w->passed_over));
}

static void add_ratio(json_t *doc, const struct judge_view *w)
{
        if (w->limit > 0)
                set(doc, "max_ratio", json_real(w->limit));
        if (w->min_ratio > 0)
                set(doc, "min_ratio", json_real(w->min_ratio));
        set(doc, "ratio",
            w->ratio.best > 0 ? json_pack("{s:o, s:f, s:o}", "low", number_or_null(w->ratio.low), "best", w->ratio.best, "high",
                                          number_or_null(w->ratio.high))
                              : json_null());
        set(doc, "burst", json_real(w->burst));
}

static void add_drift(json_t *doc, const struct judge_view *w)
{
        set(doc, "class", *w->drift.text ? json_string(w->drift.text) : json_null());
        set(doc, "direction", *w->drift.text ? json_string(w->drift.side == JUDGE_ABOVE ? "more" : "less") : json_null());
        set(doc, "max_ratio", json_real(w->limit));
        set(doc, "slack_percent", json_real(100 * w->slack));
        set(doc, "burst", json_real(w->burst));
}

static void add_mean(json_t *doc, const struct judge_view *w)
{
        bool known = w->pairs > 0;

        set(doc, "stable_mean", known ? json_real(w->mean[ARM_STABLE]) : json_null());
        set(doc, "candidate_mean", known ? json_real(w->mean[ARM_CANDIDATE]) : json_null());
        set(doc, "change", json_pack("{s:o, s:o}", "low", number_or_null(w->change_low), "high", number_or_null(w->change_high)));
        set(doc, "pairs", json_integer((json_int_t) w->pairs));
}

void gate_view_compared(json_t *doc, const struct judge_view *w, const char *query)
{
        static void (*const adds[])(json_t *, const struct judge_view *) = {
                [VIEW_RATIO] = add_ratio, [VIEW_DRIFT] = add_drift, [VIEW_MEAN] = add_mean
        };

        if (w->kind < VIEW_RATIO || w->kind > VIEW_MEAN)
                return;
        add_evidence(doc, w);
        adds[w->kind](doc, w);
        set(doc, "query", json_string(query));
}
