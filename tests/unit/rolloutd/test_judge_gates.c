/* Gates that compare, through the judge: what they say, when they are silent, and that a record keeps all of it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/judge_explain.h"
#include "lib/policy_file.h"
#include "rolloutd/judge_json.h"

static const char POLICY[] =
        "name: p\nsummary: s\nmin_requests: 1\n"
        "steps: [{ weight: 5, hold: 1s }, { weight: 100, hold: 2s }]\n"
        "gates: { promql: [\n"
        "  { name: nulls, query: 'n{{release}}', of: 'f{{release}}', max_ratio: 1.5, min_ratio: 0.5 },\n"
        "  { name: drift, query: 'p{{release}}', by: class, max_ratio: 1.5 },\n"
        "  { name: mean, query: 's{{release}}', of: 'c{{release}}', max_change_percent: 10, min_change: -1 }] }\n";
enum { NULLS, DRIFT, MEAN, GATES };

/* Both releases' counters as they grow, and the answers that give them. */
struct feed {
        double bad[ARM_COUNT], of[ARM_COUNT], sum[ARM_COUNT], class[ARM_COUNT][2];
        struct judge_table table[ARM_COUNT];
        struct gate_value values[GATES];
        int looks;
};

static void answer(struct feed *f)
{
        for (int a = 0; a < ARM_COUNT; a++) {
                f->table[a] = (struct judge_table){ .n = 2, .rows = { { "no", f->class[a][0] }, { "yes", f->class[a][1] } } };
                f->values[DRIFT].table[a] = &f->table[a];
        }
        f->values[NULLS].known = f->values[DRIFT].known = f->values[MEAN].known = true;
        f->values[NULLS].value = f->bad[ARM_CANDIDATE];
        f->values[NULLS].of = f->values[MEAN].of = f->of[ARM_CANDIDATE];
        f->values[NULLS].stable = f->bad[ARM_STABLE];
        f->values[NULLS].stable_of = f->values[MEAN].stable_of = f->of[ARM_STABLE];
        f->values[MEAN].value = f->sum[ARM_CANDIDATE];
        f->values[MEAN].stable = f->sum[ARM_STABLE];
}

/* More of both: of a hundred things so many bad ones, so many "yes", and a sum. */
static void grow(struct feed *f, enum arm a, double things, double bad, double yes, double mean)
{
        double wobble = 1 + .02 * (f->looks % 3 - 1);

        f->of[a] += things;
        f->bad[a] += things / 100 * bad;
        f->class[a][1] += things / 100 * yes;
        f->class[a][0] += things / 100 * (100 - yes);
        f->sum[a] += things * mean * (a == ARM_STABLE ? wobble : 1);
}

static void begin(struct policy *p, struct judge *j, struct feed *f)
{
        struct err e = { 0 };

        if (policy_parse(POLICY, sizeof POLICY - 1, p, &e) < 0)
                fail_msg("%s", e.msg);
        grow(f, ARM_STABLE, 1000, 5, 20, 3); /* what was before does not count */
        answer(f);
        judge_answers(j, p, f->values);
}

/* So many looks with these candidate's numbers, stable having 5, 20 and 3. */
static void go_on(struct judge *j, const struct policy *p, struct feed *f, int looks, double bad, double yes, double mean)
{
        for (int i = 0; i < looks; i++, f->looks++) {
                grow(f, ARM_STABLE, 1000, 5, 20, 3);
                grow(f, ARM_CANDIDATE, 100, bad, yes, mean);
                answer(f);
                judge_answers(j, p, f->values);
        }
}

static struct verdict decide(const struct judge *j, const struct policy *p, const struct feed *f)
{
        struct verdict v;

        judge_decide_preview(j, p, QUALITY_GOOD, "", f->values, &v); /* which asks for no requests */
        return v;
}

static void a_gate_breaks_on_what_it_compares(void **state)
{
        static const struct {
                const char *name, *gate, *says;
                double bad, yes, mean;
                enum verdict_state verdict;
        } cases[] = {
                { "all as with stable", "", "", 5, 20, 3, VERDICT_HEALTHY },
                { "nulls", "nulls", "more than 1.5 times stable's share", 20, 20, 3, VERDICT_BREACH },
                { "fewer of what should not fall", "nulls", "less than 0.5 times stable's share", 0, 20, 3, VERDICT_BREACH },
                { "more nulls than features", "nulls", "more bad than all: are query and of swapped?", 300, 20, 3,
                  VERDICT_NO_EVIDENCE },
                { "another class", "drift", "yes is ", 5, 60, 3, VERDICT_BREACH },
                { "a mean that rose", "mean", "rose by more than 10 %", 5, 20, 4, VERDICT_BREACH },
                { "a mean that fell", "mean", "fell by more than 1,", 5, 20, 1.5, VERDICT_BREACH },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct policy p;
                struct judge j = { 0 };
                struct feed f = { 0 };

                begin(&p, &j, &f);
                go_on(&j, &p, &f, 40, cases[i].bad, cases[i].yes, cases[i].mean);
                const struct verdict v = decide(&j, &p, &f);

                print_message("  %s: %s\n", cases[i].name, v.reason);
                assert_int_equal(v.state, cases[i].verdict);
                assert_string_equal(v.gate, cases[i].gate);
                assert_non_null(strstr(v.reason, cases[i].says));
                judge_done(&j);
        }
}

static void without_answers_it_holds_and_says_why(void **state)
{
        struct policy p;
        struct judge j = { 0 };
        struct feed f = { 0 };
        struct verdict v;
        (void) state;

        begin(&p, &j, &f);
        assert_string_equal(decide(&j, &p, &f).reason, "nulls: nothing could be compared in this step yet");
        go_on(&j, &p, &f, 20, 5, 20, 3);
        f.values[DRIFT].known = false;
        snprintf(f.values[DRIFT].why, sizeof f.values[DRIFT].why, "stable: the query gives NaN");
        v = decide(&j, &p, &f);
        assert_int_equal(v.state, VERDICT_NO_EVIDENCE);
        assert_string_equal(v.reason, "drift: stable: the query gives NaN");
        f.values[NULLS].stable = -3;
        judge_answers(&j, &p, f.values);
        assert_string_equal(decide(&j, &p, &f).reason, "nulls: -3 is not a count");
        for (int i = 0; i < GATES; i++) { /* under all traffic there is nothing to compare with, nor anybody to ask */
                f.values[i].known = false;
                f.values[i].apart = true;
        }
        assert_int_equal(decide(&j, &p, &f).state, VERDICT_HEALTHY);
        judge_done(&j);
}

static void each_step_needs_something_new(void **state)
{
        struct policy p;
        struct judge j = { 0 };
        struct feed f = { 0 };
        (void) state;

        begin(&p, &j, &f);
        go_on(&j, &p, &f, 40, 5, 20, 3);
        assert_int_equal(decide(&j, &p, &f).state, VERDICT_HEALTHY);
        judge_next_step(&j);
        judge_answers(&j, &p, f.values); /* the counters stand still */
        assert_string_equal(decide(&j, &p, &f).reason, "nulls: nothing could be compared in this step yet");
        go_on(&j, &p, &f, 2, 5, 20, 3);
        assert_int_equal(decide(&j, &p, &f).state, VERDICT_HEALTHY);
        judge_done(&j);
}

static void what_happens_apart_is_not_compared(void **state)
{
        struct policy p;
        struct judge j = { 0 };
        struct feed f = { 0 };
        (void) state;

        begin(&p, &j, &f);
        for (int i = 0; i < GATES; i++)
                f.values[i].apart = true;
        go_on(&j, &p, &f, 40, 50, 90, 9); /* somebody tries the preview with what he likes */
        assert_int_equal(decide(&j, &p, &f).state, VERDICT_HEALTHY);
        for (int i = 0; i < GATES; i++)
                f.values[i].apart = false;
        go_on(&j, &p, &f, 40, 5, 20, 3);
        assert_int_equal(decide(&j, &p, &f).state, VERDICT_HEALTHY);
        judge_done(&j);
}

/* A look at two buckets, the candidate having only so many of them. */
static void look_at_buckets(struct judge *j, const struct policy *p, struct feed *f, int of_candidate)
{
        grow(f, ARM_STABLE, 1000, 5, 20, 3);
        grow(f, ARM_CANDIDATE, 100, 5, 20, 3);
        answer(f);
        for (int a = 0; a < ARM_COUNT; a++)
                f->table[a] = (struct judge_table){ .cumulative = true,
                                                    .n = a == ARM_CANDIDATE ? of_candidate : 2,
                                                    .rows = { { "0.5", f->class[a][0] }, { "+Inf", f->of[a] } } };
        judge_answers(j, p, f->values);
}

static void a_bucket_that_goes_missing_is_no_evidence(void **state)
{
        struct policy p;
        struct judge j = { 0 };
        struct feed f = { 0 };
        (void) state;

        begin(&p, &j, &f);
        judge_done(&j); /* begin anew with buckets */
        for (int i = 0; i < 40; i++, f.looks++)
                look_at_buckets(&j, &p, &f, 2);
        assert_int_equal(decide(&j, &p, &f).state, VERDICT_HEALTHY);
        look_at_buckets(&j, &p, &f, 1);
        assert_int_equal(decide(&j, &p, &f).state, VERDICT_NO_EVIDENCE);
        assert_string_equal(decide(&j, &p, &f).reason, "drift: the candidate has no bucket up to +Inf");
        look_at_buckets(&j, &p, &f, 2);
        assert_int_equal(decide(&j, &p, &f).state, VERDICT_HEALTHY);
        judge_done(&j);
}

static void the_views_have_what_was_compared(void **state)
{
        struct judge_view w[JUDGE_VIEWS_MAX];
        struct policy p;
        struct judge j = { 0 };
        struct feed f = { 0 };
        (void) state;

        begin(&p, &j, &f);
        go_on(&j, &p, &f, 40, 20, 60, 4);
        assert_int_equal(judge_explain(&j, &p, f.values, w), GATES);
        assert_int_equal(w[NULLS].kind, VIEW_RATIO);
        assert_true(w[NULLS].of[ARM_STABLE] == 30000 && w[NULLS].bad[ARM_CANDIDATE] == 600); /* the first ten looks are watched */
        assert_true(w[NULLS].ratio.low > 1.5 && w[NULLS].limit == 1.5 && w[NULLS].min_ratio == .5);
        assert_int_equal(w[DRIFT].kind, VIEW_DRIFT);
        assert_string_equal(w[DRIFT].drift.text, "yes");
        assert_int_equal(w[DRIFT].drift.side, JUDGE_ABOVE);
        assert_int_equal(w[MEAN].kind, VIEW_MEAN);
        assert_true(fabs(w[MEAN].mean[ARM_CANDIDATE] - 4) < 1e-9 && w[MEAN].pairs == 40);
        assert_true(w[MEAN].change_low > .8 && w[MEAN].change_high < 1.2);
        for (int i = 0; i < GATES; i++) {
                assert_int_equal(w[i].state, VERDICT_BREACH);
                assert_true(fabs(w[i].false_rollback - .01 / 5) < 1e-12 && w[i].always_valid_p <= .01 / 5);
        }
        judge_done(&j);
}

/* Through text, as the record is kept. */
static void recall(const struct judge *j, struct judge *out)
{
        json_t *doc = judge_to_json(j);
        char *text = json_dumps(doc, JSON_COMPACT);
        json_t *again = json_loads(text, 0, NULL);
        struct err e = { 0 };

        print_message("  %zu bytes\n", strlen(text));
        if (judge_from_json(again, out, &e) < 0)
                fail_msg("%s", e.msg);
        free(text);
        json_decref(doc);
        json_decref(again);
}

static void a_record_keeps_all_of_it(void **state)
{
        struct policy p;
        struct judge j = { 0 }, back = { 0 };
        struct feed f = { 0 };
        (void) state;

        begin(&p, &j, &f);
        go_on(&j, &p, &f, 12, 7, 22, 3.05);
        recall(&j, &back);
        assert_memory_equal(j.gates[DRIFT].drift, back.gates[DRIFT].drift, sizeof *j.gates[DRIFT].drift);
        assert_memory_equal(j.gates[MEAN].mean, back.gates[MEAN].mean, sizeof *j.gates[MEAN].mean);
        for (int i = 0; i < 30; i++) { /* the same from here on, whoever goes on */
                struct feed same = f;

                for (int k = 0; k < GATES; k++)
                        assert_true(f.values[k].known);
                go_on(&j, &p, &f, 1, 7, 22, 3.05);
                answer(&same);
                go_on(&back, &p, &same, 1, 7, 22, 3.05);
                f = same;
        }
        assert_memory_equal(j.gates[DRIFT].drift, back.gates[DRIFT].drift, sizeof *j.gates[DRIFT].drift);
        assert_memory_equal(j.gates[MEAN].mean, back.gates[MEAN].mean, sizeof *j.gates[MEAN].mean);
        assert_true(j.gates[NULLS].pair->test.worse.peak == back.gates[NULLS].pair->test.worse.peak);
        assert_true(j.gates[NULLS].pair->total[0].of == back.gates[NULLS].pair->total[0].of);
        judge_done(&j);
        judge_done(&back);
}

static void a_damaged_record_is_refused(void **state)
{
        static const char *const bad[] = { "[{}]",
                                           "[{\"pair\": {}}]",
                                           "[{\"mean\": {\"meters\": [], \"moments\": []}}]",
                                           "7",
                                           "[{\"pair\": {}, \"mean\": {}}]",
                                           "[{\"drift\": {\"classes\": 1}}]" };
        struct judge j = { 0 };
        (void) state;

        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                struct judge out = { 0 };
                struct err e = { 0 };
                json_t *doc = judge_to_json(&j);

                json_object_set_new(doc, "gates", json_loads(bad[i], JSON_DECODE_ANY, NULL));
                assert_int_equal(judge_from_json(doc, &out, &e), -1);
                print_message("  %s\n", e.msg);
                json_decref(doc);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_gate_breaks_on_what_it_compares), cmocka_unit_test(without_answers_it_holds_and_says_why),
                cmocka_unit_test(each_step_needs_something_new),     cmocka_unit_test(what_happens_apart_is_not_compared),
                cmocka_unit_test(the_views_have_what_was_compared),  cmocka_unit_test(a_record_keeps_all_of_it),
                cmocka_unit_test(a_damaged_record_is_refused),       cmocka_unit_test(a_bucket_that_goes_missing_is_no_evidence),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
