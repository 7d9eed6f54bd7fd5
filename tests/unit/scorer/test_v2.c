/* From an infer body to its answer, and what happens when a score cannot be said. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mem.h"
#include "scorer/v2.h"
#include "scorer/v2_reply.h"

/* One feature: below 0.5 the score is `low`, else `high`, per group. */
static struct model stump(const char *objective, uint32_t n_groups, float low, float high)
{
        int64_t left[] = { 1, -1, -1 }, right[] = { 2, -1, -1 }, feature[3] = { 0 }, dir[3] = { 0 };
        float value[] = { 0.5f, low, high }, *base = xcalloc(n_groups, sizeof *base);
        struct model m = { .objective = objective_find(objective), .n_features = 1, .n_outputs = n_groups };

        for (uint32_t g = 0; g < n_groups; g++)
                base[g] = (float) g;
        m.forest = forest_new(1, n_groups, base);
        for (uint32_t g = 0; g < n_groups; g++) {
                struct forest_tree t = { 3, left, right, feature, dir, value, g };
                assert_int_equal(forest_add(m.forest, &t, NULL), 0);
        }
        forest_finish(m.forest);
        free(base);
        return m;
}

static int infer(struct model m, const char *data, char *out, size_t size, struct err *e)
{
        struct v2 v;
        AUTO_STRBUF b;
        char *body =
                xasprintf("{\"id\":\"7\",\"inputs\":[{\"name\":\"x\",\"shape\":[2],\"datatype\":\"FP32\",\"data\":%s}]}", data);

        strbuf_init(&b, V2_ANSWER_MAX);
        assert_int_equal(v2_open(&v, "credit", "3", "predict", 10, &m, e), 0);
        assert_null(m.forest);
        int r = v2_infer(&v, body, strlen(body), &b, NULL, e);
        assert_true(b.len < size);
        strcpy(out, strbuf_str(&b));
        v2_close(&v);
        free(body);
        return r;
}

static void an_answer_has_a_score_per_row(void **state)
{
        struct err e = { 0 };
        char out[512];

        (void) state;
        assert_int_equal(infer(stump("reg:squarederror", 1, -0.1f, 1e10f), "[0.25,0.5]", out, sizeof out, &e), 0);
        assert_string_equal(out,
                            "{\"model_name\":\"credit\",\"model_version\":\"3\",\"id\":\"7\",\"outputs\":[{\"name\":\"predict\","
                            "\"datatype\":\"FP32\",\"shape\":[2],\"data\":[-0.1,1e+10]}]}");
}

static void classes_are_a_second_dimension(void **state)
{
        struct err e = { 0 };
        char out[512];

        (void) state;
        assert_int_equal(infer(stump("reg:squarederror", 2, 1, 2), "[0,null]", out, sizeof out, &e), 0);
        assert_non_null(strstr(out, "\"shape\":[2,2],\"data\":[1.0,2.0,2.0,3.0]"));
}

static void a_score_that_is_not_finite_is_an_error(void **state)
{
        struct err e = { 0 };
        char out[512];

        (void) state;
        assert_int_equal(infer(stump("count:poisson", 1, 1, 200), "[0,1]", out, sizeof out, &e), -1);
        assert_int_equal(e.kind, ERR_INTERNAL);
        assert_string_equal(e.msg, "the score of row 1 is not a finite number");
}

static void a_model_that_overflows_by_itself_is_refused(void **state)
{
        struct model m = stump("reg:squarederror", 1, FLT_MAX, FLT_MAX);
        struct model twice = stump("count:poisson", 1, 100, 200);
        struct err e = { 0 };

        (void) state;
        assert_int_equal(model_warm(&m, &e), 0);
        assert_int_equal(model_warm(&twice, &e), -1);
        model_done(&m);
        model_done(&twice);
}

static void features_with_one_name_are_refused(void **state)
{
        struct model m = stump("reg:squarederror", 1, 0, 1);
        struct err e = { 0 };
        struct v2 v;

        (void) state;
        /* The forest knows one feature, which does not matter: it is never asked. */
        m.n_features = 2;
        m.feature_names = xcalloc(2, sizeof *m.feature_names);
        m.feature_names[0] = xstrdup("age");
        m.feature_names[1] = xstrdup("age");
        assert_int_equal(v2_open(&v, "credit", "3", "predict", 10, &m, &e), -1);
        assert_string_equal(e.msg, "learner.feature_names: two features have the name \"age\"");
}

static void metadata_is_whole_or_an_error(void **state)
{
        struct model m = stump("reg:squarederror", 1, 0, 1);
        struct err e = { 0 };
        struct v2 v;

        (void) state;
        assert_int_equal(v2_open(&v, "credit", "3", "predict", 10, &m, &e), 0);
        for (size_t max = 0; max < 400; max++) {
                AUTO_STRBUF b;
                strbuf_init(&b, max);
                if (v2_describe(&v, &b, &e) == 0)
                        assert_string_equal(strbuf_str(&b) + b.len - 4, "]}]}");
                else
                        assert_true(max < 200 && e.kind == ERR_INTERNAL);
        }
        v2_close(&v);
}

static void errors_are_json_whatever_the_names(void **state)
{
        AUTO_STRBUF b;

        (void) state;
        strbuf_init(&b, 1000);
        v2_reply_error(&b, "missing input \"\xff\n\"");
        assert_string_equal(strbuf_str(&b), "{\"error\":\"missing input \\\"\xef\xbf\xbd\\n\\\"\"}");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_answer_has_a_score_per_row),
                cmocka_unit_test(classes_are_a_second_dimension),
                cmocka_unit_test(a_score_that_is_not_finite_is_an_error),
                cmocka_unit_test(a_model_that_overflows_by_itself_is_refused),
                cmocka_unit_test(features_with_one_name_are_refused),
                cmocka_unit_test(metadata_is_whole_or_an_error),
                cmocka_unit_test(errors_are_json_whatever_the_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
