/* The scanner's numbers are the ones strtod() reads, its names the ones JSON means. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scorer/feature_index.h"
#include "scorer/scan.h"

static void number_is_strtods(const char *text)
{
        struct err e = { 0 };
        struct scan s = { text, text, text + strlen(text), &e };
        double want = strtod(text, NULL), got;

        if (scan_number(&s, &got))
                fail_msg("%s: %s", text, e.msg);
        assert_ptr_equal(s.at, s.end);
        assert_memory_equal(&got, &want, sizeof want);
}

static void numbers_round_once(void **state)
{
        static const char *const texts[] = {
                "0",
                "-0",
                "0.0",
                "-0.0e5",
                "1",
                "0.1",
                "123456789012345",
                "1234567890123456",
                "9007199254740993",
                "1e22",
                "1e23",
                "1e-22",
                "1e-23",
                "4.9e-324",
                "2.2250738585072011e-308",
                "1.7976931348623157e308",
                "1e400",
                "-1e-400",
                "0.000000000000000000000000000000012345",
                "12345678901234567890123",
                "0e999999",
                "5e-1",
                "1E+2",
                "8.41",
                "0.30000000000000004",
                "2.5e-5",
                "100000000000000000000000000000000000000000000000000",
        };
        uint32_t seed = 99;
        char text[64];

        (void) state;
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                number_is_strtods(texts[i]);
        for (int i = 0; i < 100000; i++) {
                seed = seed * 1664525u + 1013904223u;
                (void) snprintf(text, sizeof text, "%.*g", 1 + (int) (seed >> 28),
                                ((double) seed - 2e9) * pow(10, (int) (seed >> 8) % 60 - 30));
                number_is_strtods(text);
        }
}

static void texts_mean_what_json_says(void **state)
{
        static const struct {
                const char *json, *text;
        } cases[] = {
                { "\"plain\"", "plain" },
                { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
                { "\"\\u0041\\u00E9\\u20ac\\ud83d\\ude00\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
                { "\"\\ud800\"", "\xef\xbf\xbd" },
                { "\"\\ud800\\u0041\"", "\xef\xbf\xbd"
                                        "A" },
                { "\"\\udc00x\"", "\xef\xbf\xbdx" },
                { "\"\\u0000\"", "\xef\xbf\xbd" },
        };

        (void) state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct err e = { 0 };
                struct scan s = { cases[i].json, cases[i].json, cases[i].json + strlen(cases[i].json), &e };
                struct scan_text t;
                assert_int_equal(scan_string(&s, "text", &t), 0);
                char *copy = scan_text_copy(&t);
                assert_string_equal(copy, cases[i].text);
                assert_true(scan_text_is(&t, cases[i].text));
                assert_false(scan_text_is(&t, "other"));
                free(copy);
        }
}

static void features_are_found_with_and_without_a_hint(void **state)
{
        enum { N = 500 };
        static char text[N][16];
        char *names[N];
        struct feature_index x;
        struct err e = { 0 };

        (void) state;
        for (int i = 0; i < N; i++) {
                (void) snprintf(text[i], sizeof text[i], "f%d", i);
                names[i] = text[i];
        }
        assert_int_equal(feature_index_init(&x, names, N, &e), 0);
        for (uint32_t i = 0; i < N; i++) {
                assert_int_equal(feature_index_find(&x, names[i], strlen(names[i]), i), i);
                assert_int_equal(feature_index_find(&x, names[i], strlen(names[i]), N - i), i);
        }
        assert_int_equal(feature_index_find(&x, "f", 1, 0), -1);
        assert_int_equal(feature_index_find(&x, "f10x", 3, 0), 10);
        feature_index_done(&x);
        names[7] = names[400];
        assert_int_equal(feature_index_init(&x, names, N, &e), -1);
        assert_string_equal(e.msg, "two features have the name \"f400\"");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(numbers_round_once),
                cmocka_unit_test(texts_mean_what_json_says),
                cmocka_unit_test(features_are_found_with_and_without_a_hint),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
