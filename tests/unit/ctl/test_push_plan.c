/* What a push would send: metadata pairs, and addresses without secrets. */
#include <stdlib.h>

#include "ctl/git.h"
#include "ctl/push_plan.h"
#include "lib/auto.h"
#include "lib/json.h"
#include "tests/unit/lib/unit.h"

static void pairs_become_members(void **state)
{
        static const struct {
                const char *pair, *json;
        } cases[] = {
                { "by=me", "{\"by\":\"me\"}" },
                { "n=1", "{\"n\":\"1\"}" },
                { "n:=1", "{\"n\":1}" },
                { "eq=a=b", "{\"eq\":\"a=b\"}" },
                { "empty=", "{\"empty\":\"\"}" },
                { "list:=[1, 2]", "{\"list\":[1,2]}" },
                { "text:=\"x\"", "{\"text\":\"x\"}" },
                { "scorer:={\"file\":\"m.ubj\"}", "{\"scorer\":{\"file\":\"m.ubj\"}}" },
                { "url=http://x", "{\"url\":\"http://x\"}" },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO(json) metadata = json_object();
                struct err e = { 0 };
                assert_ok(push_add_pair(metadata, cases[i].pair, &e), e);
                AUTO(str) text = json_text(metadata);
                assert_string_equal(text, cases[i].json);
        }
}

static void pairs_that_make_no_sense_are_refused(void **state)
{
        static const struct {
                const char *pair, *sentence;
        } cases[] = {
                { "here=again", "--meta here: given twice" }, { "n:=one", "--meta n: no JSON" }, { "n:=", "--meta n: no JSON" },
                { "n:={\"a\":1,\"a\":2}", "no JSON" },        { "bad=\xff", "no UTF-8" },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO(json) metadata = json_pack("{s:s}", "here", "already");
                struct err e = { 0 };
                assert_failed(push_add_pair(metadata, cases[i].pair, &e), e, ERR_INVALID, cases[i].sentence);
        }
}

static void addresses_lose_their_secrets(void **state)
{
        static const struct {
                const char *url, *public;
        } cases[] = {
                { "https://host/team/repo.git", "https://host/team/repo.git" },
                { "https://ann:secret@host/repo", "https://host/repo" },
                { "https://token@host:8443/repo", "https://host:8443/repo" },
                { "https://ann:p%40ss@host/repo?token=x#y", "https://host/repo" },
                { "https://ann:a@b@host/repo", "https://host/repo" },
                { "https://host/a@b", "https://host/a@b" },
                { "https://host?key=secret", "https://host" },
                { "ssh://git@host/repo", "ssh://git@host/repo" },
                { "ssh://git:secret@host:22/repo", "ssh://git@host:22/repo" },
                { "git@host:team/repo.git", "git@host:team/repo.git" },
                { "/srv/git/repo", "/srv/git/repo" },
                { "", "" },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO(str) out = git_public_url(cases[i].url);
                assert_string_equal(out, cases[i].public);
        }
}

static void no_checkout_is_no_error(void **state)
{
        json_t *out = NULL;
        struct err e = { 0 };

        (void) state;
        assert_ok(git_lineage("/", &out, &e), e);
        assert_null(out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(pairs_become_members),
                cmocka_unit_test(pairs_that_make_no_sense_are_refused),
                cmocka_unit_test(addresses_lose_their_secrets),
                cmocka_unit_test(no_checkout_is_no_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
