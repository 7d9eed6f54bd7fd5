/* Infer bodies: every accepted form gives the same rows, every other one a sentence that says what to change. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mem.h"
#include "scorer/v2_parse.h"

static char *names[] = { (char *) "age", (char *) "income", (char *) "home_ownership" };
static struct feature_index features;
static struct v2_schema schema = { .features = &features, .n_features = 3, .output = "predict", .max_rows = 4 };

static int setup(void **state)
{
        (void) state;
        return feature_index_init(&features, names, 3, NULL);
}

static int teardown(void **state)
{
        (void) state;
        feature_index_done(&features);
        return 0;
}

#define MATRIX(shape, data) "{\"inputs\":[{\"name\":\"x\",\"shape\":" shape ",\"datatype\":\"FP32\",\"data\":" data "}]}"
#define COLUMN(name, shape, data) "{\"name\":\"" name "\",\"shape\":" shape ",\"datatype\":\"FP64\",\"data\":" data "}"
#define TYPED(type, data) "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,3],\"datatype\":\"" type "\",\"data\":" data "}]}"
#define AROUND(members) "{" members "\"inputs\":[{\"name\":\"x\",\"shape\":[1,3],\"datatype\":\"FP32\",\"data\":[1,2,3]}]}"

static bool same(float a, float b)
{
        return isnan(a) ? isnan(b) : a == b;
}

static void accepted_bodies_become_rows(void **state)
{
        static const struct {
                const char *name, *body;
                size_t n_rows;
                float rows[6];
        } cases[] = {
                { "flat", MATRIX("[2,3]", "[1,2,3,4,5,6]"), 2, { 1, 2, 3, 4, 5, 6 } },
                { "nested", MATRIX("[2,3]", "[[1,2,3],[4,5,6]]"), 2, { 1, 2, 3, 4, 5, 6 } },
                { "missing", MATRIX("[1,3]", "[null,NaN,3]"), 1, { NAN, NAN, 3 } },
                { "numbers of every form",
                  MATRIX("[2,3]", "[-1,2.5,3e2,-4E-1,0.1,1e+2]"),
                  2,
                  { -1, 2.5f, 300, -0.4f, 0.1f, 100 } },
                { "white space",
                  "\n{ \"inputs\" : [ { \"name\" : \"x\" , \"shape\" : [ 1 , 3 ] , \"datatype\" : \"FP32\" , "
                  "\"data\" : [ 1 , 2 ,\t3 ] } ] }\r\n",
                  1,
                  { 1, 2, 3 } },
                { "members in another order",
                  "{\"inputs\":[{\"data\":[1,2,3],\"datatype\":\"FP32\",\"shape\":[1,3],"
                  "\"parameters\":{\"a\":1,\"b\":\"x\",\"c\":true},\"name\":\"x\"}]}",
                  1,
                  { 1, 2, 3 } },
                { "named columns",
                  "{\"inputs\":[" COLUMN("age", "[2]", "[1,4]") "," COLUMN("income", "[2,1]", "[2,5]") "," COLUMN(
                          "home_ownership", "[2,1]", "[[3],[6]]") "]}",
                  2,
                  { 1, 2, 3, 4, 5, 6 } },
                { "named columns in another order",
                  "{\"inputs\":[" COLUMN("home_ownership", "[1]",
                                         "[3]") "," COLUMN("age", "[1]", "[null]") "," COLUMN("income", "[1]", "[2]") "]}",
                  1,
                  { NAN, 2, 3 } },
                { "an escaped name",
                  "{\"inputs\":[" COLUMN("a\\u0067e", "[1]", "[1]") "," COLUMN("income", "[1]", "[2]") "," COLUMN(
                          "home\\u005fownership", "[1]", "[3]") "]}",
                  1,
                  { 1, 2, 3 } },
                { "id, parameters and outputs",
                  AROUND("\"id\":\"a\\\"1\",\"parameters\":{\"timeout\":5,\"p\":{\"q\":[1]}},"
                         "\"outputs\":[{\"name\":\"predict\",\"parameters\":{\"binary_data\":false}}],"),
                  1,
                  { 1, 2, 3 } },
                { "no outputs named", AROUND("\"outputs\":[],"), 1, { 1, 2, 3 } },
                { "integers", TYPED("INT32", "[-2147483648,2147483647,7.0]"), 1, { -2147483648.0f, 2147483647.0f, 7 } },
                { "integers beside the limits of 64 bits",
                  "{\"inputs\":[{\"name\":\"x\",\"shape\":[2,3],\"datatype\":\"UINT64\",\"data\":["
                  "18446744073709551615,18446744073709551000,9223372036854775807,9223372036854775808,0,1]}]}",
                  2,
                  { 0x1p64f, 0x1p64f, 0x1p63f, 0x1p63f, 0, 1 } },
                { "the largest and the smallest of INT64",
                  TYPED("INT64", "[9223372036854775807,9223372036854775295,-9223372036854775808]"),
                  1,
                  { 0x1p63f, 0x1p63f, -0x1p63f } },
                { "bytes", TYPED("UINT8", "[0,255,null]"), 1, { 0, 255, NAN } },
                { "truth", TYPED("BOOL", "[true,false,1]"), 1, { 1, 0, 1 } },
                { "the largest float",
                  TYPED("FP64", "[3.4028235e38,-3.4028235e38,1e-50]"),
                  1,
                  { 3.4028235e38f, -3.4028235e38f, 0 } },
                { "many digits",
                  TYPED("FP64", "[0.1000000000000000055511151231257827,16777217,0.30000001192092896]"),
                  1,
                  { 0.1f, 16777216, 0.3f } },
        };

        (void) state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct err e = { 0 };
                struct v2_request rq;
                print_message("  %s\n", cases[i].name);
                if (v2_parse(&schema, cases[i].body, strlen(cases[i].body), &rq, &e))
                        fail_msg("%s", e.msg);
                assert_int_equal(rq.n_rows, cases[i].n_rows);
                for (size_t k = 0; k < rq.n_rows * 3; k++)
                        assert_true(same(rq.rows[k], cases[i].rows[k]));
                v2_request_done(&rq);
        }
}

static void the_id_is_kept_as_it_was_written(void **state)
{
        static const char body[] = AROUND("\"id\":\"a\\\"\\u00e9\xc3\xa9\",");
        struct err e = { 0 };
        struct v2_request rq;

        (void) state;
        assert_int_equal(v2_parse(&schema, body, strlen(body), &rq, &e), 0);
        assert_string_equal(rq.id, "\"a\\\"\\u00e9\xc3\xa9\"");
        v2_request_done(&rq);
}

static void other_bodies_are_refused_with_a_reason(void **state)
{
        static const struct {
                const char *body, *why;
        } cases[] = {
                { "", "byte 0: the body has to be a JSON object" },
                { "[]", "byte 0: the body has to be a JSON object" },
                { "{", "byte 1: the name of a member has to follow" },
                { "{}", "the request has no inputs" },
                { "{\"inputs\":[]}", "the request has no inputs" },
                { "{\"inputs\":{}}", "byte 10: \"inputs\" is no list" },
                { "{\"inputs\":[1]}", "byte 11: an input is no object" },
                { "{\"inputs\":[{}]}", "byte 13: an input has no name" },
                { AROUND("") "x", "byte 72: more text after the body" },
                { AROUND("\"input\":1,"), "byte 9: \"input\" is no member of a request" },
                { AROUND("\"id\":\"1\",\"id\":\"2\","), "byte 15: \"id\" appears twice" },
                { AROUND("\"id\":7,"), "byte 6: \"id\" is no string" },
                { AROUND("\"id\":\"\xff\","), "byte 9: id is not UTF-8" },
                { AROUND("\"id\":\"\\q\","), "byte 7: an unknown escape in a string" },
                { AROUND("\"parameters\":[],"), "byte 14: \"parameters\" is no object" },
                { AROUND("\"outputs\":null,"), "byte 11: \"outputs\" is no list" },
                { AROUND("\"outputs\":[\"predict\"],"), "byte 12: an output is no object" },
                { AROUND("\"outputs\":[{\"name\":1}],"), "byte 20: an output's \"name\" is no string" },
                { AROUND("\"outputs\":[{}],"), "byte 14: an output has no name" },
                { AROUND("\"outputs\":[{\"name\":\"score\"}],"), "byte 28: output \"score\" is unknown; there is \"predict\"" },
                { AROUND("\"outputs\":[{\"name\":\"predict\",\"as\":1}],"), "byte 35: \"as\" is no member of an output" },
                { "{\"inputs\":[" COLUMN("age", "[1]", "[1]") "," COLUMN("income", "[1]", "[1]") "]}",
                  "missing input \"home_ownership\"" },
                { "{\"inputs\":[" COLUMN("age", "[1]", "[1]") "]}", "missing input \"income\"" },
                { "{\"inputs\":[" COLUMN("age", "[1]", "[1]") "," COLUMN("zip", "[1]", "[1]") "]}", "unexpected input \"zip\"" },
                { "{\"inputs\":[" COLUMN("age", "[1]", "[1]") "," COLUMN("age", "[1]", "[1]") "]}",
                  "input \"age\" appears twice" },
                { "{\"inputs\":[" COLUMN("age", "[1]", "[1]") "," COLUMN("income", "[2]", "[1,2]") "]}",
                  "input \"income\" has 2 rows, the first input has 1" },
                { "{\"inputs\":[" COLUMN("age", "[1]", "[1]") "," COLUMN("income", "[1,2]", "[1,2]") "]}",
                  "input \"income\" has 2 columns, it has to have one" },
                { MATRIX("[1,2]", "[1,2]"), "expected 3 columns, got 2" },
                { MATRIX("[1,4]", "[1,2,3,4]"), "expected 3 columns, got 4" },
                { MATRIX("[1,1]", "[1]"), "expected 3 columns, got 1" },
                { MATRIX("[3]", "[1,2,3]"), "the input has shape [3]; expected [rows, 3]" },
                { MATRIX("[5,3]", "[1,2,3,1,2,3,1,2,3,1,2,3,1,2,3]"), "the request has 5 rows, at most 4 are taken" },
                { MATRIX("[0,3]", "[]"), "input \"x\": has no rows" },
                { MATRIX("[]", "[1,2,3]"), "input \"x\": shape has no dimensions; [rows, columns] or [rows] are taken" },
                { MATRIX("[1,1,3]", "[1,2,3]"),
                  "input \"x\": byte 37: shape has more than two dimensions; [rows, columns] or [rows] are taken" },
                { MATRIX("[-1,3]", "[1,2,3]"), "input \"x\": byte 34: a length in shape is -1" },
                { MATRIX("[1.5,3]", "[1,2,3]"), "input \"x\": byte 32: a length in \"shape\" is no integer" },
                { MATRIX("3", "[1,2,3]"), "input \"x\": byte 31: \"shape\" is no list" },
                { MATRIX("[1,3]", "1"), "input \"x\": byte 62: \"data\" is no list" },
                { MATRIX("[1,3]", "[[1,2,3],4]"), "input \"x\": byte 71: a row of \"data\" is no list" },
                { MATRIX("[99999999999,3]", "[1,2,3]"), "input \"x\": byte 43: a length in shape is 99999999999" },
                { MATRIX("[2,3]", "[1,2,3]"), "input \"x\": shape wants 6 values, data has 3" },
                { MATRIX("[1,3]", "[1,2,3,4]"), "input \"x\": shape wants 3 values, data has 4" },
                { MATRIX("[2,3]", "[[1,2],[3,4,5,6]]"), "input \"x\": byte 78: the inner lists of data differ in length" },
                { MATRIX("[2,3]", "[[1,2],[3,4],[5,6]]"),
                  "input \"x\": the lists in data do not have the lengths that shape says" },
                { MATRIX("[1,3]", "[[],[1,2,3]]"), "input \"x\": byte 73: the inner lists of data differ in length" },
                { MATRIX("[1,3]", "[[[1,2,3]]]"), "input \"x\": byte 64: data[0] is no number" },
                { MATRIX("[1,3]", "[1,\"2\",3]"), "input \"x\": byte 65: data[1] is no number" },
                { MATRIX("[1,3]", "[1,{},3]"), "input \"x\": byte 65: data[1] is no number" },
                { MATRIX("[1,3]", "[1,2,]"), "input \"x\": byte 67: a comma before ]" },
                { MATRIX("[1,3]", "[1 2 3]"), "input \"x\": byte 65: a comma or ] has to follow" },
                { MATRIX("[1,3]", "[1,2,01]"), "input \"x\": byte 68: a comma or ] has to follow" },
                { MATRIX("[1,3]", "[1,2,.5]"), "input \"x\": byte 67: data[2] is no number" },
                { MATRIX("[1,3]", "[1,2,5.]"), "input \"x\": byte 67: this is no number" },
                { MATRIX("[1,3]", "[1,2,Infinity]"),
                  "input \"x\": byte 75: data[2] is infinite; missing values are null or NaN" },
                { MATRIX("[1,3]", "[1,2,-Infinity]"),
                  "input \"x\": byte 76: data[2] is infinite; missing values are null or NaN" },
                { MATRIX("[1,3]", "[1,2,1e39]"), "input \"x\": byte 71: data[2] is too large for a 32-bit float" },
                { MATRIX("[1,3]", "[1,2,-1e999]"), "input \"x\": byte 73: data[2] is too large for a 32-bit float" },
                { MATRIX("[1,3]", "[1,2"), "input \"x\": byte 66: a comma or ] has to follow" },
                { TYPED("FP16", "[1,2,3]"),
                  "input \"x\": byte 54: datatype \"FP16\" is not taken; FP32, FP64, INT8 to INT64, UINT8 "
                  "to UINT64 and BOOL are" },
                { TYPED("BYTES", "[\"a\"]"),
                  "input \"x\": byte 55: datatype \"BYTES\" is not taken; FP32, FP64, INT8 to INT64, UINT8 "
                  "to UINT64 and BOOL are" },
                { TYPED("FP32", "[1,2,true]"), "input \"x\": data[2] does not fit FP32" },
                { TYPED("INT8", "[1,2,128]"), "input \"x\": data[2] does not fit INT8" },
                { TYPED("INT8", "[-129,2,3]"), "input \"x\": data[0] does not fit INT8" },
                { TYPED("INT64", "[1,2.5,3]"), "input \"x\": data[1] does not fit INT64" },
                { TYPED("INT64", "[1,2,9223372036854775808]"), "input \"x\": data[2] does not fit INT64" },
                { TYPED("INT64", "[1,2,9.223372036854775807e18]"), "input \"x\": data[2] does not fit INT64" },
                { TYPED("INT64", "[1,2,18446744073709551615]"), "input \"x\": data[2] does not fit INT64" },
                { TYPED("UINT64", "[1,2,18446744073709551616]"), "input \"x\": data[2] does not fit UINT64" },
                { TYPED("UINT64", "[1,-2,3]"), "input \"x\": data[1] does not fit UINT64" },
                { TYPED("BOOL", "[true,2,3]"), "input \"x\": data[2] does not fit BOOL" },
                { "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,3],\"datatype\":\"FP32\","
                  "\"parameters\":{\"binary_data_size\":12}}]}",
                  "input \"x\": has no data (binary tensors are not taken)" },
                { "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"data\":[1,2,3]}]}", "input \"x\": has no shape" },
                { "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,3],\"data\":[1,2,3]}]}", "input \"x\": has no datatype" },
                { "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,3],\"shape\":[1,3]}]}",
                  "input \"x\": byte 45: \"shape\" appears twice in an input" },
                { "{\"inputs\":[{\"name\":\"x\",\"size\":1}]}", "input \"x\": byte 30: \"size\" is no member of an input" },
                { "{\"inputs\":[{\"name\":1}]}", "byte 19: an input's \"name\" is no string" },
                { "{\"inputs\":[{\"name\":\"x\",\"datatype\":null}]}", "input \"x\": byte 34: \"datatype\" is no string" },
                { "{\"inputs\":[{\"name\":\"x\",\"parameters\":1}]}", "input \"x\": byte 36: \"parameters\" is no object" },
                { "{\"inputs\":[{\"name\":\"x\ny\"}]}", "byte 21: a control character in a string" },
                { "{\"parameters\":{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":1}}}}},\"inputs\":[]}", "byte 34: nested too deep" },
        };

        (void) state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                size_t len = strlen(cases[i].body);
                char *exact = xmemdup(cases[i].body, len ? len : 1);
                struct err e = { 0 };
                struct v2_request rq;
                print_message("  %s\n", cases[i].body);
                assert_int_equal(v2_parse(&schema, exact, len, &rq, &e), -1);
                assert_string_equal(e.msg, cases[i].why);
                assert_int_equal(e.kind, ERR_INVALID);
                assert_null(rq.rows);
                free(exact);
        }
}

static void every_beginning_of_a_body_is_refused(void **state)
{
        static const char body[] =
                "{\"id\":\"\\u00e9\",\"inputs\":[{\"name\":\"x\",\"shape\":[1,3],\"datatype\":\"FP32\",\"data\":"
                "[[-1.5e3,null,NaN]],\"parameters\":{\"a\":[true,{}]}}],\"outputs\":[{\"name\":\"predict\"}]}";

        (void) state;
        for (size_t n = 0; n < sizeof body - 1; n++) {
                char *exact = xmemdup(body, n ? n : 1);
                struct err e = { 0 };
                struct v2_request rq;
                assert_int_equal(v2_parse(&schema, exact, n, &rq, &e), -1);
                free(exact);
        }
}

static void a_model_with_one_feature_takes_any_name_and_rank(void **state)
{
        static const char *const bodies[] = { MATRIX("[2]", "[1,2]"), MATRIX("[2,1]", "[[1],[2]]") };
        struct v2_schema one = { .features = &(struct feature_index){ 0 }, .n_features = 1, .output = "predict", .max_rows = 4 };

        (void) state;
        for (size_t i = 0; i < 2; i++) {
                struct err e = { 0 };
                struct v2_request rq;
                assert_int_equal(v2_parse(&one, bodies[i], strlen(bodies[i]), &rq, &e), 0);
                assert_int_equal(rq.n_rows, 2);
                v2_request_done(&rq);
        }
}

static void a_model_without_names_wants_one_input(void **state)
{
        static const char body[] = "{\"inputs\":[" COLUMN("a", "[1]", "[1]") "," COLUMN("b", "[1]", "[1]") "]}";
        struct v2_schema plain = {
                .features = &(struct feature_index){ 0 }, .n_features = 2, .output = "predict", .max_rows = 4
        };
        struct err e = { 0 };
        struct v2_request rq;

        (void) state;
        assert_int_equal(v2_parse(&plain, body, strlen(body), &rq, &e), -1);
        assert_string_equal(e.msg, "the model has no feature names: one input of shape [rows, 2] is expected");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(accepted_bodies_become_rows),
                cmocka_unit_test(the_id_is_kept_as_it_was_written),
                cmocka_unit_test(other_bodies_are_refused_with_a_reason),
                cmocka_unit_test(every_beginning_of_a_body_is_refused),
                cmocka_unit_test(a_model_with_one_feature_takes_any_name_and_rank),
                cmocka_unit_test(a_model_without_names_wants_one_input),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
