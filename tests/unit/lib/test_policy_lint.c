/* Policies whose arithmetic cannot work are refused with the sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/policy_advice.h"
#include "lib/policy_file.h"
#include "lib/policy_lint.h"

static struct policy policy(void)
{
        struct policy p;

        policy_defaults(&p);
        p.steps[0] = (struct policy_step){ .weight_bp = 500, .hold_ms = 600000 };
        p.steps[1] = (struct policy_step){ .weight_bp = 10000, .hold_ms = 600000 };
        p.n_steps = 2;
        p.error_rate = (struct policy_share){ .on = true, .max_ratio = 1 };
        p.min_requests = 1;
        return p;
}

static void sums_are_made_before_the_rollout(void **state)
{
        static const struct {
                const char *name;
                double rate, max_ratio, sound_ratio, limit;
                int64_t min_requests;
                const char *says; /* NULL: fine */
        } cases[] = {
                { "two requests a second", 2, 1, 0, 0, 1, "5 % of 2 requests/s cannot show a doubling of errors within 10m" },
                { "with harm tolerated", 2, 1.5, 0, 0, 1, "5 % of 2 requests/s cannot show 3 times stable's errors within 10m" },
                { "two thousand", 2000, 1, 0, 0, 1, NULL },
                { "a proof of little", 2000, 1, 1.05, 0, 1, "cannot prove fewer than 1.05 times stable's errors within 20m" },
                { "a proof of much", 2000, 1, 3, 0, 1, NULL },
                { "a limit alone", 2, 0, 0, .05, 1, NULL },
                { "too few requests", 2, 0, 0, .05, 500,
                  "5 % of 2 requests/s are 120 requests in 20m (hold and max_hold), and min_requests is 500" },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                const struct policy_expected t = { cases[i].rate, .005, .01 };
                struct policy p = policy();
                struct err e = { 0 };
                int r;

                p.error_rate = (struct policy_share){
                        .on = true, .max_ratio = cases[i].max_ratio, .sound_ratio = cases[i].sound_ratio, .limit = cases[i].limit
                };
                p.min_requests = cases[i].min_requests;
                r = policy_lint(&p, &t, &e);
                print_message("  %s: %s\n", cases[i].name, e.msg);
                assert_int_equal(r, cases[i].says ? -1 : 0);
                if (cases[i].says)
                        assert_non_null(strstr(e.msg, cases[i].says));
        }
}

static void gates_of_counters_are_reckoned_with_too(void **state)
{
        static const struct {
                double rate;
                const char *gate, *says; /* NULL: fine */
        } cases[] = {
                { 2, "query: 'x{{release}}', of: 'y{{release}}', max_ratio: 1.5, expected_percent: 1",
                  "5 % of 2 requests/s cannot show 3 times stable's a within 10m: at 1 % on stable" },
                { 200, "query: 'x{{release}}', of: 'y{{release}}', max_ratio: 1.5, expected_percent: 1", NULL },
                { 2, "query: 'x{{release}}', of: 'y{{release}}', max_ratio: 1.5", NULL }, /* nobody said what to expect */
                { .5, "query: 'x{{release}}', by: le, max_ratio: 1.5", "cannot show a class that is 3.1 times as frequent in a" },
                { 50, "query: 'x{{release}}', by: le, max_ratio: 1.5", NULL },
                { 2, "query: 'x{{release}}', of: 'y{{release}}', max_change: 1",
                  "a: 2 requests/s are 60 of the candidate until all traffic is its, and a mean needs 250" },
                { 20, "query: 'x{{release}}', of: 'y{{release}}', max_change: 1", NULL },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                const struct policy_expected t = { cases[i].rate, .005, .01 };
                struct err e = { 0 };
                struct policy p;
                char text[400];

                snprintf(text, sizeof text,
                         "name: x\nsummary: s\nmin_requests: 1\nsteps: [{ weight: 5, hold: 10m }, { weight: 100, hold: 1m }]\n"
                         "gates: { promql: [{ name: a, %s }] }\n",
                         cases[i].gate);
                assert_int_equal(policy_parse(text, strlen(text), &p, &e), 0);
                assert_int_equal(policy_lint(&p, &t, &e), cases[i].says ? -1 : 0);
                print_message("  %s\n", e.msg);
                assert_true(!cases[i].says || strstr(e.msg, cases[i].says));
        }
}

static void what_stable_itself_breaks_is_refused(void **state)
{
        static const struct {
                struct policy_share errors, slow;
                const char *says; /* NULL: fine */
        } cases[] = {
                { { .on = true, .limit = .01 },
                  { 0 },
                  "limit_percent 1 of errors: stable's are 5 % already (expected_error_percent)" },
                { { .on = true, .limit = .06 }, { 0 }, NULL },
                { { 0 }, { .on = true, .limit = .1 }, "limit_percent 10 of slow answers: stable's are 20 % already" },
                { { .on = true, .budget = .008 },
                  { 0 },
                  "budget_percent 0.8 of errors: stable's 5 % (expected_error_percent) burn it" },
                { { .on = true, .budget = .01 }, { 0 }, NULL }, /* which it outlives */
                { { .on = true, .max_ratio = 20 }, { 0 }, "20 times stable's 5 % is 100 % or more, which no version can exceed" },
                { { .on = true, .max_ratio = 19.9 }, { 0 }, "cannot show 100 % errors within 10m" },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                const struct policy_expected t = { .005, .05, .2 };
                struct policy p = policy();
                struct err e = { 0 };

                p.error_rate = cases[i].errors;
                p.latency = cases[i].slow;
                p.max_hold_ms = 3600000;
                int r = policy_lint(&p, &t, &e);
                print_message("  %s\n", e.msg);
                assert_int_equal(r, cases[i].says ? -1 : 0);
                assert_true(!cases[i].says || strstr(e.msg, cases[i].says));
        }
}

static void quantiles_have_to_be_seen_and_told_apart(void **state)
{
        static const struct {
                double rate;
                double quantiles[2];
                const char *says; /* NULL: fine */
        } cases[] = {
                { 1, { .5, .99 }, "stable's p99 takes 500 requests to see, and 1 requests/s are 300 in 5m" },
                { 4,
                  { .5, .9 },
                  "5 % of 4 requests/s cannot show 1.5 times as many answers slower than stable's p50 within 10m" },
                { 40,
                  { .5, .99 },
                  "5 % of 40 requests/s cannot show 2.94 times as many answers slower than stable's p99 within 10m" },
                { 40, { .5, .9 }, NULL },
                { 200, { .5, .99 }, NULL },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                const struct policy_expected t = { cases[i].rate, .005, .2 };
                struct policy p = policy();
                struct err e = { 0 };

                p.error_rate.on = false;
                p.latency = (struct policy_share){ .on = true, .max_ratio = 1.5, .objective_ms = 50, .n_quantiles = 2 };
                memcpy(p.latency.quantiles, cases[i].quantiles, sizeof cases[i].quantiles);
                int r = policy_lint(&p, &t, &e);
                print_message("  %g/s: %s\n", cases[i].rate, e.msg);
                assert_int_equal(r, cases[i].says ? -1 : 0);
                if (cases[i].says)
                        assert_non_null(strstr(e.msg, cases[i].says));
        }
}

static void a_policy_that_names_its_traffic_is_checked_when_it_is_read(void **state)
{
        static const char text[] =
                "name: x\nsummary: s\nsteps: [{ weight: 5, hold: 10m }, { weight: 100, hold: 1m }]\n"
                "gates: { error_rate: { max_ratio: 1 } }\nmin_requests: 1\nexpected_error_percent: 0.5\nexpected_rate: ";
        char thin[400], rich[400], wrong[400];
        struct err e = { 0 };
        struct policy p;
        (void) state;

        snprintf(thin, sizeof thin, "%s2\n", text);
        snprintf(rich, sizeof rich, "%s2000\n", text);
        snprintf(wrong, sizeof wrong, "%s-2\n", text);
        assert_int_equal(policy_parse(thin, strlen(thin), &p, &e), -1);
        assert_non_null(strstr(e.msg, "cannot show a doubling"));
        assert_int_equal(policy_parse(rich, strlen(rich), &p, &e), 0);
        assert_int_equal(policy_parse(wrong, strlen(wrong), &p, &e), -1);
}

static void proofs_and_budgets_have_their_rules(void **state)
{
        static const struct {
                const char *gates, *says;
        } cases[] = {
                { "error_rate: { max_ratio: 2, sound_ratio: 1.5 }", "not below max_ratio" },
                { "error_rate: { max_ratio: 1, sound_ratio: 1 }", "sound_ratio must be above 1" },
                { "error_rate: { sound_ratio: 2 }", "needs max_ratio, limit_percent or budget_percent" },
                { "error_rate: { budget_percent: 6 }", "budget_percent must be above 0 and at most 5" },
                { "error_rate: { budget_percent: 0 }", "instead of setting it to 0" },
                { "promql: [{ name: a, query: x, min: 1, fail_below: 2 }]", "fail_below goes with min" },
                { "promql: [{ name: a, query: x, min: 1, fail_above: 2 }]", "fail_above with max" },
                { "promql: [{ name: a, query: x, min: 1, failures: 101 }]", "failures must be 1 to 100" },
                { "promql: [{ name: a, query: x, of: y }]", "of needs max_percent, max_ratio (or min_ratio), max_change" },
                { "promql: [{ name: a, query: x, of: y, max_percent: 1, min: 1 }]", "has max_percent and nothing else" },
                { "promql: [{ name: a, query: x, min: 1, max_percent: 1 }]", "max_percent goes with of" },
                { "promql: [{ name: a, query: x, of: y, max_percent: -1 }]", "max_percent must be above 0" },
                { "promql: [{ name: a, query: x, of: y, max_percent: 1 }]", "query and of need {{candidate}}" },
                { "promql: [{ name: a, query: 'x{{candidate}}', of: y, max_percent: 1 }]", "query and of need {{candidate}}" },
                { "promql: [{ name: error-rate, query: x, max: 1 }]", "a built-in gate or reason has this name" },
                { "promql: [{ name: latency-p50, query: x, max: 1 }]", "a built-in gate or reason has this name" },
                { "promql: [{ name: prometheus, query: x, max: 1 }]", "a built-in gate or reason has this name" },
                { "promql: [{ name: kayenta, query: x, max: 1 }]", "a built-in gate or reason has this name" },
                { "promql: [{ name: a, query: 'x({v=\"{{candidat}}\"})', max: 1 }]", "a: \"{{candidat}}\" is none of" },
                { "promql: [{ name: a, query: 'x({v=\"{{candidate}\"})', max: 1 }]", "a: \"{{candidate\" is none of" },
                { "promql: [{ name: A, query: x, max: 1 }]", "gates.promql name \"A\" may hold" },
                { "promql: [{ name: a, query: x, of: 'y{{z}}', max_percent: 1 }]", "is none of" },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct err e = { 0 };
                struct policy p;
                char text[400];

                snprintf(text, sizeof text,
                         "name: x\nsummary: s\nsteps: [{ weight: 5, hold: 10m }, { weight: 100, hold: 1m }]\ngates: { %s }\n",
                         cases[i].gates);
                assert_int_equal(policy_parse(text, strlen(text), &p, &e), -1);
                print_message("  %s\n", e.msg);
                assert_non_null(strstr(e.msg, cases[i].says));
        }
}

static void what_is_seldom_meant_is_said(void **state)
{
        static const struct {
                const char *gates, *says; /* NULL: nothing */
        } cases[] = {
                { "error_rate: { max_ratio: 2 }", "under all traffic nothing is judged" },
                { "error_rate: { max_ratio: 2, limit_percent: 5 }", NULL },
                { "error_rate: { max_ratio: 2 }, latency: { objective: 50ms, budget_percent: 1 }", NULL },
                { "promql: [{ name: a, query: 'x{v=\"{{candidate}}\"}', max: 1 }]", NULL },
                { "promql: [{ name: a, query: 'x{t=\"{{target}}\"}', max: 1 }]", NULL },
                { "promql: [{ name: a, query: x, max: 1 }]", "gates.promql a: the query has no placeholder" },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct policy_advice advice[POLICY_ADVICE_MAX];
                struct err e = { 0 };
                struct policy p;
                char text[400];

                snprintf(text, sizeof text,
                         "name: x\nsummary: s\nsteps: [{ weight: 5, hold: 10m }, { weight: 100, hold: 1m }]\ngates: { %s }\n",
                         cases[i].gates);
                assert_int_equal(policy_parse(text, strlen(text), &p, &e), 0);
                assert_int_equal(policy_advise(&p, advice), cases[i].says ? 1 : 0);
                assert_true(!cases[i].says || strstr(advice[0].text, cases[i].says));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sums_are_made_before_the_rollout),
                cmocka_unit_test(gates_of_counters_are_reckoned_with_too),
                cmocka_unit_test(what_stable_itself_breaks_is_refused),
                cmocka_unit_test(quantiles_have_to_be_seen_and_told_apart),
                cmocka_unit_test(a_policy_that_names_its_traffic_is_checked_when_it_is_read),
                cmocka_unit_test(what_is_seldom_meant_is_said),
                cmocka_unit_test(proofs_and_budgets_have_their_rules),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
