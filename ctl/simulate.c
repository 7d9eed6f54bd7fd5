/* `ctl simulate`: what a policy would do with traffic that is made up or recorded, beside the rules of others. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/handlers.h"
#include "ctl/output.h"
#include "ctl/sim_record.h"
#include "ctl/sim_study.h"
#include "ctl/sim_svg.h"
#include "ctl/text.h"
#include "lib/fs.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/names.h"
#include "lib/policy_file.h"
#include "lib/settings.h"

enum { RUNS = 2000, SVG_MAX = 4 << 20, HOUR_MS = 3600 * 1000 };

struct simulation {
        struct policy policy;
        struct sim_record record;
        struct sim_scenario scenarios[SIM_SCENARIOS_MAX];
        struct sim_study studies[SIM_SCENARIOS_MAX];
        int n, runs;
        uint64_t seed;
        int64_t limit_ms;
};

/* --- what is asked for --- */

static int take_positive(const char *flag, const char *text, double most, double *out, struct err *e)
{
        char *end;

        *out = strtod(text, &end);
        if (end == text || *end || !(*out >= 0 && *out <= most))
                return err_set(e, ERR_INVALID, "--%s: \"%.40s\" is not a number from 0 to %g", flag, text, most);
        return 0;
}

/* "0.2:0.5": stable's and the candidate's; "0.2" for both. */
static int take_pair(const char *flag, const char *text, double most, double out[2], struct err *e)
{
        const char *colon = strchr(text, ':');
        AUTO(str) first = colon ? xstrndup(text, (size_t) (colon - text)) : xstrdup(text);

        return take_positive(flag, first, most, &out[0], e) < 0
                       ? -1
                       : take_positive(flag, colon ? colon + 1 : first, most, &out[1], e);
}

static int take_percents(const char *flag, const char *text, double share[2], struct err *e)
{
        if (take_pair(flag, text, 100, share, e) < 0)
                return -1;
        share[0] /= 100;
        share[1] /= 100;
        return 0;
}

static int take_count(const struct call *call, const char *flag, int64_t fallback, int64_t most, int64_t *out, struct err *e)
{
        const char *text = call_flag(call, flag);

        *out = text ? strtoll(text, NULL, 10) : fallback;
        return *out >= 1 && *out <= most ? 0 : err_set(e, ERR_INVALID, "--%s must be 1 to %lld", flag, (long long) most);
}

static int add_scenario(struct simulation *s, const struct sim_traffic *t, const char *name, struct err *e)
{
        struct sim_scenario *scenario = &s->scenarios[s->n];
        double ratio = s->policy.error_rate.on ? s->policy.error_rate.max_ratio : 0;

        if (s->n == SIM_SCENARIOS_MAX)
                return err_set(e, ERR_INVALID, "at most %d combinations", SIM_SCENARIOS_MAX);
        scenario->traffic = *t;
        scenario->good = t->record ? t->harm <= fmax(1, ratio)
                                   : t->errors[1] <= fmax(1, ratio) * t->errors[0] && t->slow[1] <= t->slow[0] &&
                                             t->median_ms[1] <= t->median_ms[0];
        snprintf(scenario->name, sizeof scenario->name, "%s", name);
        s->n++;
        return 0;
}

/* "20:40": stable's and the candidate's median in milliseconds. */
static int take_latency(const struct call *call, struct sim_traffic *t, struct err *e)
{
        const char *latency = call_flag(call, "latency"), *tail = call_flag(call, "tail");

        if ((latency && take_pair("latency", latency, 100000, t->median_ms, e) < 0) ||
            (tail && take_positive("tail", tail, 1000, &t->tail, e) < 0))
                return -1;
        if (latency && call_has(call, "slow"))
                return err_set(e, ERR_INVALID, "--slow is a share, --latency a distribution: one of them");
        if (latency && !(t->median_ms[0] >= .01 && t->median_ms[1] >= .01))
                return err_set(e, ERR_INVALID, "--latency: a median must be at least 0.01 ms");
        return t->tail > 1 ? 0 : err_set(e, ERR_INVALID, "--tail must be above 1");
}

/* The traffic that all scenarios share. */
static int take_common(const struct call *call, struct sim_traffic *t, struct err *e)
{
        const char *burst = call_flag(call, "burst"), *incident = call_flag(call, "incident"), *slow = call_flag(call, "slow");

        *t = (struct sim_traffic){
                .tail = 4, .burst = 1, .harm = 1, .incident_from_ms = 10 * 60000, .incident_to_ms = 15 * 60000
        };
        if ((burst && take_positive("burst", burst, 1000, &t->burst, e) < 0) ||
            (incident && take_positive("incident", incident, 100, &t->incident, e) < 0) ||
            (slow && take_percents("slow", slow, t->slow, e) < 0) || take_latency(call, t, e) < 0)
                return -1;
        t->burst = fmax(1, t->burst);
        t->incident /= 100;
        return 0;
}

static int made_up(struct simulation *s, const struct call *call, struct err *e)
{
        const char *rate, *errors, *latency = call_flag(call, "latency");
        struct sim_traffic t;
        size_t i = 0;

        if (take_common(call, &t, e) < 0)
                return -1;
        while ((rate = call_each(call, "rate", &i))) {
                size_t k = 0;

                if (take_positive("rate", rate, 1e6, &t.rate, e) < 0)
                        return -1;
                while ((errors = call_each(call, "errors", &k))) {
                        AUTO(str)
                        name = latency ? xasprintf("%s/s, errors %s %%, latency %s ms", rate, errors, latency)
                                       : xasprintf("%s/s, errors %s %%", rate, errors);

                        if (take_percents("errors", errors, t.errors, e) < 0 || add_scenario(s, &t, name, e) < 0)
                                return -1;
                }
        }
        return 0;
}

/* From a file, or from Prometheus itself. */
static int take_record(struct simulation *s, const struct call *call, struct err *e)
{
        const char *url = call_flag(call, "prometheus"), *target = call_flag(call, "target"), *last = call_flag(call, "last");
        int64_t objective_ms = s->policy.latency.on ? s->policy.latency.objective_ms : 0, last_ms = HOUR_MS;

        if (!url)
                return sim_record_read(call_flag(call, "recorded"), objective_ms, &s->record, e);
        if (!target)
                return err_set(e, ERR_INVALID, "--prometheus needs --target: whose traffic?");
        if (target_check(target, e) < 0 || (last && duration_parse(last, &last_ms, e) < 0))
                return -1;
        if (last_ms < HOUR_MS / 60 || last_ms > 24 * HOUR_MS)
                return err_set(e, ERR_INVALID, "--last must be 1m to 24h");
        return sim_record_ask(url, target, last_ms, objective_ms, &s->record, e);
}

static int recorded(struct simulation *s, const struct call *call, struct err *e)
{
        struct sim_traffic t = { .record = &s->record, .burst = 1, .harm = 1 };
        const char *harm;
        size_t i = 0;

        if (take_record(s, call, e) < 0 || add_scenario(s, &t, "recorded, as good", e) < 0)
                return -1;
        while ((harm = call_each(call, "harm", &i))) {
                AUTO(str) name = xasprintf("recorded, %s times as bad", harm);

                if (take_positive("harm", harm, 1000, &t.harm, e) < 0 || add_scenario(s, &t, name, e) < 0)
                        return -1;
        }
        return 0;
}

static int take_scenarios(struct simulation *s, const struct call *call, struct err *e)
{
        if (call_has(call, "recorded") && call_has(call, "prometheus"))
                return err_set(e, ERR_INVALID, "--recorded is a file, --prometheus a server: one of them");
        if (call_has(call, "recorded") || call_has(call, "prometheus"))
                return recorded(s, call, e);
        if (call_has(call, "harm") || call_has(call, "target") || call_has(call, "last"))
                return err_set(e, ERR_INVALID,
                               "--harm, --target and --last are for a recording: give --recorded or --prometheus");
        if (call_has(call, "rate") != call_has(call, "errors"))
                return err_set(e, ERR_INVALID, "--rate and --errors belong together");
        if (call_has(call, "rate"))
                return made_up(s, call, e);
        const char *only = call_flag(call, "only");

        if (only && strcmp(only, "good") != 0 && strcmp(only, "bad") != 0)
                return err_set(e, ERR_INVALID, "--only is good or bad");
        if (!only || strcmp(only, "good") == 0)
                s->n = sim_standard(true, s->scenarios);
        if (!only || strcmp(only, "bad") == 0)
                s->n += sim_standard(false, s->scenarios + s->n);
        return 0;
}

static int take_all(struct simulation *s, const struct call *call, struct err *e)
{
        const char *limit = call_flag(call, "limit");
        int64_t runs, seed;

        if (policy_read(call_arg(call, 0), &s->policy, e) < 0 || take_count(call, "runs", RUNS, 1000000, &runs, e) < 0 ||
            take_count(call, "seed", 1, INT32_MAX, &seed, e) < 0)
                return -1;
        s->runs = (int) runs;
        s->seed = (uint64_t) seed << 32;
        s->limit_ms = 30 * 60000;
        if (limit && duration_parse(limit, &s->limit_ms, e) < 0)
                return err_wrap(e, "--limit");
        if (s->limit_ms > 24 * 3600000LL)
                return err_set(e, ERR_INVALID, "--limit must be at most 24h");
        return take_scenarios(s, call, e);
}

/* --- what comes out --- */

static json_t *column_to_json(const struct sim_study *st, int i)
{
        const struct sim_column *c = &st->columns[i];

        return json_pack("{s:s, s:f, s:o, s:o, s:f, s:f}", "rule", sim_column_name(i), "rolled_back_percent",
                         100.0 * c->rolled_back / st->runs, "median_s",
                         c->rolled_back ? json_real((double) c->median_ms / 1000) : json_null(), "p90_s",
                         c->rolled_back ? json_real((double) c->p90_ms / 1000) : json_null(), "errors_seen", c->exposure,
                         "done_percent", 100.0 * c->done / st->runs);
}

static json_t *best_to_json(const struct sim_study *st)
{
        if (!st->known)
                return json_null();
        return json_pack("{s:f, s:o}", "rolled_back_percent", 100.0 * st->best.rolled_back / st->runs, "median_s",
                         st->best.rolled_back ? json_real((double) st->best.median_ms / 1000) : json_null());
}

static json_t *to_json(const struct simulation *s)
{
        json_t *list = json_array();

        for (int i = 0; i < s->n; i++) {
                const struct sim_study *st = &s->studies[i];
                json_t *rules = json_array();

                for (int k = 0; k < SIM_COLUMNS; k++)
                        json_array_append_new(rules, column_to_json(st, (k + SIM_JUDGE) % SIM_COLUMNS));
                json_array_append_new(list, json_pack("{s:s, s:b, s:o, s:o, s:o}", "name", s->scenarios[i].name, "good",
                                                      s->scenarios[i].good, "best", best_to_json(st), "bound_s",
                                                      st->bound_ms ? json_real((double) st->bound_ms / 1000) : json_null(),
                                                      "rules", rules));
        }
        return json_pack("{s:s, s:i, s:I, s:I, s:f, s:o}", "policy", s->policy.name, "runs", s->runs, "seed",
                         (json_int_t) (s->seed >> 32), "limit_ms", (json_int_t) s->limit_ms, "false_rollback_percent",
                         100 * s->policy.false_rollback, "scenarios", list);
}

static void column_cell(struct table *t, const struct sim_scenario *s, const struct sim_study *st, const struct sim_column *c)
{
        double percent = 100.0 * c->rolled_back / st->runs;
        char time[TEXT_MAX];

        text_duration(c->median_ms, time);
        if (s->good)
                table_cell(t, STYLE_PLAIN, "%.1f %%", percent);
        else if (c->rolled_back)
                table_cell(t, STYLE_PLAIN, "%.0f %% %s", percent, time);
        else
                table_cell(t, STYLE_PLAIN, "0 %%");
}

static struct table *new_table(bool exposure)
{
        const char *headings[SIM_COLUMNS + 5] = { "SCENARIO" };

        for (int i = 0; i < SIM_COLUMNS; i++)
                headings[1 + i] =
                        ((const char *[]){ ">SLUICE", ">ARGO", ">ARGO-3", ">FLAGGER", ">FLAGGER-5", ">KAYENTA", ">Z-TEST" })[i];
        if (!exposure) {
                headings[1 + SIM_COLUMNS] = ">BEST";
                headings[2 + SIM_COLUMNS] = ">BOUND";
                headings[3 + SIM_COLUMNS] = ">DONE";
        }
        return table_new(headings);
}

static void print_found(const struct ctl *c, const struct simulation *s)
{
        AUTO(table) t = new_table(false);
        char bound[TEXT_MAX];

        for (int i = 0; i < s->n; i++) {
                const struct sim_study *st = &s->studies[i];

                table_cell(t, STYLE_PLAIN, "%s", s->scenarios[i].name);
                for (int k = 0; k < SIM_COLUMNS; k++)
                        column_cell(t, &s->scenarios[i], st, &st->columns[(k + SIM_JUDGE) % SIM_COLUMNS]);
                if (st->known)
                        column_cell(t, &s->scenarios[i], st, &st->best);
                else
                        table_cell(t, STYLE_DIM, "-");
                text_duration(st->bound_ms, bound);
                table_cell(t, STYLE_DIM, "%s", st->bound_ms ? bound : "-");
                table_cell(t, STYLE_PLAIN, "%.0f %%", 100.0 * st->columns[SIM_JUDGE].done / st->runs);
        }
        output_table(c, t);
}

/* Errors that users of the candidate saw. */
static void print_exposure(const struct ctl *c, const struct simulation *s)
{
        AUTO(table) t = new_table(true);

        for (int i = 0; i < s->n; i++) {
                table_cell(t, STYLE_PLAIN, "%s", s->scenarios[i].name);
                for (int k = 0; k < SIM_COLUMNS; k++)
                        table_cell(t, STYLE_PLAIN, "%.1f", s->studies[i].columns[(k + SIM_JUDGE) % SIM_COLUMNS].exposure);
        }
        output_table(c, t);
}

/* What a simulation cannot ask. */
static void note_left_out(const struct ctl *c, const struct policy *p)
{
        int n = p->n_queries + (p->kayenta.n_metrics > 0);

        if (n > 0)
                ctl_note(c, "%d PromQL and Kayenta gate%s of policy %s left out: there is nothing to ask", n, n == 1 ? "" : "s",
                         p->name);
}

static void print_tables(const struct ctl *c, const struct simulation *s)
{
        note_left_out(c, &s->policy);
        print_found(c, s);
        ctl_note(c,
                 "share of %d rollouts that were rolled back, and the median time until then; bad releases: BEST is a test that "
                 "knows beforehand how bad they are, BOUND the least average time that any test with this policy's "
                 "false_rollback can have",
                 s->runs);
        print_exposure(c, s);
        ctl_note(c, "errors that users of the candidate saw until then, on average");
}

static int write_svg(const struct simulation *s, const char *path, struct err *e)
{
        AUTO_STRBUF b;

        strbuf_init(&b, SVG_MAX);
        sim_svg(s->scenarios, s->studies, s->n, &b);
        return fs_write_atomic(path, strbuf_str(&b), b.len, 0644, e);
}

static int run(struct ctl *c, struct simulation *s, const struct call *call, struct err *e)
{
        const char *svg = call_flag(call, "svg");

        if (take_all(s, call, e) < 0)
                return -1;
        for (int i = 0; i < s->n; i++)
                sim_study(&s->policy, &s->scenarios[i], s->runs, s->seed, s->limit_ms, &s->studies[i]);
        if (svg && write_svg(s, svg, e) < 0)
                return -1;
        if (c->output != OUTPUT_TABLE) {
                AUTO(json) doc = to_json(s);
                AUTO(str) body = json_text(doc);

                output_json(c, body);
                return 0;
        }
        print_tables(c, s);
        return 0;
}

int simulate_run(struct ctl *c, const struct call *call, struct err *e)
{
        struct simulation *s = xcalloc(1, sizeof *s);
        int r = run(c, s, call, e);

        sim_record_done(&s->record);
        free(s);
        return r;
}
