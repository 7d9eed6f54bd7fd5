/* Golden rows: read strictly, compared exactly; and when latency counts as settled. */
#include "tests/unit/lib/unit.h"

#include <stdlib.h>

#include "lib/mem.h"
#include "scorer/golden.h"
#include "scorer/warm_up.h"

/* One feature: below 0.5 the score is 0.1, else 0.2. */
static void open_stump(struct v2 *v)
{
        int64_t left[] = { 1, -1, -1 }, right[] = { 2, -1, -1 }, feature[3] = { 0 }, dir[3] = { 0 };
        float value[] = { 0.5f, 0.1f, 0.2f }, base = 0;
        struct forest_tree t = { 3, left, right, feature, dir, value, 0 };
        struct model m = { .objective = objective_find("reg:squarederror"), .n_features = 1, .n_outputs = 1 };
        struct err e = { 0 };

        m.forest = forest_new(1, 1, &base);
        assert_ok(forest_add(m.forest, &t, &e), e);
        forest_finish(m.forest);
        assert_ok(v2_open(v, "m", "1", "predict", 10, &m, &e), e);
}

#define IN(data) "\"inputs\":[{\"name\":\"x\",\"shape\":[2],\"datatype\":\"FP32\",\"data\":" data "}]"
#define OUT(data) "\"outputs\":[{\"name\":\"predict\",\"datatype\":\"FP32\",\"shape\":[2],\"data\":" data "}]"
#define GOOD "{" IN("[0,1]") "," OUT("[0.1,0.2]") "}"

static void rows_that_hold_are_counted(void **state)
{
        static const struct {
                const char *name, *text;
                size_t rows, bodies;
        } cases[] = {
                { "one line", GOOD, 2, 1 },
                { "with an end", GOOD "\n", 2, 1 },
                { "several, with empty ones between", GOOD "\n\n \r\n" GOOD "\r\n", 4, 2 },
                { "members in any order", "{" OUT("[0.1,0.2]") "," IN("[0,1]") "}", 2, 1 },
                { "nearly right, within its tolerance", "{\"tolerance\":0.011," IN("[0,1]") "," OUT("[0.11,0.19]") "}", 2, 1 },
        };
        struct v2 v;
        (void) state;

        open_stump(&v);
        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct golden g;
                struct err e = { 0 };

                print_message("  %s\n", cases[i].name);
                assert_ok(golden_check(&v, cases[i].text, strlen(cases[i].text), &g, &e), e);
                assert_int_equal(g.n_rows, cases[i].rows);
                assert_int_equal(g.n_bodies, cases[i].bodies);
                assert_string_equal(g.bodies[0], "{" IN("[0,1]") "}");
                golden_done(&g);
        }
        v2_close(&v);
}

static void rows_that_do_not_are_named(void **state)
{
        static const struct {
                const char *name, *text, *error;
        } cases[] = {
                { "nothing", "", "there are none" },
                { "nothing but white space", "\n \n", "there are none" },
                { "a wrong score", GOOD "\n{" IN("[0,1]") "," OUT("[0.1,0.3]") "}",
                  "golden rows, line 2: row 2: score 1 is 0.2 and has to be 0.3, give or take 0" },
                { "off by one bit", "{" IN("[0,1]") "," OUT("[0.10000001,0.2]") "}",
                  "row 1: score 1 is 0.1 and has to be 0.10000001" },
                { "beyond its tolerance", "{\"tolerance\":0.01," IN("[0,1]") "," OUT("[0.1,0.25]") "}", "give or take 0.01" },
                { "too few scores",
                  "{" IN("[0,1]") ",\"outputs\":[{\"name\":\"p\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":[1]}]}",
                  "1 scores are given for 2 rows of 1" },
                { "a score that is missing", "{" IN("[0,1]") "," OUT("[null,0.2]") "}", "no finite number" },
                { "no outputs", "{" IN("[0,1]") "}", "\"inputs\" or \"outputs\" is missing" },
                { "an empty list of them", "{" IN("[0,1]") ",\"outputs\":[]}", "\"inputs\" or \"outputs\" is missing" },
                { "two of them",
                  "{" IN("[0,1]") ",\"outputs\":[{\"name\":\"p\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":[1]},1]}",
                  "there is one output" },
                { "no inputs", "{" OUT("[0.1,0.2]") "}", "\"inputs\" or \"outputs\" is missing" },
                { "inputs that the model does not have",
                  "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,2],\"datatype\":\"FP32\",\"data\":[0,1]}]," OUT("[0.1,0.2]") "}",
                  "expected 1 columns" },
                { "an unknown member", "{\"id\":\"7\"," IN("[0,1]") "," OUT("[0.1,0.2]") "}",
                  "\"id\" is no member of a golden row" },
                { "a member twice", "{" IN("[0,1]") "," IN("[0,1]") "," OUT("[0.1,0.2]") "}", "\"inputs\" appears twice" },
                { "a negative tolerance", "{\"tolerance\":-1," IN("[0,1]") "," OUT("[0.1,0.2]") "}", "no positive number" },
                { "no object", "[]", "a line" },
                { "half an object", "{" IN("[0,1]"), "line 1" },
                { "more behind it", GOOD GOOD, "more text after the object" },
        };
        struct v2 v;
        (void) state;

        open_stump(&v);
        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct golden g;
                struct err e = { 0 };

                print_message("  %s\n", cases[i].name);
                assert_failed(golden_check(&v, cases[i].text, strlen(cases[i].text), &g, &e), e, ERR_INVALID, cases[i].error);
                assert_int_equal(g.n_bodies, 0);
        }
        v2_close(&v);
}

static void many_lines_are_all_checked_and_some_kept(void **state)
{
        AUTO_STRBUF text;
        struct golden g;
        struct v2 v;
        struct err e = { 0 };
        (void) state;

        open_stump(&v);
        strbuf_init(&text, 1 << 20);
        for (int i = 0; i < 2 * GOLDEN_BODIES_MAX; i++)
                strbuf_adds(&text, GOOD "\n");
        assert_ok(golden_check(&v, strbuf_str(&text), text.len, &g, &e), e);
        assert_int_equal(g.n_rows, 4 * GOLDEN_BODIES_MAX);
        assert_int_equal(g.n_bodies, GOLDEN_BODIES_MAX);
        golden_done(&g);
        strbuf_adds(&text, "{" IN("[0,1]") "," OUT("[0,0]") "}");
        assert_failed(golden_check(&v, strbuf_str(&text), text.len, &g, &e), e, ERR_INVALID, "line 513");
        v2_close(&v);
}

static void the_99th_percentile_is_the_one_that_one_percent_are_above(void **state)
{
        int64_t us[200];
        (void) state;

        for (int i = 0; i < 200; i++)
                us[i] = 200 - i;
        assert_int_equal(warm_up_p99(us, 200), 198);
        assert_int_equal(warm_up_p99((int64_t[]){ 3, 9, 1 }, 3), 9);
        assert_int_equal(warm_up_p99((int64_t[]){ 7 }, 1), 7);
}

static void latency_has_settled_when_two_batches_are_alike(void **state)
{
        static const struct {
                int64_t before_us, now_us;
                bool settled;
        } cases[] = {
                { 1000, 1000, true }, { 1000, 1200, true }, { 1000, 800, true }, { 1000, 1201, false },
                { 1000, 500, false }, { 10, 60, true },     { 10, 61, false },   { 0, 0, true },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++)
                assert_int_equal(warm_up_settled(cases[i].before_us, cases[i].now_us), cases[i].settled);
}

static void it_ends_when_it_is_told_to(void **state)
{
        const struct golden none = { 0 };
        atomic_bool cancel = true;
        struct warm_up w;
        struct v2 v;
        (void) state;

        open_stump(&v);
        warm_up(&v, &none, 60000, &cancel, &w);
        assert_false(w.settled);
        assert_int_equal(w.requests, 0);
        cancel = false;
        warm_up(&v, &none, 0, &cancel, &w);
        assert_int_equal(w.requests, 0);
        warm_up(&v, &none, 60000, &cancel, &w);
        assert_true(w.settled);
        assert_true(w.requests >= 64);
        v2_close(&v);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rows_that_hold_are_counted),
                cmocka_unit_test(rows_that_do_not_are_named),
                cmocka_unit_test(many_lines_are_all_checked_and_some_kept),
                cmocka_unit_test(the_99th_percentile_is_the_one_that_one_percent_are_above),
                cmocka_unit_test(latency_has_settled_when_two_batches_are_alike),
                cmocka_unit_test(it_ends_when_it_is_told_to),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
