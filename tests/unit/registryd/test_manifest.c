/* Reading VERSION-NEW and its canonical digest; tokens. */
#include "tests/unit/lib/unit.h"

#include "registryd/auth.h"
#include "registryd/manifest.h"

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define FILE_A "{\"path\":\"model.ubj\",\"digest\":\"" A "\",\"size\":123}"
#define FILE_B "{\"size\":4,\"digest\":\"" B "\",\"path\":\"README\"}"

static json_t *parsed(const char *text)
{
        json_t *doc = json_loads(text, 0, NULL);

        assert_non_null(doc);
        return doc;
}

static void the_digest_is_that_of_the_canonical_text(void **state)
{
        AUTO(json)
        doc = parsed("{\"description\":\"new\",\"metadata\":{\"z\":1,\"a\":[1.50,null]},\"files\":[" FILE_A "," FILE_B "]}");
        static const char canonical[] = "{\"files\":[{\"digest\":\"" B "\",\"path\":\"README\",\"size\":4},"
                                        "{\"digest\":\"" A "\",\"path\":\"model.ubj\",\"size\":123}],"
                                        "\"metadata\":{\"a\":[1.5,null],\"z\":1}}";
        char digest[DIGEST_TEXT_LEN + 1];
        AUTO(manifest) m = NULL;
        struct err e = { 0 };

        (void) state;
        assert_ok(manifest_new(doc, &m, &e), e);
        digest_of(canonical, strlen(canonical), digest);
        assert_string_equal(m->digest, digest);
        assert_int_equal(m->n_files, 2);
        assert_int_equal(m->size, 127);
        assert_string_equal(m->description, "new");
        assert_string_equal(m->metadata, "{\"a\":[1.5,null],\"z\":1}");
}

static void order_and_spelling_do_not_change_the_digest_but_content_does(void **state)
{
        static const struct {
                const char *text;
                bool same;
        } cases[] = {
                { "{\"files\":[" FILE_B "," FILE_A "]}", true },
                { "{\"files\":[" FILE_A "," FILE_B "],\"metadata\":{}}", true },
                { "{\"files\":[" FILE_A "," FILE_B "],\"description\":\"other words\"}", true },
                { "{\"files\":[" FILE_A "]}", false },
                { "{\"files\":[" FILE_A "," FILE_B "],\"metadata\":{\"a\":null}}", false },
        };
        AUTO(json) doc = parsed("{\"files\":[" FILE_A "," FILE_B "]}");
        AUTO(manifest) first = NULL;
        struct err e = { 0 };

        (void) state;
        assert_ok(manifest_new(doc, &first, &e), e);
        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO(json) other = parsed(cases[i].text);
                AUTO(manifest) m = NULL;
                assert_ok(manifest_new(other, &m, &e), e);
                assert_int_equal(strcmp(m->digest, first->digest) == 0, cases[i].same);
        }
}

static void a_bad_manifest_is_refused(void **state)
{
        static const struct {
                const char *text, *words;
        } cases[] = {
                { "[]", "object" },
                { "{}", "files" },
                { "{\"files\":{}}", "list" },
                { "{\"files\":[]}", "1 to 1000" },
                { "{\"files\":[7]}", "object" },
                { "{\"files\":[{\"path\":\"x\",\"digest\":\"" A "\"}]}", "size" },
                { "{\"files\":[{\"path\":\"x\",\"digest\":\"" A "\",\"size\":1.5}]}", "integer" },
                { "{\"files\":[{\"path\":\"x\",\"digest\":\"" A "\",\"size\":1,\"x\":1}]}", "x" },
                { "{\"files\":[" FILE_A "],\"metadata\":[]}", "object" },
                { "{\"files\":[" FILE_A "],\"metadata\":null}", "object" },
                { "{\"files\":[" FILE_A "],\"extra\":1}", "extra" },
                { "{\"files\":[{\"path\":\"x\",\"digest\":\"" A "\",\"size\":9223372036854775807}," FILE_A "]}", "add up" },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO(json) doc = parsed(cases[i].text);
                AUTO(manifest) m = NULL;
                struct err e = { 0 };
                assert_failed(manifest_new(doc, &m, &e), e, ERR_INVALID, cases[i].words);
                assert_null(m);
        }
}

static void metadata_nests_so_deep_that_a_list_of_versions_still_parses(void **state)
{
        (void) state;
        for (int depth = METADATA_DEPTH; depth <= METADATA_DEPTH + 1; depth++) {
                AUTO(json) doc = parsed("{\"files\":[" FILE_A "]}");
                AUTO(manifest) m = NULL;
                json_t *metadata = json_object();
                struct err e = { 0 };

                for (int i = 1; i < depth; i++)
                        metadata = json_pack("{s:o}", "x", metadata);
                (void) json_object_set_new(doc, "metadata", metadata);
                if (depth <= METADATA_DEPTH)
                        assert_ok(manifest_new(doc, &m, &e), e);
                else
                        assert_failed(manifest_new(doc, &m, &e), e, ERR_INVALID, "32 levels");
        }
}

static void metadata_has_a_limit(void **state)
{
        struct err e = { 0 };

        (void) state;
        for (int over = 0; over <= 1; over++) {
                AUTO(json) doc = parsed("{\"files\":[" FILE_A "]}");
                AUTO(str) text = malloc(METADATA_MAX + 1);
                size_t len = METADATA_MAX - strlen("{\"x\":\"\"}") + (size_t) over;
                AUTO(manifest) m = NULL;

                memset(text, 'y', len);
                text[len] = '\0';
                (void) json_object_set_new(doc, "metadata", json_pack("{s:s}", "x", text));
                assert_int_equal(manifest_new(doc, &m, &e), over ? -1 : 0);
        }
        assert_contains(e.msg, "metadata is over 65536 bytes");
}

static void fresh_tokens_differ_and_pass_the_check(void **state)
{
        char a[TOKEN_TEXT_LEN + 1], b[TOKEN_TEXT_LEN + 1], hash[TOKEN_HASH_LEN + 1];
        struct err e = { 0 };

        (void) state;
        token_make(a);
        token_make(b);
        assert_string_not_equal(a, b);
        assert_int_equal(strlen(a), TOKEN_TEXT_LEN);
        assert_memory_equal(a, "slc_", 4);
        assert_ok(token_check(a, &e), e);
        token_hash("abc", hash); /* FIPS 180-4's example */
        assert_string_equal(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_digest_is_that_of_the_canonical_text),
                cmocka_unit_test(order_and_spelling_do_not_change_the_digest_but_content_does),
                cmocka_unit_test(a_bad_manifest_is_refused),
                cmocka_unit_test(metadata_has_a_limit),
                cmocka_unit_test(metadata_nests_so_deep_that_a_list_of_versions_still_parses),
                cmocka_unit_test(fresh_tokens_differ_and_pass_the_check),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
