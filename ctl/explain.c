/* `ctl explain`: what decided, and what is awaited. */
#include <math.h>
#include <stdio.h>

#include "ctl/cells.h"
#include "ctl/handlers.h"
#include "ctl/text.h"

/* "12 of 5000 (0.24 %)" */
static void counts_text(const json_t *arm, struct strbuf *b)
{
        int64_t bad = json_num(arm, "bad", 0), of = json_num(arm, "of", 0);

        strbuf_addf(b, "%lld of %lld", (long long) bad, (long long) of);
        if (of > 0)
                strbuf_addf(b, " (%.2f %%)", 100.0 * (double) bad / (double) of);
}

static void counts_cell(struct table *t, const json_t *gate, const char *arm)
{
        const json_t *counts = json_object_get(gate, arm);
        AUTO_STRBUF b;

        strbuf_init(&b, 100);
        if (counts)
                counts_text(counts, &b);
        table_cell(t, STYLE_PLAIN, "%s", strbuf_str(&b));
}

static void state_cell(struct table *t, const char *state)
{
        enum style style = !state ? STYLE_PLAIN : *state == 'h' ? STYLE_GOOD : *state == 'b' ? STYLE_BAD : STYLE_BUSY;

        table_cell(t, style, "%s", state);
}

static void mean_text(const json_t *gate, struct strbuf *b)
{
        const json_t *change = json_object_get(gate, "change");

        if (json_is_number(json_object_get(gate, "candidate_mean")))
                strbuf_addf(b, "; mean %.4g, stable's %.4g", json_dbl(gate, "candidate_mean", 0),
                            json_dbl(gate, "stable_mean", 0));
        if (json_is_number(json_object_get(change, "low")))
                strbuf_addf(b, ", a change of %.3g to %.3g", json_dbl(change, "low", 0), json_dbl(change, "high", 0));
}

/* "over 5 ms, stable's p50: at most 1.2 times" */
static void latency_text(const json_t *gate, struct strbuf *b)
{
        const char *quantiles = json_str(gate, "quantiles");

        if (json_object_get(gate, "bound_ms"))
                strbuf_addf(b, "%sover %g ms", b->len ? "; " : "", json_dbl(gate, "bound_ms", 0));
        if (quantiles)
                strbuf_addf(b, ", stable's %s", quantiles);
        if (json_object_get(gate, "share_ratio"))
                strbuf_addf(b, ": at most %.3g times", json_dbl(gate, "share_ratio", 0));
}

/* What the gate measures: evidence, a limit, a burn rate, a value. */
static void measure_text(const json_t *gate, struct strbuf *b)
{
        const json_t *ratio = json_object_get(gate, "ratio"), *value = json_object_get(gate, "value");

        if (json_object_get(gate, "evidence"))
                strbuf_addf(b, "E %.3g of %.0f, p %.2g", json_dbl(gate, "evidence", 0), json_dbl(gate, "evidence_needed", 0),
                            json_dbl(gate, "p", 1));
        if (json_is_object(ratio)) {
                strbuf_addf(b, "%sratio %g to ", b->len ? "; " : "", json_dbl(ratio, "low", 0));
                if (json_is_number(json_object_get(ratio, "high")))
                        strbuf_addf(b, "%g", json_dbl(ratio, "high", 0));
                else
                        strbuf_adds(b, "any");
        }
        latency_text(gate, b);
        if (json_object_get(gate, "proof"))
                strbuf_addf(b, "%sproof %.3g of %.0f", b->len ? "; " : "", json_dbl(gate, "proof", 0),
                            json_dbl(gate, "proof_needed", 0));
        if (json_object_get(gate, "max_percent"))
                strbuf_addf(b, "; at most %g %%", json_dbl(gate, "max_percent", 0));
        if (json_object_get(gate, "limit_percent"))
                strbuf_addf(b, "limit %g %%", json_dbl(gate, "limit_percent", 0));
        if (json_object_get(gate, "burn_rate"))
                strbuf_addf(b, "burns %.2g times a budget of %g %%", json_dbl(gate, "burn_rate", 0),
                            json_dbl(gate, "budget_percent", 0));
        if (json_object_get(gate, "points_needed"))
                strbuf_addf(b, "%lld of %lld intervals", (long long) json_num(gate, "points", 0),
                            (long long) json_num(gate, "points_needed", 0));
        if (json_is_number(json_object_get(gate, "score")))
                strbuf_addf(b, ", score %g of %g", json_dbl(gate, "score", 0), json_dbl(gate, "pass", 0));
        if (json_str(gate, "class"))
                strbuf_addf(b, "; %s often %s than stable", json_str(gate, "direction"), json_str(gate, "class"));
        if (json_object_get(gate, "pairs"))
                mean_text(gate, b);
        if (json_is_number(value) && !json_object_get(gate, "max_percent"))
                strbuf_addf(b, "%g", json_number_value(value));
}

static void gate_row(struct table *t, const json_t *gate)
{
        AUTO_STRBUF measure;

        strbuf_init(&measure, 400);
        measure_text(gate, &measure);
        cell_text(t, gate, "gate");
        state_cell(t, json_str(gate, "state"));
        counts_cell(t, gate, "candidate");
        counts_cell(t, gate, "stable");
        table_cell(t, STYLE_PLAIN, "%s", strbuf_str(&measure));
}

/* A Kayenta gate's metrics. */
static void metric_line(const json_t *gate, const json_t *metric)
{
        const char *says = json_str(metric, "classification");
        const json_t *ratio = json_object_get(metric, "ratio");
        char times[64] = "";

        if (says && json_is_number(ratio))
                snprintf(times, sizeof times, ", %.3g times stable's", json_number_value(ratio));
        output_line("%s %s: %s%s, %lld and %lld points of candidate and stable; asks %s", json_str(gate, "gate"),
                    json_str(metric, "name"), says ? says : "not classified", times,
                    (long long) json_num(metric, "candidate_points", 0), (long long) json_num(metric, "stable_points", 0),
                    json_str(metric, "query"));
}

static void missing_line(const json_t *gate)
{
        double requests = json_dbl(gate, "requests_missing", 0), seconds = json_dbl(gate, "seconds_missing", -1);
        char time[TEXT_MAX];

        if (json_object_get(gate, "proof") && !json_is_number(json_object_get(gate, "requests_missing")))
                output_line("%s: as things are the proof will never come", json_str(gate, "gate"));
        else if (requests > 0 && seconds >= 0) {
                text_duration((int64_t) (1000 * seconds), time);
                output_line("%s: about %.0f more requests are needed, %s at the present rate", json_str(gate, "gate"), requests,
                            time);
        } else if (requests > 0)
                output_line("%s: about %.0f more requests are needed", json_str(gate, "gate"), requests);
}

static void gate_lines(const json_t *gate)
{
        const char *says = json_str(gate, "says"), *query = json_str(gate, "query");
        const json_t *metric;
        size_t i;

        if (says)
                output_line("%s", says);
        if (query)
                output_line("%s asks %s", json_str(gate, "gate"), query);
        if (json_dbl(gate, "burst", 1) > 1)
                output_line("%s: stable's come in bursts of about %.1f, and are counted so", json_str(gate, "gate"),
                            json_dbl(gate, "burst", 1));
        json_array_foreach (json_object_get(gate, "metrics"), i, metric)
                metric_line(gate, metric);
        if (json_num(gate, "passed_over", 0) > 0)
                output_line("%s: %lld intervals were passed over, in which a counter went back or an instance came back",
                            json_str(gate, "gate"), (long long) json_num(gate, "passed_over", 0));
        missing_line(gate);
}

static void head_lines(const json_t *doc)
{
        const json_t *rollout = json_object_get(doc, "rollout"), *verdict = json_object_get(rollout, "verdict");
        const char *reason = json_str(verdict, "reason"), *trouble = json_str(doc, "quality_reason");

        output_line("%s: %s", json_str(rollout, "target"), json_str(rollout, "message"));
        if (reason)
                output_line("verdict: %s%s%s: %s", json_str(verdict, "state"), json_str(verdict, "gate") ? " by " : "",
                            json_str(verdict, "gate") ? json_str(verdict, "gate") : "", reason);
        output_line("policy %s: at most %g %% of good versions are rolled back by comparisons; %lld of %lld requests of this "
                    "step seen",
                    json_str(doc, "policy"), json_dbl(doc, "false_rollback_percent", 0), (long long) json_num(doc, "requests", 0),
                    (long long) json_num(doc, "min_requests", 0));
        if (trouble && *trouble)
                output_line("evidence: %s", trouble);
}

int explain_run(struct ctl *c, const struct call *call, struct err *e)
{
        AUTO_ANSWER answer = { 0 };
        AUTO(table) t = table_new((const char *[]){ "GATE", "STATE", "CANDIDATE", "STABLE", "MEASURED", NULL });
        json_t *gate;
        size_t i;

        if (client_get(c, SERVER_ROLLOUT, "explain the rollout", &answer, e, "/v1/rollouts/%s/explain", call_arg(call, 0)))
                return -1;
        if (c->output == OUTPUT_JSON) {
                output_json(c, answer.text);
                return 0;
        }
        json_array_foreach (json_object_get(answer.doc, "gates"), i, gate)
                gate_row(t, gate);
        if (c->output == OUTPUT_TABLE)
                head_lines(answer.doc);
        output_table(c, t);
        json_array_foreach (json_object_get(answer.doc, "gates"), i, gate)
                gate_lines(gate);
        return 0;
}
