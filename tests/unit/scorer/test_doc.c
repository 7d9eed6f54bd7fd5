/* Both parsers of model documents: what they read, and that whatever is malformed or too large is refused with its place. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mem.h"
#include "scorer/doc.h"

static const struct doc_limits limits = { .max_bytes = 1 << 20, .max_values = 1000, .max_depth = 8 };

static const struct doc_value *member(const struct doc_value *v, const char *key)
{
        for (const struct doc_value *m = v->first; m; m = m->next)
                if (!strcmp(m->key, key))
                        return m;
        fail_msg("there is no member %s", key);
        return NULL;
}

static void json_of_every_kind(void **state)
{
        static const char text[] =
                " {\"n\":null, \"t\":true,\"i\":-12,\"f\":5E-1,\"s\":\"a\\n\\u00e9\\ud83d\\ude00\",\"l\":[{},[]],\"e\":[ ],"
                "\"ints\":[1, 2,true],\"reals\":[1,2.5,NaN,-Infinity,Infinity],\"big\":123456789012345678901} ";
        struct err e = { 0 };
        struct doc d;

        (void) state;
        assert_int_equal(doc_json_parse(text, strlen(text), &limits, &d, &e), 0);
        assert_int_equal(d.root->kind, DOC_OBJECT);
        assert_int_equal(d.root->count, 10);
        assert_int_equal(member(d.root, "n")->kind, DOC_NULL);
        assert_true(member(d.root, "t")->truth);
        assert_int_equal(member(d.root, "i")->integer, -12);
        assert_true(member(d.root, "f")->real == 0.5f);
        assert_string_equal(member(d.root, "s")->text, "a\n\xc3\xa9\xf0\x9f\x98\x80");
        assert_int_equal(member(d.root, "l")->count, 2);
        assert_int_equal(member(d.root, "e")->kind, DOC_LIST);
        assert_int_equal(member(d.root, "ints")->kind, DOC_INTS);
        assert_int_equal(member(d.root, "ints")->ints[2], 1);
        const struct doc_value *reals = member(d.root, "reals");
        assert_int_equal(reals->kind, DOC_FLOATS);
        assert_true(doc_real(reals, 0) == 1.0f && doc_real(reals, 1) == 2.5f && isnan(doc_real(reals, 2)));
        assert_true(doc_real(reals, 3) == -INFINITY && doc_real(reals, 4) == INFINITY);
        assert_true(member(d.root, "big")->kind == DOC_FLOAT && member(d.root, "big")->real == 123456789012345678901.0f);
        doc_done(&d);
}

/* Decimal texts between two floats, where a way through double would round twice. */
static void json_numbers_round_like_strtof(void **state)
{
        static const char *const texts[] = { "1.00000017881393432617187499",
                                             "1.00000017881393432617187501",
                                             "3.4028235E38",
                                             "1.1754944E-38",
                                             "1e-45",
                                             "7.038531E-26",
                                             "8589973000.5",
                                             "-0.0",
                                             "16777217E0" };

        (void) state;
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
                struct err e = { 0 };
                struct doc d;
                float want = strtof(texts[i], NULL);
                assert_int_equal(doc_json_parse(texts[i], strlen(texts[i]), &limits, &d, &e), 0);
                assert_memory_equal(&d.root->real, &want, sizeof want);
                doc_done(&d);
        }
}

static void malformed_json_is_refused(void **state)
{
        static const struct {
                const char *text, *why;
        } cases[] = {
                { "", "byte 0: this is no value" },
                { "{", "byte 1: the name of a member has to follow" },
                { "{\"a\"}", "byte 4: a colon has to follow" },
                { "{\"a\":1,}", "byte 7: the name of a member has to follow" },
                { "{\"a\":1 \"b\":2}", "byte 7: a comma or } has to follow" },
                { "[1,2", "byte 4: a comma or ] has to follow" },
                { "[1,,2]", "byte 3: this is no value" },
                { "[1,\"a\"]", "byte 3: a list that mixes numbers with other values" },
                { "[\"a\",1]", "byte 6: a list that mixes numbers with other values" },
                { "[01]", "byte 2: a comma or ] has to follow" },
                { "[1.]", "byte 1: this is no value" },
                { "[1e]", "byte 1: this is no value" },
                { "[+1]", "byte 1: this is no value" },
                { "[0x10]", "byte 2: a comma or ] has to follow" },
                { "\"abc", "byte 4: a string without an end" },
                { "\"a\nb\"", "byte 2: a control character in a string" },
                { "\"\\x\"", "byte 3: an unknown escape in a string" },
                { "\"\\u12g4\"", "byte 5: \\u wants four hexadecimal digits" },
                { "\"\\ud800x\"", "byte 7: half a surrogate pair in a string" },
                { "\"\\u0000\"", "byte 7: a string has a NUL byte" },
                { "\"\xff\"", "byte 2: a string is not UTF-8" },
                { "{} {}", "byte 3: more text after the document" },
                { "[[[[[[[[[1]]]]]]]]]", "byte 8: nested deeper than 8 levels" },
                { "nul", "byte 0: this is no value" },
        };

        (void) state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct err e = { 0 };
                struct doc d;
                print_message("  %s\n", cases[i].text);
                assert_int_equal(doc_json_parse(cases[i].text, strlen(cases[i].text), &limits, &d, &e), -1);
                assert_string_equal(e.msg, cases[i].why);
                assert_int_equal(e.kind, ERR_INVALID);
        }
}

static void every_beginning_of_a_json_document_is_refused(void **state)
{
        static const char text[] = "{\"a\":[1,2.5,NaN],\"b\":{\"c\":\"\\u00e9\",\"d\":[true,false],\"e\":[[],{}]},\"f\":-1E5}";

        (void) state;
        for (size_t n = 0; n < strlen(text); n++) {
                char *copy = xmemdup(text, n ? n : 1); /* of exactly n bytes, so that a sanitizer sees reading beyond */
                struct err e = { 0 };
                struct doc d;
                assert_int_equal(doc_json_parse(copy, n, &limits, &d, &e), -1);
                free(copy);
        }
}

static void documents_over_a_limit_are_refused(void **state)
{
        struct doc_limits small = { .max_bytes = 4096, .max_values = 20, .max_depth = 4 };
        struct err e = { 0 };
        struct doc d;
        char numbers[8192], lists[256] = "[";

        (void) state;
        memset(numbers, '1', sizeof numbers);
        for (size_t i = 0; i < sizeof numbers; i += 2)
                numbers[i] = i ? ',' : '[';
        numbers[sizeof numbers - 1] = ']';
        assert_int_equal(doc_json_parse(numbers, sizeof numbers, &small, &d, &e), -1);
        assert_int_equal(e.kind, ERR_TOO_LARGE);
        for (int i = 0; i < 30; i++)
                strcat(lists, i ? ",[]" : "[]");
        strcat(lists, "]");
        assert_int_equal(doc_json_parse(lists, strlen(lists), &small, &d, &e), -1);
        assert_string_equal(e.msg, "byte 58: the document has more than 20 values");
}

#define UBJ(s) s, sizeof(s) - 1

static void ubjson_of_every_kind(void **state)
{
        /* Typed arrays as XGBoost writes them, a counted and a plain one, scalars of every size. */
        static const char bytes[] = "{L\0\0\0\0\0\0\0\1a[$d#L\0\0\0\0\0\0\0\2\x3f\x80\0\0\xff\x80\0\0"
                                    "i\1b[$l#L\0\0\0\0\0\0\0\1\xff\xff\xff\xfe"
                                    "U\1c[#i\2I\1\0i\xff"
                                    "i\1d[SL\0\0\0\0\0\0\0\2\xc3\xa9]"
                                    "i\1eD\x3f\xe0\0\0\0\0\0\0"
                                    "i\1fTi\1gZ"
                                    "i\1h[$U#i\0"
                                    "i\1i[TF]}";
        struct err e = { 0 };
        struct doc d;

        (void) state;
        assert_int_equal(doc_ubjson_parse(UBJ(bytes), &limits, &d, &e), 0);
        assert_true(member(d.root, "a")->reals[0] == 1.0f && member(d.root, "a")->reals[1] == -INFINITY);
        assert_int_equal(member(d.root, "b")->ints[0], -2);
        assert_int_equal(member(d.root, "c")->count, 2);
        assert_int_equal(member(d.root, "c")->ints[0], 256);
        assert_int_equal(member(d.root, "c")->ints[1], -1);
        assert_string_equal(member(d.root, "d")->first->text, "\xc3\xa9");
        assert_true(member(d.root, "e")->real == 0.5f);
        assert_true(member(d.root, "f")->truth);
        assert_int_equal(member(d.root, "g")->kind, DOC_NULL);
        assert_int_equal(member(d.root, "h")->count, 0);
        assert_int_equal(member(d.root, "i")->ints[0], 1);
        doc_done(&d);
        for (size_t n = 0; n < sizeof bytes - 1; n++) {
                char *copy = xmemdup(bytes, n ? n : 1);
                assert_int_equal(doc_ubjson_parse(copy, n, &limits, &d, &e), -1);
                free(copy);
        }
}

static void malformed_ubjson_is_refused(void **state)
{
        static const struct {
                const char *bytes;
                size_t len;
                const char *why;
        } cases[] = {
                { UBJ(""), "byte 0: the file ends in the middle of the document" },
                { UBJ("{L\0\0\0\0\0\0\x10\0a"), "byte 10: length 4096 is beyond the end of the file" },
                { UBJ("{L\xff\xff\xff\xff\xff\xff\xff\xff"), "byte 10: length -1 is beyond the end of the file" },
                { UBJ("[$d#L\x20\0\0\0\0\0\0\1aaaa"), "byte 13: length 2305843009213693953 is beyond the end of the file" },
                { UBJ("[$S#i\1i\1a"), "byte 4: a typed array has to be of numbers and counted" },
                { UBJ("[$di\1"), "byte 4: a typed array has to be of numbers and counted" },
                { UBJ("[#i\3i\1i\2"), "byte 8: the file ends in the middle of the document" },
                { UBJ("[i\1S"), "byte 4: a list that mixes numbers with other values" },
                { UBJ("[Zi\1]"), "byte 4: a list that mixes numbers with other values" },
                { UBJ("[Hi\1"), "byte 1: marker 0x48 is unknown here" },
                { UBJ("{}}"), "byte 2: more bytes after the document" },
                { UBJ("Sd\0\0\0\0"), "byte 2: a length has to follow" },
                { UBJ("Si\3a\0b"), "byte 3: a string has a NUL byte" },
                { UBJ("[[[[[[[[["), "byte 9: nested deeper than 8 levels" },
        };

        (void) state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct err e = { 0 };
                struct doc d;
                assert_int_equal(doc_ubjson_parse(cases[i].bytes, cases[i].len, &limits, &d, &e), -1);
                assert_string_equal(e.msg, cases[i].why);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(json_of_every_kind),
                cmocka_unit_test(json_numbers_round_like_strtof),
                cmocka_unit_test(malformed_json_is_refused),
                cmocka_unit_test(every_beginning_of_a_json_document_is_refused),
                cmocka_unit_test(documents_over_a_limit_are_refused),
                cmocka_unit_test(ubjson_of_every_kind),
                cmocka_unit_test(malformed_ubjson_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
