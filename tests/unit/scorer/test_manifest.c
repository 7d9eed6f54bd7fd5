/* The registry's answer is taken only if it is the version that was asked for and adds up to its digest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/auto.h"
#include "lib/mem.h"
#include "scorer/manifest.h"

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define A "{\"path\":\"a.txt\",\"digest\":\"" D1 "\",\"size\":5}"
#define M "{\"path\":\"model.ubj\",\"size\":7,\"digest\":\"" D2 "\"}"
#define CANONICAL(files, metadata) "{\"files\":[" files "],\"metadata\":" metadata "}"
#define CA "{\"digest\":\"" D1 "\",\"path\":\"a.txt\",\"size\":5}"
#define CM "{\"digest\":\"" D2 "\",\"path\":\"model.ubj\",\"size\":7}"

/* VERSION for these files, with the digest of `canonical`. */
static char *version(const char *name, int number, const char *files, const char *metadata, const char *canonical)
{
        char digest[DIGEST_TEXT_LEN + 1];

        digest_of(canonical, strlen(canonical), digest);
        return xasprintf("{\"model\":\"%s\",\"number\":%d,\"digest\":\"%s\",\"files\":[%s],\"metadata\":%s,\"size\":12,"
                         "\"description\":\"\",\"aliases\":[]}",
                         name, number, digest, files, metadata);
}

static void a_true_manifest_is_read(void **state)
{
        static const struct {
                const char *files, *metadata, *canonical;
                size_t model;
        } cases[] = {
                { M, "{}", CANONICAL(CM, "{}"), 0 },
                { M "," A, "{}", CANONICAL(CA "," CM, "{}"), 1 },
                { M "," A, "{\"scorer\":{\"file\":\"a.txt\"},\"auc\":0.75}",
                  CANONICAL(CA "," CM, "{\"auc\":0.75,\"scorer\":{\"file\":\"a.txt\"}}"), 0 },
        };

        (void) state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                AUTO(str) text = version("credit", 3, cases[i].files, cases[i].metadata, cases[i].canonical);
                struct err e = { 0 };
                struct manifest m;
                if (manifest_read(text, strlen(text), "credit", 3, &m, &e))
                        fail_msg("%s", e.msg);
                assert_int_equal(m.model, cases[i].model);
                assert_string_equal(m.files[m.n_files - 1].path, "model.ubj");
                manifest_done(&m);
        }
}

static void others_are_refused(void **state)
{
        static const struct {
                const char *name;
                int number;
                const char *files, *metadata, *canonical, *why;
        } cases[] = {
                { "debit", 3, M, "{}", "", "the registry answered with version 3 of \"debit\"" },
                { "credit", 4, M, "{}", "", "the registry answered with version 4 of \"credit\"" },
                { "credit", 3, M, "{}", CANONICAL(CM, "{\"a\":1}"), "the registry says" },
                { "credit", 3, "", "{}", "", "a version has 1 to 1000 files, not 0" },
                { "credit", 3, "{\"path\":\"m.ubj\",\"digest\":\"md5:1\",\"size\":1}", "{}", "",
                  "file \"m.ubj\" has no valid digest and size" },
                { "credit", 3, "{\"path\":\"m.ubj\",\"digest\":\"" D1 "\",\"size\":-1}", "{}", "",
                  "file \"m.ubj\" has no valid digest and size" },
                { "credit", 3, "{\"path\":\"m.ubj\",\"digest\":\"" D1 "\"}", "{}", "", "file: Object item not found: size" },
                { "credit", 3, "7", "{}", "", "file: Expected object, got integer" },
                { "credit", 3, A, "{}", CANONICAL(CA, "{}"),
                  "the version has 0 files ending in .json or .ubj; metadata.scorer.file has to say which one is the model" },
                { "credit", 3, M, "{\"scorer\":{\"file\":\"b.ubj\"}}", CANONICAL(CM, "{\"scorer\":{\"file\":\"b.ubj\"}}"),
                  "metadata.scorer.file names \"b.ubj\", which the version does not have" },
                { "credit", 3, M, "{\"scorer\":{\"file\":1}}", CANONICAL(CM, "{\"scorer\":{\"file\":1}}"),
                  "metadata.scorer.file has to be a string" },
        };

        (void) state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                AUTO(str) text = version(cases[i].name, cases[i].number, cases[i].files, cases[i].metadata, cases[i].canonical);
                struct err e = { 0 };
                struct manifest m;
                print_message("  %s\n", cases[i].why);
                assert_int_equal(manifest_read(text, strlen(text), "credit", 3, &m, &e), -1);
                assert_int_equal(e.kind, ERR_INVALID);
                if (strstr(cases[i].why, "the registry says"))
                        assert_non_null(strstr(e.msg, "the manifest has digest sha256:"));
                else
                        assert_string_equal(e.msg, cases[i].why);
        }
}

static void text_that_is_no_version_is_refused(void **state)
{
        static const char *const texts[] = { "", "{", "[]", "{}", "{\"model\":7}", "null" };

        (void) state;
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
                struct err e = { 0 };
                struct manifest m;
                assert_int_equal(manifest_read(texts[i], strlen(texts[i]), "credit", 3, &m, &e), -1);
                assert_int_equal(e.kind, ERR_INVALID);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_true_manifest_is_read),
                cmocka_unit_test(others_are_refused),
                cmocka_unit_test(text_that_is_no_version_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
