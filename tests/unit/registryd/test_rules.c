/* The registry's rules: ranges, references, preconditions, manifests. */
#include "tests/unit/lib/unit.h"

#include <stdio.h>

#include "registryd/rules.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST "sha256:" A64

static void a_range_header_names_one_piece_of_the_file(void **state)
{
        static const struct {
                const char *header;
                int64_t size, first, length; /* length -1: RANGE */
                bool partial;
        } cases[] = {
                { NULL, 10, 0, 10, false },
                { NULL, 0, 0, 0, false },
                { "bytes=0-0", 10, 0, 1, true },
                { "bytes=3-5", 10, 3, 3, true },
                { "bytes=9-", 10, 9, 1, true },
                { "bytes=0-", 10, 0, 10, true },
                { "bytes=0-99", 10, 0, 10, true },
                { "bytes=-1", 10, 9, 1, true },
                { "bytes=-10", 10, 0, 10, true },
                { "bytes=-99", 10, 0, 10, true },
                { "Bytes=1-2", 10, 1, 2, true },
                { "bytes= 1-2 , 5-6", 10, 1, 2, true },
                { "bytes=0-9223372036854775807", 10, 0, 10, true },
                { "bytes=0-99999999999999999999999", 10, 0, 10, true },
                { "bytes=10-", 10, 0, -1, false },
                { "bytes=10-12", 10, 0, -1, false },
                { "bytes=99999999999999999999999-", 10, 0, -1, false },
                { "bytes=-0", 10, 0, -1, false },
                { "bytes=0-0", 0, 0, -1, false },
                { "bytes=-5", 0, 0, -1, false },
                /* not byte ranges: the whole file */
                { "bytes=", 10, 0, 10, false },
                { "bytes=-", 10, 0, 10, false },
                { "bytes=5-3", 10, 0, 10, false },
                { "bytes=x-3", 10, 0, 10, false },
                { "bytes=1-3x", 10, 0, 10, false },
                { "bytes=--3", 10, 0, 10, false },
                { "bytes=1", 10, 0, 10, false },
                { "pages=1-2", 10, 0, 10, false },
                { "", 10, 0, 10, false },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct byte_range r;
                struct err e = { 0 };
                print_message("  %s of %lld\n", cases[i].header ? cases[i].header : "(absent)", (long long) cases[i].size);
                if (cases[i].length < 0) {
                        assert_failed(range_parse(cases[i].header, cases[i].size, &r, &e), e, ERR_RANGE, "none of them");
                        continue;
                }
                assert_ok(range_parse(cases[i].header, cases[i].size, &r, &e), e);
                assert_int_equal(r.first, cases[i].first);
                assert_int_equal(r.length, cases[i].length);
                assert_int_equal(r.partial, cases[i].partial);
        }
}

static void entity_tags_are_found_in_lists(void **state)
{
        (void) state;
        assert_false(etag_is_listed(NULL, "a"));
        assert_false(etag_is_listed("", "a"));
        assert_true(etag_is_listed("*", "a"));
        assert_true(etag_is_listed("\"a\"", "a"));
        assert_true(etag_is_listed("\"x\", W/\"a\"", "a"));
        assert_false(etag_is_listed("\"ab\", \"ba\"", "a"));
        assert_false(etag_is_listed("a", "a"));
        assert_false(etag_is_listed("\"a", "a"));
}

static void a_reference_is_a_number_an_alias_or_a_digest(void **state)
{
        static const char *const bad[] = { "",     "0",   "-1", "01",         "1.5",     "x",         "@",         "@A",
                                           "@a/b", "3@a", " 3", "2147483648", "sha256:", "sha256:12", "sha512:12", "@sha256:12" };
        struct version_ref ref;
        struct err e = { 0 };

        (void) state;
        assert_ok(version_ref_parse("3", &ref, &e), e);
        assert_int_equal(ref.number, 3);
        assert_string_equal(ref.name, "");
        assert_ok(version_ref_parse("@champion", &ref, &e), e);
        assert_int_equal(ref.number, 0);
        assert_string_equal(ref.name, "champion");
        assert_ok(version_ref_parse("sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", &ref, &e), e);
        assert_int_equal(ref.number, 0);
        assert_string_equal(ref.name, "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
        for (size_t i = 0; i < LENGTH(bad); i++)
                assert_failed(version_ref_parse(bad[i], &ref, &e), e, ERR_INVALID, "");
}

static void preconditions_decide_on_the_revision_that_stands(void **state)
{
        static const struct {
                const char *match, *none_match;
                int64_t stands;
                enum err_kind verdict;
        } cases[] = {
                { NULL, NULL, 0, ERR_NONE },
                { NULL, NULL, 7, ERR_NONE },
                { "\"7\"", NULL, 7, ERR_NONE },
                { "\"7\"", NULL, 8, ERR_PRECONDITION },
                { "\"7\"", NULL, 0, ERR_PRECONDITION },
                { "*", NULL, 7, ERR_NONE },
                { "*", NULL, 0, ERR_PRECONDITION },
                { NULL, "*", 0, ERR_NONE },
                { NULL, "*", 7, ERR_PRECONDITION },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct precondition p;
                struct err e = { 0 };
                assert_ok(precondition_parse(cases[i].match, cases[i].none_match, &p, &e), e);
                assert_int_equal(precondition_check(&p, cases[i].stands, &e), cases[i].verdict == ERR_NONE ? 0 : -1);
                assert_int_equal(e.kind, cases[i].verdict);
        }
}

static void a_precondition_that_is_not_understood_is_refused(void **state)
{
        static const char *const bad[] = { "7",
                                           "\"0\"",
                                           "\"-1\"",
                                           "\"7",
                                           "7\"",
                                           "\"7\", \"8\"",
                                           "W/\"7\"",
                                           "\"\"",
                                           "\"x\"",
                                           "\" 7\"",
                                           "\"99999999999999999999\"",
                                           "" };
        struct precondition p;
        struct err e = { 0 };

        (void) state;
        for (size_t i = 0; i < LENGTH(bad); i++)
                assert_failed(precondition_parse(bad[i], NULL, &p, &e), e, ERR_INVALID, "If-Match");
        assert_failed(precondition_parse(NULL, "\"7\"", &p, &e), e, ERR_INVALID, "If-None-Match");
        assert_failed(precondition_parse("*", "*", &p, &e), e, ERR_INVALID, "exclude");
}

static void a_manifest_comes_out_sorted(void **state)
{
        struct manifest_file files[] = {
                { "b", DIGEST, 1 }, { "a-b", DIGEST, 2 }, { "a/b", DIGEST, 0 }, { "a.b", DIGEST, INT64_MAX }
        };
        struct err e = { 0 };

        (void) state;
        assert_ok(manifest_check(files, LENGTH(files), &e), e);
        assert_string_equal(files[0].path, "a-b");
        assert_string_equal(files[1].path, "a.b");
        assert_string_equal(files[2].path, "a/b");
        assert_string_equal(files[3].path, "b");
        assert_int_equal(files[3].size, 1);
}

static void a_bad_manifest_is_refused_by_name(void **state)
{
        static const struct {
                struct manifest_file files[3];
                size_t n;
                const char *words;
        } cases[] = {
                { .n = 0, .words = "1 to 1000" },
                { { { "../x", DIGEST, 1 } }, 1, "\"..\"" },
                { { { "x", "sha256:abc", 1 } }, 1, "64 lower-case" },
                { { { "x", DIGEST, -1 } }, 1, "negative" },
                { { { "x", DIGEST, 1 }, { "y", DIGEST, 1 }, { "x", DIGEST, 2 } }, 3, "\"x\" appears twice" },
                { { { "d/x", DIGEST, 1 }, { "d-", DIGEST, 1 }, { "d", DIGEST, 1 } },
                  3,
                  "\"d\" is a file, and a folder in \"d/x\"" },
                { { { "d/e/x", DIGEST, 1 }, { "d/e", DIGEST, 1 } }, 2, "\"d/e\" is a file" },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct manifest_file files[3];
                struct err e = { 0 };
                memcpy(files, cases[i].files, sizeof files);
                assert_failed(manifest_check(files, cases[i].n, &e), e, ERR_INVALID, cases[i].words);
        }
}

static void a_manifest_holds_a_thousand_files_and_no_more(void **state)
{
        static struct manifest_file files[FILES_MAX + 1];
        static char paths[FILES_MAX + 1][16];
        struct err e = { 0 };

        (void) state;
        for (int i = 0; i <= FILES_MAX; i++) {
                (void) snprintf(paths[i], sizeof paths[i], "f/%d", i);
                files[i] = (struct manifest_file){ paths[i], DIGEST, 1 };
        }
        assert_failed(manifest_check(files, FILES_MAX + 1, &e), e, ERR_INVALID, "not 1001");
        assert_ok(manifest_check(files, FILES_MAX, &e), e);
}

static void text_has_a_length_and_no_control_characters(void **state)
{
        struct err e = { 0 };

        (void) state;
        assert_ok(text_check("reason", "", 5, &e), e);
        assert_ok(text_check("reason", "a\n\tb\xc3", 5, &e), e);
        assert_failed(text_check("reason", "123456", 5, &e), e, ERR_INVALID, "reason is over 5 bytes");
        assert_failed(text_check("reason", "a\rb", 5, &e), e, ERR_INVALID, "0x0d");
        assert_failed(text_check("reason", "a\x7f", 5, &e), e, ERR_INVALID, "0x7f");
}

static void a_token_is_visible_ascii(void **state)
{
        char longest[258];
        struct err e = { 0 };

        (void) state;
        memset(longest, 'x', sizeof longest - 1);
        longest[257] = '\0';
        assert_failed(token_check(longest, &e), e, ERR_INVALID, "not 257");
        longest[256] = '\0';
        assert_ok(token_check(longest, &e), e);
        assert_ok(token_check("12345678901234567890", &e), e);
        assert_failed(token_check("1234567890123456789", &e), e, ERR_INVALID, "not 19");
        assert_failed(token_check("1234567890 1234567890", &e), e, ERR_INVALID, "visible");
        assert_failed(token_check("1234567890\xc3\xa9"
                                  "1234567890",
                                  &e),
                      e, ERR_INVALID, "visible");
}

static void a_decision_names_its_target_and_is_numbered_and_small(void **state)
{
        static const char longest[DECISION_KIND_MAX + 2] = "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk";
        static const struct {
                const char *name;
                struct decision d;
                const char *words; /* NULL: it is good */
        } cases[] = {
                { "a plain one", { "credit", "credit", "weight", "", 1, 1, 0, 100 }, NULL },
                { "a target with its namespace",
                  { "prod.credit", "credit", "weight", "why", 7, 1, 3, DECISION_EVENT_MAX },
                  NULL },
                { "no target", { "", "credit", "weight", "", 1, 1, 0, 100 }, "target name" },
                { "a target with a slash", { "prod/credit", "credit", "weight", "", 1, 1, 0, 100 }, "target name" },
                { "a bad model", { "credit", "Credit", "weight", "", 1, 1, 0, 100 }, "model name" },
                { "a long kind", { "credit", "credit", longest, "", 1, 1, 0, 100 }, "at most 32" },
                { "number 0", { "credit", "credit", "weight", "", 0, 1, 0, 100 }, "from 1 up" },
                { "before 1970", { "credit", "credit", "weight", "", 1, -1, 0, 100 }, "1970" },
                { "a negative epoch", { "credit", "credit", "weight", "", 1, 1, -1, 100 }, "negative" },
                { "a large event", { "credit", "credit", "weight", "", 1, 1, 0, DECISION_EVENT_MAX + 1 }, "over 8192" },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct err e = { 0 };
                print_message("  %s\n", cases[i].name);
                if (cases[i].words)
                        assert_failed(decision_check(&cases[i].d, &e), e, ERR_INVALID, cases[i].words);
                else
                        assert_ok(decision_check(&cases[i].d, &e), e);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_range_header_names_one_piece_of_the_file),
                cmocka_unit_test(entity_tags_are_found_in_lists),
                cmocka_unit_test(a_reference_is_a_number_an_alias_or_a_digest),
                cmocka_unit_test(preconditions_decide_on_the_revision_that_stands),
                cmocka_unit_test(a_precondition_that_is_not_understood_is_refused),
                cmocka_unit_test(a_manifest_comes_out_sorted),
                cmocka_unit_test(a_bad_manifest_is_refused_by_name),
                cmocka_unit_test(a_manifest_holds_a_thousand_files_and_no_more),
                cmocka_unit_test(text_has_a_length_and_no_control_characters),
                cmocka_unit_test(a_token_is_visible_ascii),
                cmocka_unit_test(a_decision_names_its_target_and_is_numbered_and_small),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
