/* Tokens and policies: what is kept in files, and that bad news changes nothing. */
#include "tests/unit/lib/unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/mem.h"
#include "rolloutd/policies.h"
#include "rolloutd/tokens.h"

static char folder[] = "/tmp/sluice-tokens-XXXXXX";

static char *in_folder(const char *name)
{
        return xasprintf("%s/%s", folder, name);
}

/* The SHA-256 of "open sesame". */
#define SESAME "41ef4bb0b23661e66301aac36066912dac037827b4ae63a7b1165a5aa93ed4eb"
#define LIST(name, role, hash)                                                                                                   \
        "{\"tokens\":[{\"name\":\"" name "\",\"role\":\"" role "\",\"sha256\":\"" hash "\",\"created_by\":\"x\"}]}"

static void tokens_of_the_registry_stay_known(void **state)
{
        AUTO(str) copy = in_folder("tokens.json");
        AUTO(str) admin = in_folder("admin");
        AUTO(str) admin_token = NULL;
        char name[NAME_MAX_LEN + 1];
        struct tokens *t;
        struct err e = { 0 };
        enum role role;
        (void) state;

        assert_ok(tokens_new(copy, admin, &t, &e), e);
        assert_ok(fs_read_line(admin, &admin_token, &e), e);
        assert_int_equal(strlen(admin_token), 68);
        assert_ok(tokens_check(t, admin_token, &role, name, &e), e);
        assert_int_equal(role, ROLE_ADMIN);
        assert_failed(tokens_check(t, "open sesame", &role, name, &e), e, ERR_UNAUTHORIZED, "try again in a second");
        assert_ok(tokens_update(t, LIST("ann", "deployer", SESAME), &e), e);
        assert_ok(tokens_check(t, "open sesame", &role, name, &e), e);
        assert_string_equal(name, "ann");
        assert_int_equal(role, ROLE_DEPLOYER);
        tokens_free(t);

        assert_ok(tokens_new(copy, admin, &t, &e), e); /* the next start knows them from the copy */
        assert_ok(tokens_check(t, "open sesame", &role, name, &e), e);
        assert_ok(tokens_check(t, admin_token, &role, name, &e), e);
        assert_ok(tokens_update(t, "{\"tokens\":[]}", &e), e);
        assert_int_equal(tokens_check(t, "open sesame", &role, name, &e), -1);
        tokens_free(t);
}

static void a_bad_list_changes_nothing(void **state)
{
        static const struct {
                const char *body, *says;
        } cases[] = {
                { "", "tokens" },
                { "[]", "tokens" },
                { "{\"tokens\":{}}", "list" },
                { "{\"tokens\":[{}]}", "token" },
                { LIST("ann", "king", SESAME), "king" },
                { LIST("ann", "reader", "abc"), "64" },
                { LIST("Ann!", "reader", SESAME), "token" },
        };
        AUTO(str) copy = in_folder("tokens2.json");
        AUTO(str) admin = in_folder("admin");
        char name[NAME_MAX_LEN + 1];
        struct tokens *t;
        struct err e = { 0 };
        enum role role;
        (void) state;

        assert_ok(tokens_new(copy, admin, &t, &e), e);
        assert_ok(tokens_update(t, LIST("ann", "reader", SESAME), &e), e);
        for (size_t i = 0; i < LENGTH(cases); i++) {
                assert_failed(tokens_update(t, cases[i].body, &e), e, ERR_INVALID, cases[i].says);
                assert_int_equal(tokens_check(t, "open sesame", &role, name, &e), 0);
        }
        tokens_free(t);
}

static void damaged_files_are_named(void **state)
{
        AUTO(str) copy = in_folder("tokens3.json");
        AUTO(str) admin = in_folder("short");
        AUTO(str) good = in_folder("admin");
        struct tokens *t;
        struct err e = { 0 };
        (void) state;

        assert_ok(fs_write_atomic(admin, "short\n", 6, 0600, &e), e);
        assert_failed(tokens_new(copy, admin, &t, &e), e, ERR_INVALID, "short");
        assert_ok(fs_write_atomic(copy, "{", 1, 0600, &e), e);
        assert_failed(tokens_new(copy, good, &t, &e), e, ERR_INVALID, "tokens3.json");
}

static void the_shipped_policies_are_a_folder(void **state)
{
        struct policies p = { 0 };
        struct err e = { 0 };
        (void) state;

        assert_ok(policies_load(&p, "policies", &e), e);
        assert_int_equal(p.n, 5);
        assert_int_equal(p.n_broken, 0);
        assert_non_null(policies_find(&p, "fast"));
        assert_null(policies_find(&p, "furious"));
        assert_failed(policies_load(&p, "/nowhere", &e), e, ERR_INVALID, "/nowhere");
        assert_failed(policies_load(&p, "policies/fast.yaml", &e), e, ERR_INVALID, "there is no folder policies/fast.yaml");
        assert_int_equal(p.n, 5);
        policies_done(&p);
}

static void of_a_folder_the_sound_policies_are_taken(void **state)
{
        static const char sound[] = "name: zz\nsummary: s\nsteps: [{ weight: 100, hold: 1s }]\n"
                                    "gates: { error_rate: { limit_percent: 3 } }\n";
        struct policies p = { 0 };
        struct err e = { 0 };
        AUTO(str) bad = in_folder("bad.yaml");
        AUTO(str) good = in_folder("zz.yaml");
        (void) state;

        assert_ok(fs_write_atomic(bad, "name: bad\n", 10, 0600, &e), e);
        assert_ok(fs_write_atomic(good, sound, sizeof sound - 1, 0600, &e), e);
        assert_ok(policies_load(&p, folder, &e), e);
        assert_int_equal(p.n, 1);
        assert_non_null(policies_find(&p, "zz"));
        assert_null(policies_find(&p, "bad"));
        assert_null(policies_why_broken(&p, "zz"));
        assert_non_null(strstr(policies_why_broken(&p, "bad"), "bad.yaml"));
        assert_failed(policies_load(&p, "/nowhere", &e), e, ERR_INVALID, "/nowhere");
        assert_int_equal(p.n, 1);
        policies_done(&p);
}

static int make_folder(void **state)
{
        (void) state;
        return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
        AUTO(str) command = xasprintf("rm -r %s", folder);

        (void) state;
        return system(command);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(tokens_of_the_registry_stay_known),
                cmocka_unit_test(a_bad_list_changes_nothing),
                cmocka_unit_test(damaged_files_are_named),
                cmocka_unit_test(the_shipped_policies_are_a_folder),
                cmocka_unit_test(of_a_folder_the_sound_policies_are_taken),
        };

        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
