/* What rolloutd knows: `ctl rollout status`, `ctl policies`. */
#include <inttypes.h>
#include <string.h>

#include "ctl/cells.h"
#include "ctl/handlers.h"
#include "ctl/rollout_view.h"
#include "ctl/text.h"
#include "lib/clock.h"
#include "lib/mem.h"

static void percent_cell(struct table *t, const json_t *doc, const char *key)
{
        char pct[TEXT_MAX];

        text_percent(json_dbl(doc, key, -1), pct);
        table_cell(t, STYLE_PLAIN, "%s", pct);
}

/* NAMESPACE.NAME and what it serves; on one machine a target is called as its model. */
static bool is_declared(const json_t *rollout)
{
        const char *target = json_str(rollout, "target"), *model = json_str(rollout, "model");

        return target && model && strchr(target, '.') && strcmp(target, model) != 0;
}

static bool any_declared(const json_t *rollouts)
{
        size_t i;
        json_t *rollout;

        json_array_foreach (rollouts, i, rollout)
                if (is_declared(rollout))
                        return true;
        return false;
}

static void name_cells(struct table *t, const json_t *rollout)
{
        const char *target = json_str(rollout, "target");
        const char *dot = target ? strchr(target, '.') : NULL;

        table_cell(t, STYLE_PLAIN, "%.*s", dot ? (int) (dot - target) : 0, dot ? target : "");
        table_cell(t, STYLE_PLAIN, "%s", dot ? dot + 1 : target ? target : "");
}

static void rollout_row(struct table *t, const json_t *rollout)
{
        const struct phase_view *phase = view_phase(rollout);
        AUTO_STRBUF versions;
        AUTO_STRBUF steps;

        strbuf_init(&versions, 64);
        strbuf_init(&steps, 1024);
        view_versions(rollout, &versions);
        view_steps(rollout, false, &steps);
        table_cell(t, phase->style, "%s%s", phase->name, json_is_true(json_object_get(rollout, "paused")) ? " (paused)" : "");
        table_cell(t, STYLE_PLAIN, "%s", strbuf_str(&versions));
        table_cell(t, STYLE_PLAIN, "%s", phase->outcome == OUTCOME_UNDER_WAY ? strbuf_str(&steps) : "");
        percent_cell(t, rollout, "weight_asked");
        percent_cell(t, rollout, "weight_observed");
        cell_age(t, rollout, "updated_at");
        cell_text(t, rollout, "message");
}

static int status_all(struct ctl *c, struct err *e)
{
#define COLUMNS "MODEL", "PHASE", "VERSION", "STEPS", ">ASKED", ">OBSERVED", "UPDATED", "MESSAGE", NULL
        AUTO_ANSWER answer = { 0 };
        size_t i;
        json_t *rollout;

        if (client_get(c, SERVER_ROLLOUT, "list rollouts", &answer, e, "/v1/rollouts"))
                return -1;
        const json_t *rollouts = json_object_get(answer.doc, "rollouts");
        bool declared = any_declared(rollouts);
        AUTO(table) t = table_new(declared ? (const char *[]){ "NAMESPACE", "NAME", COLUMNS } : (const char *[]){ COLUMNS });
        json_array_foreach (rollouts, i, rollout) {
                if (declared)
                        name_cells(t, rollout);
                cell_text(t, rollout, "model");
                rollout_row(t, rollout);
        }
        print_list(c, &answer, t, "rollouts", "target", "there are no rollouts yet; ctl rollout start TARGET VERSION starts one");
        return 0;
}

/* "1 for 42m, 2 for 3h": what one can go back to at once. The caller frees it. */
static char *window_text(const json_t *window)
{
        struct strbuf b;
        size_t i;
        json_t *row;

        strbuf_init(&b, 4096);
        json_array_foreach (window, i, row) {
                const char *until = json_str(row, "until");
                char left[TEXT_MAX] = "ever";
                int64_t until_ms;
                if (until && clock_rfc3339_parse(until, &until_ms) == 0)
                        text_duration(until_ms - clock_wall_ms(), left);
                const struct release_name release = view_release(row, "release", "version");
                strbuf_addf(&b, "%sversion %s for %s", b.len ? ", " : "", release.text, left);
                if (json_is_true(json_object_get(row, "left")))
                        strbuf_addf(&b, " (rolled back from; only with --to %s)", release.text);
        }
        return strbuf_take(&b);
}

static void verdict_rows(struct table *t, const json_t *verdict)
{
        const char *state = json_str(verdict, "state"), *gate = json_str(verdict, "gate"), *reason = json_str(verdict, "reason");
        char age[TEXT_MAX];

        if (!state)
                return;
        text_age(json_str(verdict, "at"), clock_wall_ms(), age);
        AUTO(str) text = xasprintf("%s%s%s, %s", state, gate ? " by gate " : "", gate ? gate : "", age);
        cell_pair(t, "verdict", text);
        cell_pair(t, "reason", reason);
}

static void weight_row(struct table *t, const json_t *rollout)
{
        char asked[TEXT_MAX], observed[TEXT_MAX], hold[TEXT_MAX];
        int64_t left = json_num(rollout, "hold_left_ms", -1);

        text_percent(json_dbl(rollout, "weight_asked", -1), asked);
        text_percent(json_dbl(rollout, "weight_observed", -1), observed);
        text_duration(left, hold);
        AUTO(str)
        text = xasprintf("asked %s, observed %s%s%s", asked, observed, left >= 0 ? ", hold left " : "", left >= 0 ? hold : "");
        cell_pair(t, "weight", text);
}

/* "4 of 4 ready, 95 %", a row for each release that runs. */
static void running_rows(struct table *t, const json_t *running)
{
        size_t i;
        json_t *row;

        json_array_foreach (running, i, row) {
                const char *message = json_str(row, "message");
                const struct release_name release = view_release(row, "release", "version");
                char weight[TEXT_MAX];

                text_percent(json_dbl(row, "weight", -1), weight);
                table_cell(t, STYLE_DIM, "running %s", release.text);
                table_cell(t, json_is_true(json_object_get(row, "failed")) ? STYLE_BAD : STYLE_PLAIN,
                           "%" PRId64 " of %" PRId64 " ready, weight %s%s%s", json_num(row, "ready", 0),
                           json_num(row, "wanted", 0), weight, message && *message ? ": " : "", message ? message : "");
        }
}

static void router_row(struct table *t, const char *router)
{
        if (!router || strcmp(router, "ok") == 0)
                return;
        table_cell(t, STYLE_DIM, "router");
        table_cell(t, STYLE_BAD, "%s", router);
}

static struct table *status_table(const json_t *rollout)
{
        struct table *t = table_new((const char *[]){ "", "", NULL });
        const struct phase_view *phase = view_phase(rollout);
        const char *by = json_str(rollout, "started_by");
        AUTO(str) window = window_text(json_object_get(rollout, "window"));
        AUTO_STRBUF versions;
        AUTO_STRBUF steps;
        char age[TEXT_MAX];

        strbuf_init(&versions, 64);
        strbuf_init(&steps, 1024);
        view_versions(rollout, &versions);
        view_steps(rollout, false, &steps);
        if (is_declared(rollout))
                cell_pair(t, "target", json_str(rollout, "target"));
        cell_pair(t, "model", json_str(rollout, "model"));
        table_cell(t, STYLE_DIM, "phase");
        table_cell(t, phase->style, "%s%s", phase->name, json_is_true(json_object_get(rollout, "paused")) ? " (paused)" : "");
        cell_pair(t, "version", strbuf_str(&versions));
        if (phase->outcome == OUTCOME_UNDER_WAY) {
                cell_pair(t, "policy", json_str(rollout, "policy"));
                cell_pair(t, "steps", strbuf_str(&steps));
                weight_row(t, rollout);
        }
        cell_pair(t, "message", json_str(rollout, "message"));
        running_rows(t, json_object_get(rollout, "running"));
        router_row(t, json_str(rollout, "router"));
        verdict_rows(t, json_object_get(rollout, "verdict"));
        cell_pair(t, "go back to", window);
        text_age(json_str(rollout, "started_at"), clock_wall_ms(), age);
        AUTO(str) started = xasprintf("%s by %s", age, by && *by ? by : "?");
        cell_pair(t, "started", started);
        return t;
}

int rollout_status(struct ctl *c, const struct call *call, struct err *e)
{
        const char *model = call_arg(call, 0);
        AUTO_ANSWER answer = { 0 };

        if (!model)
                return status_all(c, e);
        if (client_get(c, SERVER_ROLLOUT, "rollout status", &answer, e, "/v1/rollouts/%s", model))
                return -1;
        AUTO(table) t = status_table(answer.doc);
        print_one(c, &answer, t, model);
        return 0;
}

int policies_run(struct ctl *c, const struct call *call, struct err *e)
{
        AUTO(table) t = table_new((const char *[]){ "POLICY", "STEPS", "SUMMARY", NULL });
        AUTO_ANSWER answer = { 0 };
        size_t i;
        json_t *policy;

        (void) call;
        if (client_get(c, SERVER_ROLLOUT, "list policies", &answer, e, "/v1/policies"))
                return -1;
        json_array_foreach (json_object_get(answer.doc, "policies"), i, policy) {
                AUTO_STRBUF steps;
                strbuf_init(&steps, 1024);
                view_steps(policy, false, &steps);
                cell_text(t, policy, "name");
                table_cell(t, STYLE_PLAIN, "%s", strbuf_str(&steps));
                cell_text(t, policy, "summary");
        }
        print_list(c, &answer, t, "policies", "name", "rolloutd has no policies");
        return 0;
}
