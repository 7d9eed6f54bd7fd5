/* YAML as JSON values: what is read, and everything that is refused. */
#include "lib/auto.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/yaml_json.h"
#include "tests/unit/lib/unit.h"

static void documents_become_values(void **state)
{
        static const struct {
                const char *yaml, *json;
        } cases[] = {
                { "a: 1\n", "{\"a\":\"1\"}" },
                { "a: 0123\nb: 1e5\nc: true\n", "{\"a\":\"0123\",\"b\":\"1e5\",\"c\":\"true\"}" },
                { "a: \nb: ~\nc: null\nd: 'null'\ne: \"\"\n", "{\"a\":null,\"b\":null,\"c\":null,\"d\":\"null\",\"e\":\"\"}" },
                { "- x\n- [y, {z: w}]\n", "[\"x\",[\"y\",{\"z\":\"w\"}]]" },
                { "a: |\n  one\n  two\n", "{\"a\":\"one\\ntwo\\n\"}" },
                { "---\n{\"json\": [\"too\"]}\n...\n", "{\"json\":[\"too\"]}" },
                { "{}", "{}" },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO(json) doc = NULL;
                struct err e = { 0 };
                assert_ok(yaml_json_parse("test", cases[i].yaml, strlen(cases[i].yaml), &doc, &e), e);
                AUTO(str) text = json_text(doc);
                assert_string_equal(text, cases[i].json);
        }
}

static void what_could_hide_something_is_refused(void **state)
{
        static const struct {
                const char *yaml, *why;
        } cases[] = {
                { "", "empty" },
                { "a: 1\na: 2\n", "twice" },
                { "a: &x 1\nb: *x\n", "anchors" },
                { "a: &x {}\n", "anchors" },
                { "<<: {a: 1}\n", "merge" },
                { "{[a]: b}\n", "plain text" },
                { "a: 1\n---\nb: 2\n", "more than one" },
                { "a: [1\n", "line" },
                { "a: \xff\n", "test" },
                { "\"\\0\": 1\nb: 2", "plain text" },
                { "a: \"b\\0c\"", "no text" },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                json_t *doc = NULL;
                struct err e = { 0 };
                assert_failed(yaml_json_parse("test", cases[i].yaml, strlen(cases[i].yaml), &doc, &e), e, ERR_INVALID,
                              cases[i].why);
                assert_null(doc);
        }
}

static void what_is_over_the_caps_is_refused(void **state)
{
        AUTO(str) deep = xcalloc(YAML_MAX_DEPTH + 2, 1);
        AUTO(str) large = xmalloc(YAML_MAX_BYTES + 1);
        json_t *doc = NULL;
        struct err e = { 0 };
        (void) state;

        memset(deep, '[', YAML_MAX_DEPTH + 1);
        assert_failed(yaml_json_parse("test", deep, strlen(deep), &doc, &e), e, ERR_TOO_LARGE, "levels");
        memset(large, ' ', YAML_MAX_BYTES + 1);
        assert_failed(yaml_json_parse("test", large, YAML_MAX_BYTES + 1, &doc, &e), e, ERR_TOO_LARGE, "bytes");
        large[0] = '[';
        for (size_t i = 1; i < YAML_MAX_BYTES; i += 2)
                memcpy(large + i, "x,", 2);
        assert_failed(yaml_json_parse("test", large, YAML_MAX_BYTES, &doc, &e), e, ERR_TOO_LARGE, "values");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(documents_become_values),
                cmocka_unit_test(what_could_hide_something_is_refused),
                cmocka_unit_test(what_is_over_the_caps_is_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
