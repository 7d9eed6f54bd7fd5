/* Text for people: words, widths, sizes, times, tables, JSON, bars. */
#include "ctl/text.h"

#include "ctl/output.h"
#include "ctl/progress.h"
#include "ctl/suggest.h"
#include "ctl/table.h"
#include "tests/unit/lib/unit.h"

static void distance_counts_single_slips(void **state)
{
        static const struct {
                const char *a, *b;
                size_t distance;
        } cases[] = {
                { "", "", 0 },         { "push", "push", 0 },      { "push", "pusj", 1 },
                { "push", "psuh", 1 }, { "push", "ush", 1 },       { "push", "pushh", 1 },
                { "", "pull", 4 },     { "kitten", "sitting", 3 }, { "ca", "abc", 3 },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                assert_int_equal(suggest_distance(cases[i].a, cases[i].b), cases[i].distance);
                assert_int_equal(suggest_distance(cases[i].b, cases[i].a), cases[i].distance);
        }
}

static void only_near_words_are_suggested(void **state)
{
        static const struct {
                const char *typed, *best;
        } cases[] = { { "pusj", "push" }, { "pul", "pull" }, { "roll", "rollback" }, { "x", NULL }, { "frobnicate", NULL } };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct suggestion s = { 0 };
                suggest_offer(&s, cases[i].typed, "push");
                suggest_offer(&s, cases[i].typed, "pull");
                suggest_offer(&s, cases[i].typed, "rollback");
                if (cases[i].best)
                        assert_string_equal(s.best, cases[i].best);
                else
                        assert_null(s.best);
        }
}

static void widths_are_columns_not_bytes(void **state)
{
        (void) state;
        assert_int_equal(text_width("abc"), 3);
        assert_int_equal(text_width("M\xc3\xbcnchen"), 7);
        assert_int_equal(text_width("e\xcc\x81"), 1);                /* combining accent */
        assert_int_equal(text_width("\xe6\xa8\xa1\xe5\x9e\x8b"), 4); /* two wide characters */
        assert_int_equal(text_width("\xff\xfe"), 2);
        assert_int_equal(text_width(""), 0);
}

static void clean_text_cannot_steer_a_terminal(void **state)
{
        static const struct {
                const char *dirty;
                size_t max;
                const char *clean;
        } cases[] = {
                { "plain", 0, "plain" },
                { "\033[31mred\033[0m", 0, "\xef\xbf\xbd[31mred\xef\xbf\xbd[0m" },
                { "bell\a", 0, "bell\xef\xbf\xbd" },
                { "two\nlines\tand tab", 0, "two lines and tab" },
                { "c1\xc2\x9b"
                  "31m",
                  0,
                  "c1\xef\xbf\xbd"
                  "31m" },
                { "bad\xff", 0, "bad\xef\xbf\xbd" },
                { "cut here", 6, "cut..." },
                { "M\xc3\xbcnchen", 7, "M\xc3\xbcnchen" },
                { "M\xc3\xbcnchen", 5, "M\xc3\xbc..." },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO_STRBUF b;
                strbuf_init(&b, 256);
                text_clean(&b, cases[i].dirty, cases[i].max);
                assert_string_equal(strbuf_str(&b), cases[i].clean);
        }
}

static void sizes_durations_and_shares_read_well(void **state)
{
        static const struct {
                int64_t value;
                const char *text;
        } sizes[] = { { 0, "0 B" },
                      { 1023, "1023 B" },
                      { 1024, "1.0 KiB" },
                      { 1048575, "1.0 MiB" },
                      { 1536, "1.5 KiB" },
                      { 27 << 20, "27.0 MiB" },
                      { INT64_C(16) << 30, "16.0 GiB" } },
          durations[] = { { -5, "0s" },     { 0, "0s" },          { 400, "0.4s" },       { 1000, "1s" },
                          { 42000, "42s" }, { 200000, "3m 20s" }, { 3900000, "1h 05m" }, { INT64_C(183600000), "2d 3h" } };
        static const struct {
                double value;
                const char *text;
        } shares[] = { { 5, "5 %" }, { 5.08, "5.08 %" }, { 0.5, "0.5 %" }, { 99.999, "100 %" },
                       { 0, "0 %" }, { 100, "100 %" },   { -1, "-" } };
        char out[TEXT_MAX];

        (void) state;
        for (size_t i = 0; i < LENGTH(sizes); i++) {
                text_bytes(sizes[i].value, out);
                assert_string_equal(out, sizes[i].text);
        }
        for (size_t i = 0; i < LENGTH(durations); i++) {
                text_duration(durations[i].value, out);
                assert_string_equal(out, durations[i].text);
        }
        for (size_t i = 0; i < LENGTH(shares); i++) {
                text_percent(shares[i].value, out);
                assert_string_equal(out, shares[i].text);
        }
}

static void ages_are_told_in_one_unit(void **state)
{
        static const struct {
                const char *at, *age;
        } cases[] = {
                { "2026-03-01T12:00:00.000Z", "just now" },
                { "2026-03-01T11:59:18.000Z", "42s ago" },
                { "2026-03-01T11:56:10.000Z", "3m ago" },
                { "2026-03-01T07:00:00.000Z", "5h ago" },
                { "2026-02-17T12:00:00.000Z", "12d ago" },
                { "2023-12-01T12:00:00.000Z", "2y ago" },
                { "2026-03-01T12:10:00.000Z", "in 10m" },
                { "yesterday", "yesterday" },
                { NULL, "-" },
        };
        const int64_t now = INT64_C(1772366400000); /* 2026-03-01T12:00:00Z */
        char out[TEXT_MAX];

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                text_age(cases[i].at, now, out);
                assert_string_equal(out, cases[i].age);
        }
}

static void a_table_is_aligned_by_columns(void **state)
{
        AUTO_STRBUF out;
        AUTO(table) t = table_new((const char *[]){ "NAME", ">SIZE", "NOTE", NULL });

        (void) state;
        strbuf_init(&out, 4096);
        table_cell(t, STYLE_PLAIN, "M\xc3\xbcnchen");
        table_cell(t, STYLE_PLAIN, "%d", 5);
        table_cell(t, STYLE_PLAIN, "%s", "");
        table_cell(t, STYLE_GOOD, "x");
        table_cell(t, STYLE_PLAIN, "12345");
        table_cell(t, STYLE_PLAIN, "evil\033[2J");
        table_print(t, false, &out);
        assert_string_equal(strbuf_str(&out), "NAME      SIZE  NOTE\n"
                                              "M\xc3\xbcnchen      5  -\n"
                                              "x        12345  evil\xef\xbf\xbd[2J\n");
        strbuf_reset(&out);
        table_print(t, true, &out);
        assert_contains(strbuf_str(&out), "\033[32mx\033[0m      ");
        assert_contains(strbuf_str(&out), "\033[1mNAME\033[0m");
}

static void a_table_without_headings_has_no_heading_line(void **state)
{
        AUTO_STRBUF out;
        AUTO(table) t = table_new((const char *[]){ "", "", NULL });

        (void) state;
        strbuf_init(&out, 4096);
        table_cell(t, STYLE_PLAIN, "key");
        table_cell(t, STYLE_PLAIN, "value");
        table_print(t, false, &out);
        assert_string_equal(strbuf_str(&out), "key  value\n");
}

static void indented_json_keeps_every_token(void **state)
{
        static const struct {
                const char *text, *indented;
        } cases[] = {
                { "{}", "{}" },
                { "[ ]", "[]" },
                { "{\"a\":1,\"b\":[1.50,true,null]}", "{\n  \"a\": 1,\n  \"b\": [\n    1.50,\n    true,\n    null\n  ]\n}" },
                { "{\"s\":\"a{,\\\"}:[\"}", "{\n  \"s\": \"a{,\\\"}:[\"\n}" },
                { "{\"deep\":{\"empty\":{}}}", "{\n  \"deep\": {\n    \"empty\": {}\n  }\n}" },
                { "\"cut \\", "\"cut \\" }, /* not JSON, and not over the end either */
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO_STRBUF out;
                strbuf_init(&out, 4096);
                json_indent(cases[i].text, &out);
                assert_string_equal(strbuf_str(&out), cases[i].indented);
        }
}

static void a_bar_fills_with_the_fraction(void **state)
{
        static const struct {
                double fraction;
                const char *bar;
        } cases[] = { { 0, "[>       ]" }, { .5, "[====>   ]" }, { 1, "[========]" } };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO_STRBUF out;
                strbuf_init(&out, 64);
                progress_bar(cases[i].fraction, 10, &out);
                assert_string_equal(strbuf_str(&out), cases[i].bar);
        }
}

static void progress_says_how_far_how_fast_and_how_long(void **state)
{
        struct progress p = { .label = "model.ubj", .total = 40 << 20, .done = 10 << 20, .started_ms = 1000 };
        AUTO_STRBUF out;

        (void) state;
        strbuf_init(&out, 512);
        progress_text(&p, 2000, 100, &out);
        assert_contains(strbuf_str(&out), "model.ubj [");
        assert_contains(strbuf_str(&out), " 25 %  10.0 MiB of 40.0 MiB  10.0 MiB/s  3s left");
        strbuf_reset(&out);
        progress_text(&p, 1010, 100, &out); /* too early for a rate */
        assert_lacks(strbuf_str(&out), "/s");
        for (int width = 20; width < 200; width += 7) {
                strbuf_reset(&out);
                progress_text(&p, 2000, width, &out);
                assert_true(width < 80 || (int) text_width(strbuf_str(&out)) < width);
        }
        strbuf_reset(&out);
        p = (struct progress){ .label = "empty" }; /* nothing of nothing is all of it */
        progress_text(&p, 0, 80, &out);
        assert_contains(strbuf_str(&out), "100 %");
}

static void progress_after_a_resume_counts_only_what_was_sent_now(void **state)
{
        struct progress p = { .label = "m", .total = 40 << 20, .start = 30 << 20, .done = 35 << 20 };
        AUTO_STRBUF out;

        (void) state;
        strbuf_init(&out, 512);
        progress_text(&p, 1000, 100, &out);
        assert_contains(strbuf_str(&out), " 87 %  35.0 MiB of 40.0 MiB  5.0 MiB/s  1s left");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(distance_counts_single_slips),
                cmocka_unit_test(only_near_words_are_suggested),
                cmocka_unit_test(widths_are_columns_not_bytes),
                cmocka_unit_test(clean_text_cannot_steer_a_terminal),
                cmocka_unit_test(sizes_durations_and_shares_read_well),
                cmocka_unit_test(ages_are_told_in_one_unit),
                cmocka_unit_test(a_table_is_aligned_by_columns),
                cmocka_unit_test(a_table_without_headings_has_no_heading_line),
                cmocka_unit_test(indented_json_keeps_every_token),
                cmocka_unit_test(a_bar_fills_with_the_fraction),
                cmocka_unit_test(progress_says_how_far_how_fast_and_how_long),
                cmocka_unit_test(progress_after_a_resume_counts_only_what_was_sent_now),
        };

        text_init();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
