/* Names, paths, versions, digests, roles: what may come in from outside. */
#include "tests/unit/lib/unit.h"

#include "lib/names.h"
#include "lib/role.h"
#include "lib/sha256.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct sample {
        const char *text;
        bool good;
};

static void check(const struct sample *samples, size_t n, int (*f)(const char *, struct err *))
{
        for (size_t i = 0; i < n; i++) {
                struct err e = { 0 };
                int r = f(samples[i].text, &e);
                if ((r == 0) != samples[i].good)
                        fail_msg("\"%s\": %d %s", samples[i].text, r, e.msg);
                if (r)
                        assert_int_equal(e.kind, ERR_INVALID);
        }
}

static int model_name(const char *text, struct err *e)
{
        return name_check("model", text, e);
}

static void names_fit_everywhere(void **state)
{
        static const struct sample samples[] = {
                { "a", true },      { "credit", true },    { "a.b_c-9", true }, { "0", true },     { A64, true },
                { A64 "a", false }, { "", false },         { "Credit", false }, { "-a", false },   { "a-", false },
                { ".a", false },    { "a.", false },       { "a..b", false },   { "a b", false },  { "a/b", false },
                { "a\nb", false },  { "\xc3\xa9", false }, { "_a", false },     { "a%41", false },
        };

        (void) state;
        check(samples, LENGTH(samples), model_name);
}

static void targets_are_names_that_may_be_longer(void **state)
{
        static const struct sample samples[] = {
                { "credit", true },  { "prod.credit", true },     { A64 "." A64, false },    { A64 A64, false },
                { "", false },       { "." A64, false },          { "prod..credit", false }, { "prod/credit", false },
                { "Prod.a", false }, { A64 ".aaaaaaaaaa", true },
        };

        (void) state;
        check(samples, LENGTH(samples), target_check);
}

static void paths_stay_inside_their_version(void **state)
{
        static char longest[PATH_MAX_LEN + 2];
        static const struct sample samples[] = {
                { "model.ubj", true }, { "a/b/c.json", true }, { "\xc3\xa9 x", true }, { "...", true },   { "", false },
                { "/a", false },       { "a/", false },        { "a//b", false },      { "..", false },   { "a/../b", false },
                { "./a", false },      { "a/.", false },       { "a\\b", false },      { "a\nb", false }, { "a\x7f", false },
        };
        struct err e;

        (void) state;
        check(samples, LENGTH(samples), path_check);
        memset(longest, 'a', PATH_MAX_LEN);
        assert_ok(path_check(longest, &e), e);
        longest[PATH_MAX_LEN] = 'a';
        assert_failed(path_check(longest, &e), e, ERR_INVALID, "512");
}

static int version(const char *text, struct err *e)
{
        int64_t n = 0;
        int r = version_parse(text, &n, e);

        assert_true(r || (n >= 1 && n <= INT32_MAX));
        return r;
}

static void versions_count_from_one(void **state)
{
        static const struct sample samples[] = {
                { "1", true },  { "2147483647", true }, { "2147483648", false }, { "99999999999999999999", false },
                { "0", false }, { "01", false },        { "-1", false },         { "+1", false },
                { "", false },  { "1 ", false },        { "1.0", false },        { "x", false },
        };

        (void) state;
        check(samples, LENGTH(samples), version);
}

static void digests_have_one_spelling(void **state)
{
        static const struct sample samples[] = {
                { "sha256:" A64, true }, { "sha256:" A64 "a", false }, { "sha256:aa", false },
                { A64, false },          { "SHA256:" A64, false },     { "", false },
                { "sha256:", false },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(samples); i++)
                assert_int_equal(digest_is_valid(samples[i].text), samples[i].good);
        assert_false(digest_is_valid("sha256:Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

/* FIPS 180-4's examples. */
static void hashes_are_sha256(void **state)
{
        static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        char text[DIGEST_TEXT_LEN + 1];
        struct sha256 *h = sha256_new();

        (void) state;
        digest_of("abc", 3, text);
        assert_string_equal(text, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        digest_of("", 0, text);
        assert_string_equal(text, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for (size_t i = 0; i < sizeof two_blocks - 1; i++)
                sha256_update(h, two_blocks + i, 1);
        sha256_final_text(h, text);
        sha256_free(h);
        assert_string_equal(text, "sha256:248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
        assert_true(digest_is_valid(text));
}

static void roles_are_sets_not_ranks(void **state)
{
        static const struct {
                enum role caller;
                const char *may; /* initials of the needs it meets */
        } cases[] = { { ROLE_NONE, "" },      { ROLE_ANYONE, "?" },     { ROLE_READER, "?r" },
                      { ROLE_WRITER, "?rw" }, { ROLE_DEPLOYER, "?rd" }, { ROLE_ADMIN, "?rwda" } };
        static const char initials[ROLE_COUNT] = { [ROLE_NONE] = '0',   [ROLE_ANYONE] = '?',   [ROLE_READER] = 'r',
                                                   [ROLE_WRITER] = 'w', [ROLE_DEPLOYER] = 'd', [ROLE_ADMIN] = 'a' };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++)
                for (int need = 0; need < ROLE_COUNT; need++)
                        assert_int_equal(role_allows(cases[i].caller, need), strchr(cases[i].may, initials[need]) != NULL);
        assert_false(role_allows(ROLE_COUNT, ROLE_READER));
        assert_false(role_allows(ROLE_ADMIN, ROLE_COUNT));
}

static void tokens_have_one_of_four_roles(void **state)
{
        static const char *const bad[] = { "none", "anyone", "Reader", "", "root" };
        enum role r;

        (void) state;
        for (int i = ROLE_READER; i < ROLE_COUNT; i++) {
                assert_true(role_parse(role_name(i), &r));
                assert_int_equal(r, i);
        }
        for (size_t i = 0; i < LENGTH(bad); i++)
                assert_false(role_parse(bad[i], &r));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_fit_everywhere),
                cmocka_unit_test(targets_are_names_that_may_be_longer),
                cmocka_unit_test(paths_stay_inside_their_version),
                cmocka_unit_test(versions_count_from_one),
                cmocka_unit_test(digests_have_one_spelling),
                cmocka_unit_test(hashes_are_sha256),
                cmocka_unit_test(roles_are_sets_not_ranks),
                cmocka_unit_test(tokens_have_one_of_four_roles),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
