/* JSON: errors are sentences, formats are schemas, text is always well-formed. */
#include "tests/unit/lib/unit.h"

#include "lib/json.h"
#include "lib/mem.h"

static json_t *parsed(const char *text)
{
        struct err e;
        json_t *doc = NULL;

        assert_ok(json_parse("test", text, strlen(text), &doc, &e), e);
        return doc;
}

static void bad_documents_are_refused_with_the_line(void **state)
{
        static const char *const bad[] = { "", "{", "{\"a\":1,}", "[1] [2]", "{\"a\":1,\"a\":2}", "nul", "\"\xff\"", "{'a':1}" };
        struct err e;
        json_t *doc;

        (void) state;
        for (size_t i = 0; i < LENGTH(bad); i++)
                assert_failed(json_parse("body", bad[i], strlen(bad[i]), &doc, &e), e, ERR_INVALID, "body: line ");
}

static void nesting_has_an_end(void **state)
{
        char text[4 * JSON_DEPTH_MAX];
        struct err e;
        json_t *doc;

        (void) state;
        memset(text, '[', JSON_DEPTH_MAX + 1);
        memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
        assert_failed(json_parse("body", text, 2 * (JSON_DEPTH_MAX + 1), &doc, &e), e, ERR_INVALID, "64 levels");
        assert_ok(json_parse("body", text + 1, 2 * JSON_DEPTH_MAX, &doc, &e), e);
        json_decref(doc);
}

static void brackets_in_strings_and_side_by_side_are_no_nesting(void **state)
{
        AUTO_STRBUF b;

        (void) state;
        strbuf_init(&b, 10000);
        strbuf_adds(&b, "[\"\\\"");
        for (int i = 0; i < 1000; i++)
                strbuf_adds(&b, "[{");
        strbuf_adds(&b, "\"");
        for (int i = 0; i < 1000; i++)
                strbuf_adds(&b, ",[]");
        strbuf_adds(&b, "]");
        AUTO(json) doc = parsed(strbuf_str(&b));
        assert_int_equal(json_array_size(doc), 1001);
}

static void the_format_is_the_schema(void **state)
{
        static const struct {
                const char *doc, *complaint; /* NULL: fine */
        } cases[] = {
                { "{\"name\":\"a\",\"n\":1}", NULL },
                { "{\"name\":\"a\",\"n\":1,\"why\":\"b\"}", NULL },
                { "{\"name\":\"a\"}", "n" },
                { "{\"name\":\"a\",\"n\":\"1\"}", "Expected integer" },
                { "{\"name\":\"a\",\"n\":1,\"extra\":1}", "extra" },
                { "[]", "Expected object" },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct err e = { 0 };
                const char *name, *why = NULL;
                int n;
                AUTO(json) doc = parsed(cases[i].doc);
                int r = json_take("body", doc, &e, "{s:s, s:i, s?s}", "name", &name, "n", &n, "why", &why);
                if (cases[i].complaint)
                        assert_failed(r, e, ERR_INVALID, cases[i].complaint);
                else
                        assert_ok(r, e);
        }
}

static void peeking_tolerates_new_members(void **state)
{
        struct err e;
        int n = 0;
        AUTO(json) doc = parsed("{\"n\":1,\"new\":true}");

        (void) state;
        assert_ok(json_peek("answer", doc, &e, "{s:i}", "n", &n), e);
        assert_int_equal(n, 1);
}

static void equal_documents_have_equal_canonical_text(void **state)
{
        AUTO(json) a = parsed("{\"b\":[1, 2.5, {\"y\":null,\"x\":true}],\"a\":\"\\u00e9\"}");
        AUTO(json) b = parsed("{ \"a\" : \"\xc3\xa9\", \"b\" : [1,2.5,{\"x\":true,\"y\":null}] }");
        AUTO(str) text_a = json_canonical(a);
        AUTO(str) text_b = json_canonical(b);

        (void) state;
        assert_string_equal(text_a, text_b);
        assert_string_equal(text_a, "{\"a\":\"\xc3\xa9\",\"b\":[1,2.5,{\"x\":true,\"y\":null}]}");
}

static void numbers_are_written_as_short_as_they_read_back(void **state)
{
        static const struct {
                const char *in, *out;
        } cases[] = {
                { "0.91", "0.91" },
                { "0.1", "0.1" },
                { "0.30000000000000004", "0.30000000000000004" },
                { "1.0", "1.0" },
                { "-0.0", "-0.0" },
                { "1e2", "100.0" },
                { "1e300", "1e+300" },
                { "5e-324", "4.94065645841247e-324" },
                { "9007199254740993", "9007199254740993" },
                { "-7", "-7" },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO(json) doc = json_loads(cases[i].in, JSON_DECODE_ANY, NULL);
                AUTO(str) text = json_text(doc);
                assert_string_equal(text, cases[i].out);
        }
}

static void text_of_nothing_is_null(void **state)
{
        (void) state;
        AUTO(str) text = json_text(NULL);
        assert_string_equal(text, "null");
}

static void quoting_escapes_and_mends(void **state)
{
        static const struct {
                const char *in, *out;
        } cases[] = {
                { "", "\"\"" },
                { "a\"b\\c", "\"a\\\"b\\\\c\"" },
                { "\n\t\x01", "\"\\n\\t\\u0001\"" },
                { "\xc3\xa9\xf0\x9f\x98\x80", "\"\xc3\xa9\xf0\x9f\x98\x80\"" },
                { "\xff", "\"\xef\xbf\xbd\"" },
                { "\xc3", "\"\xef\xbf\xbd\"" },                                                 /* cut off by the end */
                { "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },                                 /* overlong '/' */
                { "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },                 /* surrogate */
                { "\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" }, /* past U+10FFFF */
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO_STRBUF b;
                strbuf_init(&b, 1000);
                json_quote(&b, cases[i].in);
                assert_string_equal(strbuf_str(&b), cases[i].out);
                AUTO(json) back = json_loads(strbuf_str(&b), JSON_DECODE_ANY, NULL);
                assert_non_null(back);
                assert_int_equal(json_is_utf8(cases[i].in), strcmp(json_string_value(back), cases[i].in) == 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(bad_documents_are_refused_with_the_line),
                cmocka_unit_test(nesting_has_an_end),
                cmocka_unit_test(brackets_in_strings_and_side_by_side_are_no_nesting),
                cmocka_unit_test(the_format_is_the_schema),
                cmocka_unit_test(peeking_tolerates_new_members),
                cmocka_unit_test(equal_documents_have_equal_canonical_text),
                cmocka_unit_test(numbers_are_written_as_short_as_they_read_back),
                cmocka_unit_test(text_of_nothing_is_null),
                cmocka_unit_test(quoting_escapes_and_mends),
        };

        mem_init();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
