/* Policies: the shipped ones load, and every kind of bad one is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fs.h"
#include "lib/policy_file.h"
#include "lib/policy_json.h"
#include "lib/release.h"

#define HEAD "name: p\nsummary: s\n"
#define STEPS "steps: [{ weight: 5, hold: 1s }, { weight: 100, hold: 2s }]\n"
#define GATES "gates: { error_rate: { max_ratio: 2, limit_percent: 3 } }\n"

static void the_shipped_policies_load(void **state)
{
        static const struct {
                const char *path;
                int n_steps;
                int64_t first_hold_ms;
        } cases[] = {
                { "policies/canary.yaml", 3, 600000 },  { "policies/fast.yaml", 3, 8000 },
                { "policies/instant.yaml", 1, 300000 }, { "policies/blue-green.yaml", 2, 300000 },
                { "policies/fraud.yaml", 3, 900000 },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct policy p;
                struct err e = { 0 };

                if (policy_read(cases[i].path, &p, &e) < 0)
                        fail_msg("%s", e.msg);
                assert_int_equal(p.n_steps, cases[i].n_steps);
                assert_int_equal(p.steps[0].hold_ms, cases[i].first_hold_ms);
                assert_int_equal(p.steps[p.n_steps - 1].weight_bp, 10000);
        }
}

static void every_key_reaches_the_struct(void **state)
{
        static const char text[] = "name: all\nsummary: every key\n"
                                   "steps: [{ weight: 0.5, hold: 250ms }, { weight: 100, hold: 2h }]\n"
                                   "gates:\n"
                                   "  error_rate: { max_ratio: 1.5, limit_percent: 2 }\n"
                                   "  latency: { objective: 20ms, max_ratio: 3, limit_percent: 10, quantiles: [50, 99.9] }\n"
                                   "  promql: [{ name: cost, query: 'cost{v=\"{{candidate}}\"}', min: -1, max: 2.5 }]\n"
                                   "min_requests: 7\nfalse_rollback_percent: 5\nmax_hold: 3m\non_no_evidence: rollback\n"
                                   "start_deadline: 4m\nkeep_failed: 5m\nrollback_window: 6m\nwindow_versions: 4\nreplicas: 3\n";
        struct policy p;
        (void) state;

        assert_int_equal(policy_parse(text, sizeof text - 1, &p, NULL), 0);
        assert_string_equal(p.name, "all");
        assert_string_equal(p.summary, "every key");
        assert_int_equal(p.n_steps, 2);
        assert_int_equal(p.steps[0].weight_bp, 50);
        assert_int_equal(p.steps[0].hold_ms, 250);
        assert_true(p.error_rate.on && p.error_rate.max_ratio == 1.5 && p.error_rate.limit == .02);
        assert_true(p.latency.on && p.latency.max_ratio == 3 && p.latency.limit == .1 && p.latency.objective_ms == 20);
        assert_true(p.latency.n_quantiles == 2 && p.latency.quantiles[0] == .5 && p.latency.quantiles[1] == 99.9 / 100);
        assert_int_equal(p.n_queries, 1);
        assert_string_equal(p.queries[0].name, "cost");
        assert_true(p.queries[0].has_min && p.queries[0].min == -1 && p.queries[0].has_max && p.queries[0].max == 2.5);
        assert_int_equal(p.min_requests, 7);
        assert_true(p.false_rollback == .05);
        assert_int_equal(p.max_hold_ms, 180000);
        assert_int_equal(p.on_no_evidence, POLICY_ROLLBACK);
        assert_int_equal(p.start_deadline_ms, 240000);
        assert_int_equal(p.keep_failed_ms, 300000);
        assert_int_equal(p.rollback_window_ms, 360000);
        assert_int_equal(p.window_versions, 4);
        assert_int_equal(p.replicas, 3);
        assert_int_equal(policy_comparisons(&p), 4); /* errors, the objective and two quantiles */
}

static void a_preview_and_a_pause_are_steps_too(void **state)
{
        static const char text[] =
                HEAD GATES "steps: [{ weight: 0, hold: 1s, pause: true }, { weight: 0.01, hold: 1s, pause: false },"
                           " { weight: 100, hold: 2s }]\n";
        struct policy p;
        (void) state;

        assert_int_equal(policy_parse(text, sizeof text - 1, &p, NULL), 0);
        assert_int_equal(p.steps[0].weight_bp, 0);
        assert_true(p.steps[0].pause);
        assert_int_equal(p.steps[1].weight_bp, 1);
        assert_false(p.steps[1].pause);
        assert_false(p.steps[2].pause);
}

/* The gates of p as YAML has them, and as a rollout's record has them. */
static void read_gates(const char *gates, struct policy *out)
{
        char text[2000];
        struct policy p;
        struct err e = { 0 };

        snprintf(text, sizeof text, HEAD STEPS "gates: { promql: [%s] }\n", gates);
        if (policy_parse(text, strlen(text), &p, &e) < 0)
                fail_msg("%s", e.msg);
        json_t *doc = policy_to_json(&p);
        if (policy_from_json(doc, out, &e) < 0)
                fail_msg("%s", e.msg);
        json_decref(doc);
        assert_memory_equal(p.queries, out->queries, sizeof p.queries);
}

static void gates_that_compare_reach_the_struct(void **state)
{
        struct policy p;
        const struct policy_query *q = p.queries;
        (void) state;

        read_gates(
                "{ name: nulls, query: 'n{{release}}', of: 'f{{release}}', max_ratio: 1.5, min_ratio: 0.8, expected_percent: 2 },"
                "{ name: drift, query: 'p{{release}}', by: le, max_ratio: 2, slack_percent: 0 },"
                "{ name: classes, query: 'p{{release}}', by: class, max_ratio: 1.2 },"
                "{ name: mean, query: 's{{release}}', of: 'c{{release}}', max_change: 0.5, min_change_percent: -10 },"
                "{ name: one, query: x, max: 1 }, { name: share, query: 'x{{candidate}}', of: 'y{{candidate}}', max_percent: 3 }",
                &p);
        assert_int_equal(policy_query_kind(&q[0]), QUERY_RATIO);
        assert_true(q[0].max_ratio == 1.5 && q[0].min_ratio == .8 && q[0].expected == .02);
        assert_int_equal(policy_query_kind(&q[1]), QUERY_DRIFT);
        assert_string_equal(q[1].by, "le");
        assert_true(q[1].max_ratio == 2 && q[1].slack == 0 && q[2].slack == .005);
        assert_int_equal(policy_query_kind(&q[3]), QUERY_MEAN);
        assert_true(q[3].max_change.on && !q[3].max_change.relative && q[3].max_change.by == .5);
        assert_true(q[3].min_change.on && q[3].min_change.relative && q[3].min_change.by == -.1);
        assert_int_equal(policy_query_kind(&q[4]), QUERY_VALUE);
        assert_int_equal(policy_query_kind(&q[5]), QUERY_SHARE);
        assert_int_equal(policy_comparisons(&p), 2 + 1 + 1 + 2 + 0 + 1);
}

static void gates_that_compare_have_their_rules(void **state)
{
        static const char R[] = "{{release}}";
        static const struct {
                const char *gate, *says;
        } cases[] = {
                { "query: 'x%s', of: y, max_ratio: 2", "each query needs {{release}}" },
                { "query: x, of: 'y%s', max_ratio: 2", "each query needs {{release}}" },
                { "query: 'x%s', max: 2", "{{release}} belongs to gates that compare" },
                { "query: 'x%s', max_ratio: 2", "max_ratio and min_ratio go with of" },
                { "query: 'x%s', of: 'y%s', max_ratio: 0.9", "max_ratio must be 1 to 100" },
                { "query: 'x%s', of: 'y%s', min_ratio: 1.1", "min_ratio must be 0.01 to 1" },
                { "query: 'x%s', of: 'y%s', max_ratio: 0", "instead of setting it to 0" },
                { "query: 'x%s', of: 'y%s', max_ratio: 2, max_percent: 1", "a gate with a ratio has max_ratio" },
                { "query: 'x%s', of: 'y%s', max_ratio: 2, max: 1", "a gate with a ratio has max_ratio" },
                { "query: 'x%s', of: 'y%s', max_ratio: 2, expected_percent: 100", "expected_percent must be above 0" },
                { "query: 'x%s', by: le", "by needs max_ratio" },
                { "query: 'x%s', by: le, max_ratio: 1", "by needs max_ratio, above 1" },
                { "query: 'x%s', by: 'a-b', max_ratio: 2", "by must be the name of a label" },
                { "query: 'x%s', by: 1a, max_ratio: 2", "by must be the name of a label" },
                { "query: 'x%s', by: le, max_ratio: 2, of: 'y%s'", "a gate with by has max_ratio and slack_percent" },
                { "query: 'x%s', by: le, max_ratio: 2, slack_percent: 60", "slack_percent must be 0 to 50" },
                { "query: 'x%s', max: 2, slack_percent: 1", "slack_percent goes with by" },
                { "query: 'x%s', max_change: 1", "max_change and min_change go with of" },
                { "query: 'x%s', of: 'y%s', max_change: -1", "max_change must not be below 0" },
                { "query: 'x%s', of: 'y%s', min_change_percent: 5", "min_change must not be above 0" },
                { "query: 'x%s', of: 'y%s', min_change_percent: -101", "min_change_percent not below -100" },
                { "query: 'x%s', of: 'y%s', max_change: 1, max_change_percent: 1", "not both" },
                { "query: 'x%s', of: 'y%s', max_change: 1, max_ratio: 2", "a gate with a change has" },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                char gate[300], text[600];
                struct policy p;
                struct err e = { 0 };

#pragma GCC diagnostic ignored "-Wformat-nonliteral"
                snprintf(gate, sizeof gate, cases[i].gate, R, R);
                snprintf(text, sizeof text, HEAD STEPS "gates: { promql: [{ name: a, %s }] }\n", gate);
                assert_int_equal(policy_parse(text, strlen(text), &p, &e), -1);
                print_message("  %s\n", e.msg);
                assert_non_null(strstr(e.msg, cases[i].says));
        }
}

static void what_is_compared_needs_a_step_to_compare_in(void **state)
{
        static const char text[] =
                HEAD "steps: [{ weight: 0, hold: 1s }, { weight: 100, hold: 2s }]\n"
                     "gates: { promql: [{ name: a, query: 'x{{release}}', of: 'y{{release}}', max_ratio: 2 }] }\n";
        struct policy p;
        struct err e = { 0 };
        (void) state;

        assert_int_equal(policy_parse(text, sizeof text - 1, &p, &e), -1);
        assert_non_null(strstr(e.msg, "gates.promql a needs a step with traffic below 100 percent"));
}

static void what_is_left_out_has_its_default(void **state)
{
        static const char text[] = "name: p\n" STEPS GATES;
        struct policy p, defaults;
        (void) state;

        policy_defaults(&defaults);
        assert_int_equal(policy_parse(text, sizeof text - 1, &p, NULL), 0);
        assert_int_equal(p.min_requests, defaults.min_requests);
        assert_true(p.false_rollback == defaults.false_rollback);
        assert_int_equal(p.max_hold_ms, defaults.max_hold_ms);
        assert_int_equal(p.replicas, 1);
        assert_string_equal(p.summary, "");
        assert_false(p.latency.on);
}

static void bad_policies_are_refused_by_name(void **state)
{
        static const struct {
                const char *text, *says;
        } cases[] = {
                { "", "empty" },
                { "[]", "MAPPING" },
                { HEAD STEPS GATES "color: red\n", "color" },
                { HEAD "steps: [{ weight: 100, hold: 1s, wait: 2s }]\n" GATES, "line: 3" },
                { HEAD STEPS, "gates" },
                { HEAD STEPS "gates: {}\n", "gates" },
                { HEAD GATES, "steps" },
                { HEAD "steps: []\n" GATES, "steps" },
                { HEAD "steps: [{ weight: 50, hold: 1s }]\n" GATES, "last weight" },
                { HEAD "steps: [{ weight: 100, hold: 1s }, { weight: 100, hold: 1s }]\n" GATES, "step 2" },
                { HEAD "steps: [{ weight: 101, hold: 1s }]\n" GATES, "step 1: weight" },
                { HEAD "steps: [{ weight: 0, hold: 1s }]\n" GATES, "last weight" },
                { HEAD "steps: [{ weight: 0.001, hold: 1s }]\n" GATES, "step 1: weight" },
                { HEAD "steps: [{ weight: -1, hold: 1s }]\n" GATES, "step 1: weight" },
                { HEAD "steps: [{ weight: 5, hold: 1s }, { weight: 0, hold: 1s }]\n" GATES, "step 2: weight" },
                { HEAD "steps: [{ weight: 100, hold: 1s, pause: 10m }]\n" GATES, "pause" },
                { HEAD "steps: [{ weight: .nan, hold: 1s }]\n" GATES, "weight" },
                { HEAD "steps: [{ weight: five, hold: 1s }]\n" GATES, "weight" },
                { HEAD "steps: [{ weight: 100, hold: 1 }]\n" GATES, "hold" },
                { HEAD "steps: [{ weight: 100, hold: 8d }]\n" GATES, "hold" },
                { HEAD "steps: [{ weight: 100, hold: 200h }]\n" GATES, "7 days" },
                { HEAD STEPS "gates: { error_rate: {} }\n", "error_rate" },
                { HEAD STEPS "gates: { error_rate: { max_ratio: 0.5 } }\n", "max_ratio" },
                { HEAD STEPS "gates: { error_rate: { max_ratio: 0 } }\n", "leave" },
                { HEAD STEPS "gates: { error_rate: { limit_percent: 100 } }\n", "limit_percent" },
                { HEAD STEPS "gates: { error_rate: { objective: 5ms, max_ratio: 2 } }\n", "objective" },
                { HEAD STEPS "gates: { latency: { max_ratio: 2 } }\n", "objective" },
                { HEAD STEPS "gates: { latency: { objective: 2m, max_ratio: 2 } }\n", "objective" },
                { HEAD STEPS "gates: { latency: { objective: 5ms, max_ratio: 2, quantiles: [0] } }\n", "1 to 99.9" },
                { HEAD STEPS "gates: { latency: { objective: 5ms, max_ratio: 2, quantiles: [50, 100] } }\n", "1 to 99.9" },
                { HEAD STEPS "gates: { latency: { objective: 5ms, max_ratio: 2, quantiles: [0.5] } }\n", "1 to 99.9" },
                { HEAD STEPS "gates: { latency: { objective: 5ms, max_ratio: 2, quantiles: [90, 50] } }\n",
                  "above the one before" },
                { HEAD STEPS "gates: { latency: { objective: 5ms, max_ratio: 2, quantiles: [90, 90] } }\n",
                  "above the one before" },
                { HEAD STEPS "gates: { latency: { objective: 5ms, max_ratio: 2, quantiles: [p50] } }\n", "quantiles: \"p50\"" },
                { HEAD STEPS "gates: { latency: { objective: 5ms, max_ratio: 2, quantiles: [1, 2, 3, 4, 5] } }\n", "quantiles" },
                { HEAD STEPS "gates: { latency: { objective: 5ms, max_ratio: 2, quantiles: 50 } }\n", "quantiles" },
                { HEAD STEPS "gates: { latency: { objective: 5ms, limit_percent: 2, quantiles: [50] } }\n", "need max_ratio" },
                { HEAD STEPS "gates: { error_rate: { max_ratio: 2, quantiles: [50] } }\n", "quantiles" },
                { HEAD
                  "steps: [{ weight: 100, hold: 1s }]\ngates: { latency: { objective: 5ms, max_ratio: 2, quantiles: [50] } }\n",
                  "quantiles need a step below 100" },
                { HEAD "steps: [{ weight: 100, hold: 1s }]\ngates: { error_rate: { max_ratio: 2 } }\n", "give it limit_percent" },
                { HEAD "steps: [{ weight: 0, hold: 1s }, { weight: 100, hold: 1s }]\ngates: { error_rate: { max_ratio: 2 } }\n",
                  "gates.error_rate only compares" },
                { HEAD "steps: [{ weight: 100, hold: 1s }]\n"
                       "gates: { error_rate: { limit_percent: 2 }, latency: { objective: 5ms, max_ratio: 2 } }\n",
                  "gates.latency only compares" },
                { HEAD STEPS "gates: { promql: [{ name: a, query: up }] }\n", "min, max" },
                { HEAD STEPS "gates: { promql: [{ name: a, query: up, min: 2, max: 1 }] }\n", "above max" },
                { HEAD STEPS "gates: { promql: [{ name: a, query: 'x{v=\"{{version}}\"}', max: 1 }] }\n", "{{version}}" },
                { HEAD STEPS "gates: { promql: [{ name: a, query: up, max: 1 }, { name: a, query: up, max: 1 }] }\n",
                  "two gates" },
                { HEAD STEPS "gates: { promql: [{ name: A!, query: up, max: 1 }] }\n", "promql name" },
                { HEAD STEPS GATES "min_requests: 0\n", "min_requests" },
                { HEAD STEPS GATES "min_requests: many\n", "many" },
                { HEAD STEPS GATES "false_rollback_percent: 50\n", "false_rollback_percent" },
                { HEAD STEPS GATES "on_no_evidence: promote\n", "promote" },
                { HEAD STEPS GATES "min_requests: 2x\n", "min_requests: \"2x\"" },
                { HEAD STEPS GATES "min_requests: 1.5\n", "min_requests: \"1.5\"" },
                { HEAD STEPS GATES "min_requests: ''\n", "min_requests" },
                { HEAD STEPS GATES "min_requests: 99999999999999999999\n", "min_requests" },
                { HEAD STEPS GATES "false_rollback_percent: 0,5\n", "false_rollback_percent: \"0,5\"" },
                { HEAD "steps: [{ weight: 1O, hold: 1s }]\n" GATES, "step 1: weight: \"1O\"" },
                { HEAD "steps: [{ weight: 100%, hold: 1s }]\n" GATES, "step 1: weight: \"100%\"" },
                { HEAD "steps: [{ weight: 0x10, hold: 1s }]\n" GATES, "step 1: weight: \"0x10\"" },
                { HEAD STEPS "gates: { error_rate: { max_ratio: 2x } }\n", "gates.error_rate: max_ratio: \"2x\"" },
                { HEAD STEPS "gates: { latency: { objective: 5ms, limit_percent: 3% } }\n",
                  "gates.latency: limit_percent: \"3%\"" },
                { HEAD STEPS "gates: { latency: { objective: 60ms, max_ratio: 2 } }\n", "40ms, 50ms, 75ms" },
                { HEAD STEPS "gates: { promql: [{ name: a, query: up, min: 1a }] }\n", "gates.promql a: min: \"1a\"" },
                { HEAD STEPS GATES "replicas: 33\n", "replicas must be 1 to 32" },
                { HEAD STEPS GATES "replicas: 0\n", "replicas" },
                { HEAD STEPS GATES "replicas: 4294967297\n", "replicas" },
                { HEAD STEPS GATES "window_versions: 9\n", "window_versions" },
                { HEAD STEPS GATES "max_hold: 0s\n", "max_hold" },
                { HEAD STEPS GATES "---\n" HEAD STEPS GATES, "line 5: there is more than one document" },
                { "name: NOT ok\nsummary: s\n" STEPS GATES, "policy" },
                { "name: &a p\nsummary: *a\n" STEPS GATES, "" },
                { "name: p\n\tsummary: s\n", "line" },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct err e = { 0 };
                struct policy p;

                print_message("  %s\n", cases[i].says);
                assert_int_equal(policy_parse(cases[i].text, strlen(cases[i].text), &p, &e), -1);
                assert_true(e.kind == ERR_INVALID);
                if (!strstr(e.msg, cases[i].says))
                        fail_msg("\"%s\" does not say \"%s\"", e.msg, cases[i].says);
        }
}

static void a_file_is_called_as_its_policy(void **state)
{
        static const char text[] = HEAD STEPS GATES;
        char folder[] = "/tmp/sluice-policy-XXXXXX", path[64];
        struct policy p;
        struct err e = { 0 };
        (void) state;

        assert_non_null(mkdtemp(folder));
        snprintf(path, sizeof path, "%s/q.yaml", folder);
        assert_int_equal(fs_write_atomic(path, text, sizeof text - 1, 0600, NULL), 0);
        assert_int_equal(policy_read(path, &p, &e), -1);
        assert_non_null(strstr(e.msg, "p.yaml"));
        remove(path);
        snprintf(path, sizeof path, "%s/p.yaml", folder);
        assert_int_equal(fs_write_atomic(path, text, sizeof text - 1, 0600, NULL), 0);
        assert_int_equal(policy_read(path, &p, &e), 0);
        remove(path);
        rmdir(folder);
}

static void placeholders_are_filled_in(void **state)
{
        const struct policy_names names = { "prod.credit", "credit", release_key(12, 3), 7, 7 };
        char *text = policy_query_text("a{m=\"{{model}}\"} / b{{{candidate}}} - {{stable}}{{x{{target}} {{release}}", &names);
        (void) state;

        assert_string_equal(text, "a{m=\"credit\"} / b{12.3} - 7{{xprod.credit 7");
        free(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_shipped_policies_load),
                cmocka_unit_test(every_key_reaches_the_struct),
                cmocka_unit_test(a_preview_and_a_pause_are_steps_too),
                cmocka_unit_test(what_is_left_out_has_its_default),
                cmocka_unit_test(bad_policies_are_refused_by_name),
                cmocka_unit_test(a_file_is_called_as_its_policy),
                cmocka_unit_test(placeholders_are_filled_in),
                cmocka_unit_test(gates_that_compare_reach_the_struct),
                cmocka_unit_test(gates_that_compare_have_their_rules),
                cmocka_unit_test(what_is_compared_needs_a_step_to_compare_in),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
