/* A policy's Kayenta gate: its window, its score, what it says in a verdict, and what a policy may ask of it. */
#include "tests/unit/lib/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/auto.h"
#include "lib/json.h"
#include "lib/judge_kayenta_gate.h"
#include "lib/mem.h"
#include "lib/policy_file.h"
#include "lib/policy_json.h"

enum { STOOD = 1000000, MINUTE = 60000 };

#define HEAD "name: p\nsummary: s\nsteps: [{ weight: 5, hold: 1s }, { weight: 100, hold: 2s }]\n"
#define METRIC "{ name: errors, query: 'e{v=\"{{release}}\"}', direction: increase }"

static int parse(const char *text, struct policy *p, struct err *e)
{
        return policy_parse(text, strlen(text), p, e);
}

/* Metrics a, b, ... of which the first `critical` are critical; five points are enough. */
static struct policy_kayenta gate(int n)
{
        struct policy_kayenta k;

        policy_kayenta_defaults(&k);
        k.points = 5;
        k.n_metrics = n;
        k.n_groups = 1;
        snprintf(k.groups[0].name, sizeof k.groups[0].name, "metrics");
        for (int i = 0; i < n; i++) {
                kayenta_defaults(&k.metrics[i].rule);
                snprintf(k.metrics[i].name, sizeof k.metrics[i].name, "m%d", i + 1);
        }
        return k;
}

/* Stable's values are around 10; the candidate's so many times as high, NAN: it has none. */
static void fill(struct kayenta_answer *a, int n, double times)
{
        *a = (struct kayenta_answer){ 0 };
        for (int i = 0; i < POLICY_KAYENTA_POINTS; i++) {
                a->values[ARM_STABLE][i] = i < n ? 10 + .1 * (i * 7 % 5) : NAN;
                a->values[ARM_CANDIDATE][i] = i < n ? times * (10 + .1 * (i * 3 % 5)) : NAN;
        }
}

static struct kayenta_window window_of(const struct policy_kayenta *k, int n)
{
        return kayenta_window(k, STOOD, STOOD + n * k->interval_ms, 0);
}

static void the_window_has_whole_intervals_of_this_step_that_are_scraped(void **state)
{
        static const struct {
                int64_t age_ms, lag_ms;
                int n;
                int64_t from_ms, to_ms;
        } cases[] = {
                { 0, 0, 0, 0, 0 },
                { 59999, 0, 0, 0, 0 },
                { 60000, 0, 1, MINUTE, MINUTE },
                { 60000, 5000, 0, 0, 0 },
                { 65000, 5000, 1, MINUTE, MINUTE },
                { 3LL * MINUTE + 1, 0, 3, MINUTE, 3 * MINUTE },
                { 241LL * MINUTE, 0, 240, 2 * MINUTE, 241 * MINUTE },
                { -5000, 0, 0, 0, 0 }, /* Prometheus's clock went back */
        };
        const struct policy_kayenta k = gate(1);
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct kayenta_window w = kayenta_window(&k, STOOD, STOOD + cases[i].age_ms, cases[i].lag_ms);

                assert_int_equal(w.n, cases[i].n);
                if (w.n == 0)
                        continue;
                assert_int_equal(w.from_ms, STOOD + cases[i].from_ms);
                assert_int_equal(w.from_ms + (w.n - 1) * w.interval_ms, STOOD + cases[i].to_ms);
        }
}

static void it_is_asked_once_an_interval_and_again_after_a_failure(void **state)
{
        const struct policy_kayenta k = gate(1);
        struct kayenta_window w = window_of(&k, 0);
        struct kayenta_answer a;
        struct kayenta_judgement j;
        (void) state;

        assert_false(kayenta_due(NULL, &w));
        w = window_of(&k, 6);
        assert_true(kayenta_due(NULL, &w));
        fill(&a, 6, 1);
        kayenta_judge(&k, &w, &a, &j);
        assert_false(kayenta_due(&j, &w));
        struct kayenta_window later = window_of(&k, 7), next_step = kayenta_window(&k, STOOD + MINUTE, STOOD + 2 * MINUTE, 0);

        assert_true(kayenta_due(&j, &later));
        assert_true(kayenta_due(&j, &next_step));
        snprintf(a.why, sizeof a.why, "Prometheus: timeout");
        kayenta_judge(&k, &w, &a, &j);
        assert_true(kayenta_due(&j, &w));
}

static void the_score_decides(void **state)
{
        static const struct {
                const char *name;
                double times[4]; /* of each metric; NAN: without data */
                int n, points;
                bool critical, must_have_data;
                enum verdict_state state;
                const char *says;
                double score; /* -1: none */
        } cases[] = {
                { "all alike", { 1, 1 }, 2, 20, false, false, VERDICT_HEALTHY, "", 100 },
                { "three of four are enough", { 1, 1, 1, 3 }, 4, 20, false, false, VERDICT_HEALTHY, "", 75 },
                { "half is marginal",
                  { 1, 3 },
                  2,
                  20,
                  false,
                  false,
                  VERDICT_NO_EVIDENCE,
                  "the score is 50, which is marginal",
                  50 },
                { "one fails", { 3 }, 1, 20, false, false, VERDICT_BREACH, "the score is 0, below 50: m1 is high (3 times", 0 },
                { "lower counts too", { .2 }, 1, 20, false, false, VERDICT_BREACH, "m1 is low (0.2 times", 0 },
                { "a critical one is everything", { 3, 1, 1, 1 }, 4, 20, true, false, VERDICT_BREACH, "stable's), critical", 0 },
                { "too early", { 3 }, 1, 4, false, false, VERDICT_NO_EVIDENCE, "4 of the 5 intervals of 60 s are over", -1 },
                { "half without data", { NAN, 1 }, 2, 20, false, false, VERDICT_NO_EVIDENCE, "1 of 2 metrics have no data", -1 },
                { "few without data", { NAN, 1, 1 }, 3, 20, false, false, VERDICT_HEALTHY, "", 100 },
                { "critical without data",
                  { NAN, 1, 1 },
                  3,
                  20,
                  true,
                  false,
                  VERDICT_NO_EVIDENCE,
                  "m1 is critical and has no data",
                  -1 },
                { "data that must be there", { NAN, 1, 1 }, 3, 20, false, true, VERDICT_NO_EVIDENCE, "marginal", 66.67 },
                { "critical data that must be there",
                  { NAN, 1, 1 },
                  3,
                  20,
                  true,
                  true,
                  VERDICT_BREACH,
                  "m1 is without data, critical",
                  0 },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct policy_kayenta k = gate(cases[i].n);
                struct kayenta_window w = window_of(&k, cases[i].points);
                struct kayenta_answer a[4];
                struct kayenta_judgement j;

                k.metrics[0].rule.critical = cases[i].critical;
                k.metrics[0].rule.must_have_data = cases[i].must_have_data;
                for (int m = 0; m < cases[i].n; m++)
                        fill(&a[m], w.n, cases[i].times[m]);
                kayenta_judge(&k, &w, a, &j);
                print_message("  %s: %s\n", cases[i].name, j.says);
                assert_int_equal(j.state, cases[i].state);
                assert_true(*cases[i].says ? strstr(j.says, cases[i].says) != NULL : !*j.says);
                assert_true(j.scored ? j.score == cases[i].score : cases[i].score == -1);
        }
}

static void a_query_that_fails_is_no_evidence(void **state)
{
        const struct policy_kayenta k = gate(2);
        struct kayenta_window w = window_of(&k, 20);
        struct kayenta_answer a[2];
        struct kayenta_judgement j;
        (void) state;

        fill(&a[0], 20, 9);
        fill(&a[1], 20, 1);
        snprintf(a[1].why, sizeof a[1].why, "the query gives 2 series, not one");
        kayenta_judge(&k, &w, a, &j);
        assert_int_equal(j.state, VERDICT_NO_EVIDENCE);
        assert_string_equal(j.says, "m2: the query gives 2 series, not one");
        assert_int_equal(j.metrics[0].result.label, KAYENTA_HIGH); /* and is shown */
}

static void groups_have_scores(void **state)
{
        struct policy_kayenta k = gate(3);
        struct kayenta_answer a[3];
        struct kayenta_judgement j;
        (void) state;

        k.n_groups = 3;
        k.groups[1].weight = 70;
        k.metrics[1].group = 1;
        k.metrics[2].group = 2;
        fill(&a[0], 20, 1);
        fill(&a[1], 20, 3);
        fill(&a[2], 20, NAN);
        struct kayenta_window w = window_of(&k, 20);

        kayenta_judge(&k, &w, a, &j);
        assert_true(j.score == 30 && j.state == VERDICT_BREACH);
        assert_true(j.groups[0] == 100 && j.groups[1] == 0 && j.groups[2] == -1);
}

static void it_has_its_part_in_the_verdict(void **state)
{
        static const struct {
                const char *name;
                enum verdict_state before;
                double times;
                int64_t stood_ms;
                enum verdict_state after;
                const char *gate;
        } cases[] = {
                { "healthy and passed", VERDICT_HEALTHY, 1, STOOD, VERDICT_HEALTHY, "" },
                { "healthy but failed", VERDICT_HEALTHY, 3, STOOD, VERDICT_BREACH, "kayenta" },
                { "no evidence but failed", VERDICT_NO_EVIDENCE, 3, STOOD, VERDICT_BREACH, "kayenta" },
                { "no evidence and passed", VERDICT_NO_EVIDENCE, 1, STOOD, VERDICT_NO_EVIDENCE, "other" },
                { "a breach of another gate", VERDICT_BREACH, 1, STOOD, VERDICT_BREACH, "other" },
                { "judged in another step", VERDICT_HEALTHY, 3, STOOD + 1, VERDICT_NO_EVIDENCE, "kayenta" },
        };
        const struct policy_kayenta k = gate(1);
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct kayenta_window w = window_of(&k, 20);
                struct kayenta_answer a;
                struct kayenta_judgement j;
                struct verdict v = { 0 };

                fill(&a, 20, cases[i].times);
                kayenta_judge(&k, &w, &a, &j);
                verdict_say(&v, cases[i].before, cases[i].before == VERDICT_HEALTHY ? "" : "other", "x");
                kayenta_decide(&k, &j, cases[i].stood_ms, &v);
                print_message("  %s: %s\n", cases[i].name, v.reason);
                assert_int_equal(v.state, cases[i].after);
                assert_string_equal(v.gate, cases[i].gate);
        }
}

static void every_key_of_a_policy_reaches_the_gate_and_survives_the_record(void **state)
{
        static const char text[] = HEAD
                "gates:\n  kayenta:\n    pass: 90\n    marginal: 60\n    interval: 30s\n    points: 20\n"
                "    groups: [{ name: g, weight: 80 }]\n    metrics:\n"
                "      - { name: a, query: 'a{v=\"{{release}}\",m=\"{{model}}\"}', group: g, direction: decrease, nan: replace,\n"
                "          outliers: remove, outlier_factor: 2, effect_size: cles, allowed_increase: 0.6, allowed_decrease: "
                "0.4,\n"
                "          critical: true, critical_increase: 0.9, critical_decrease: 0.1, must_have_data: true }\n"
                "      - { name: b, query: 'b{v=\"{{release}}\"}' }\n";
        struct policy p, back;
        struct err e = { 0 };
        (void) state;

        assert_ok(parse(text, &p, &e), e);
        AUTO(json) doc = policy_to_json(&p);

        assert_ok(policy_from_json(doc, &back, &e), e);
        for (int i = 0; i < 2; i++) {
                const struct policy_kayenta *k = i ? &back.kayenta : &p.kayenta;
                const struct kayenta_rule *r = &k->metrics[0].rule;

                assert_true(k->pass == 90 && k->marginal == 60 && k->interval_ms == 30000 && k->points == 20);
                assert_true(k->n_groups == 2 && k->groups[0].weight == 80 && k->groups[1].weight == 0);
                assert_string_equal(k->groups[1].name, "metrics");
                assert_true(k->n_metrics == 2 && k->metrics[0].group == 0 && k->metrics[1].group == 1);
                assert_true(r->direction == KAYENTA_DECREASE && r->nan_is_zero && r->drop_outliers && r->outlier_factor == 2);
                assert_true(r->cles && r->allowed_increase == .6 && r->allowed_decrease == .4 && r->critical);
                assert_true(r->critical_increase == .9 && r->critical_decrease == .1 && r->must_have_data);
                assert_true(r->tolerance == .25 && r->confidence == .98);
                r = &k->metrics[1].rule;
                assert_true(r->direction == KAYENTA_EITHER && !r->nan_is_zero && !r->drop_outliers && !r->cles && !r->critical);
        }
}

static void a_policy_that_cannot_work_is_refused(void **state)
{
        static const struct {
                const char *gate, *rest, *says;
        } cases[] = {
                { "pass: 40, metrics: [" METRIC "]", "", "marginal not above pass" },
                { "pass: 101, metrics: [" METRIC "]", "", "0 to 100" },
                { "interval: 500ms, metrics: [" METRIC "]", "", "interval must be 1s to 1h" },
                { "points: 4, metrics: [" METRIC "]", "", "points must be 5 to 240" },
                { "points: 241, metrics: [" METRIC "]", "", "points must be 5 to 240" },
                { "points: many, metrics: [" METRIC "]", "", "points" },
                { "pass: 75", "", "metrics" },
                { "metrics: [" METRIC ", " METRIC "]", "", "two metrics named errors" },
                { "metrics: [{ name: 'a b', query: '{{release}}' }]", "", "name" },
                { "metrics: [{ name: a, query: 'up' }]", "", "gates.kayenta a: what is compared is asked of both releases" },
                { "metrics: [{ name: a, query: '{{release}} {{what}}' }]", "", "{{what}}" },
                { "metrics: [{ name: a, query: '{{release}}', direction: sideways }]", "", "direction" },
                { "metrics: [{ name: a, query: '{{release}}', nan: ignore }]", "", "nan" },
                { "metrics: [{ name: a, query: '{{release}}', allowed_increase: -1 }]", "",
                  "allowed_increase must be 0 to 1e+06" },
                { "metrics: [{ name: a, query: '{{release}}', effect_size: cles, critical_increase: 2 }]", "",
                  "critical_increase must be 0 to 1" },
                { "metrics: [{ name: a, query: '{{release}}', outlier_factor: 0 }]", "", "outlier_factor" },
                { "groups: [{ name: g, weight: 60 }], metrics: [{ name: a, query: '{{release}}', group: g }]", "",
                  "add up to 60" },
                { "groups: [{ name: g, weight: 100 }], metrics: [{ name: a, query: '{{release}}', group: g }, " METRIC "]", "",
                  "nothing for those without a weight" },
                { "groups: [{ name: g, weight: 0 }], metrics: [{ name: a, query: '{{release}}', group: g }]", "",
                  "weight must be" },
                { "groups: [{ name: g, weight: 50 }], metrics: [" METRIC "]", "", "no metric belongs to it" },
                { "groups: [{ name: g, weight: 50 }, { name: g, weight: 50 }], metrics: [{ name: a, query: '{{release}}', group: "
                  "g }]",
                  "", "two groups named g" },
                { "metrics: [" METRIC "]", "on_no_evidence: rollback\n", "before max_hold is over" },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO(str) text = xasprintf(HEAD "gates: { kayenta: { %s } }\n%s", cases[i].gate, cases[i].rest);
                struct policy p;
                struct err e = { 0 };

                if (parse(text, &p, &e) == 0)
                        fail_msg("taken: %s", text);
                print_message("  %s\n", e.msg);
                assert_non_null(strstr(e.msg, cases[i].says));
        }
}

static void it_needs_a_step_in_which_both_have_traffic(void **state)
{
        struct policy p;
        struct err e = { 0 };
        (void) state;

        assert_int_equal(parse("name: p\nsummary: s\nsteps: [{ weight: 100, hold: 2s }]\ngates: { kayenta: { metrics: [" METRIC
                               "] } }\n",
                               &p, &e),
                         -1);
        assert_non_null(strstr(e.msg, "a step below 100 percent"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_window_has_whole_intervals_of_this_step_that_are_scraped),
                cmocka_unit_test(it_is_asked_once_an_interval_and_again_after_a_failure),
                cmocka_unit_test(the_score_decides),
                cmocka_unit_test(a_query_that_fails_is_no_evidence),
                cmocka_unit_test(groups_have_scores),
                cmocka_unit_test(it_has_its_part_in_the_verdict),
                cmocka_unit_test(every_key_of_a_policy_reaches_the_gate_and_survives_the_record),
                cmocka_unit_test(a_policy_that_cannot_work_is_refused),
                cmocka_unit_test(it_needs_a_step_in_which_both_have_traffic),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
