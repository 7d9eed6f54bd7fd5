/* Settings: one table, four sources, secrets that never print, reloads that keep what was good. */
#include "tests/unit/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/mem.h"
#include "lib/settings.h"

struct test_settings {
        char *listen, *data_dir, *token;
        int64_t workers, drain, cache;
        bool verbose;
};

#define ROW(name, type, fallback, reloadable, help)                                                                              \
        {                                                                                                                        \
#name, SETTING_##type, offsetof(struct test_settings, name), fallback, reloadable, help                          \
        }
static const struct setting rows[] = {
        ROW(listen, STRING, "127.0.0.1:80", false, "where"),
        ROW(data_dir, STRING, "", false, "folder"),
        ROW(token, SECRET, "", true, "secret"),
        ROW(workers, INT, "4", false, "threads"),
        ROW(drain, DURATION, "5s", true, "how long"),
        ROW(cache, SIZE, "64MiB", true, "how much"),
        ROW(verbose, BOOL, "false", true, "say more"),
};
static const struct settings_spec spec = {
        .program = "testd", .summary = "a test", .rows = rows, .n_rows = LENGTH(rows), .size = sizeof(struct test_settings)
};

static struct test_settings s;
static char folder[] = "/tmp/sluice-settings-XXXXXX";

static const char *in_folder(const char *name)
{
        static char path[4][128];
        static int turn;

        turn = (turn + 1) % 4;
        (void) snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
        return path[turn];
}

static const char *file(const char *name, const char *text)
{
        const char *path = in_folder(name);
        struct err e;

        assert_ok(fs_write_atomic(path, text, strlen(text), 0600, &e), e);
        return path;
}

/* settings_load() with these arguments, ended by NULL. */
#define LOAD(e, ...) load((const char *[]){ "testd", __VA_ARGS__ __VA_OPT__(, ) NULL }, e)
static int load(const char **argv, struct err *e)
{
        int argc = 0;

        while (argv[argc])
                argc++;
        settings_done(&spec, &s);
        return settings_load(&spec, &s, argc, (char **) argv, e);
}

static int reload(const char **argv, struct err *e)
{
        int argc = 0;

        while (argv[argc])
                argc++;
        return settings_reload(&spec, &s, argc, (char **) argv, e);
}

static int setup_folder(void **state)
{
        (void) state;
        return mkdtemp(folder) ? 0 : -1;
}

static int clear(void **state)
{
        static const char *const names[] = { "LISTEN", "WORKERS", "TOKEN", "TOKEN_FILE", "CONFIG", "DRAIN" };
        char name[64];

        (void) state;
        for (size_t i = 0; i < LENGTH(names); i++) {
                (void) snprintf(name, sizeof name, "SLUICE_TESTD_%s", names[i]);
                (void) unsetenv(name);
        }
        settings_done(&spec, &s);
        return 0;
}

static int remove_folder(void **state)
{
        static const char *const names[] = { "conf", "secret", "other", "empty", "out" };

        (void) state;
        for (size_t i = 0; i < LENGTH(names); i++)
                (void) unlink(in_folder(names[i]));
        return rmdir(folder);
}

static void defaults_fill_what_nobody_sets(void **state)
{
        struct err e;

        (void) state;
        assert_ok(LOAD(&e), e);
        assert_string_equal(s.listen, "127.0.0.1:80");
        assert_null(s.data_dir);
        assert_null(s.token);
        assert_int_equal(s.workers, 4);
        assert_int_equal(s.drain, 5000);
        assert_int_equal(s.cache, 64 << 20);
        assert_false(s.verbose);
}

static void flags_come_in_every_spelling(void **state)
{
        struct err e;

        (void) state;
        assert_ok(LOAD(&e, "--data-dir", "/x", "--workers=7", "--verbose", "--drain", "250ms", "--cache=0"), e);
        assert_string_equal(s.data_dir, "/x");
        assert_int_equal(s.workers, 7);
        assert_true(s.verbose);
        assert_int_equal(s.drain, 250);
        assert_int_equal(s.cache, 0);
        assert_ok(LOAD(&e, "--data_dir=/y", "--verbose=false", "--listen="), e);
        assert_string_equal(s.data_dir, "/y");
        assert_false(s.verbose);
        assert_null(s.listen);
        assert_ok(LOAD(&e, "--workers", "1", "--workers", "2"), e);
        assert_int_equal(s.workers, 2);
}

static void flag_wins_over_environment_over_file_over_default(void **state)
{
        struct err e;
        const char *conf = file("conf", "listen: from-file\nworkers: 11\ndrain: 11s\n");

        (void) state;
        (void) setenv("SLUICE_TESTD_LISTEN", "from-env", 1);
        (void) setenv("SLUICE_TESTD_WORKERS", "12", 1);
        assert_ok(LOAD(&e, "--listen", "from-flag", "--config", conf), e);
        assert_string_equal(s.listen, "from-flag");
        assert_int_equal(s.workers, 12);
        assert_int_equal(s.drain, 11000);
        assert_int_equal(s.cache, 64 << 20);
        (void) setenv("SLUICE_TESTD_CONFIG", conf, 1);
        (void) unsetenv("SLUICE_TESTD_WORKERS");
        assert_ok(LOAD(&e), e);
        assert_int_equal(s.workers, 11);
}

static void bad_flags_are_refused_by_name(void **state)
{
        static const struct {
                const char *argv[4];
                const char *text;
        } cases[] = {
                { { "testd", "--no-such" }, "no flag --no-such" },
                { { "testd", "--workerss=1" }, "no flag --workerss" },
                { { "testd", "--worker=1" }, "no flag --worker" },
                { { "testd", "workers" }, "unexpected argument" },
                { { "testd", "-w" }, "unexpected argument" },
                { { "testd", "--" }, "unexpected argument" },
                { { "testd", "--workers" }, "--workers needs a value" },
                { { "testd", "--workers=many" }, "--workers: \"many\" is not a whole number" },
                { { "testd", "--workers=" }, "--workers" },
                { { "testd", "--workers=99999999999999999999" }, "--workers" },
                { { "testd", "--verbose=yes" }, "--verbose: \"yes\" is neither true nor false" },
                { { "testd", "--drain=5" }, "--drain: \"5\" is not like 250ms" },
                { { "testd", "--drain=-5s" }, "--drain" },
                { { "testd", "--drain=5 s" }, "--drain" },
                { { "testd", "--drain=9223372036854775807h" }, "too large" },
                { { "testd", "--cache=1MB" }, "--cache: \"1MB\" is not like 512" },
                { { "testd", "--cache= 1" }, "--cache" },
                { { "testd", "--token-file=/no/such/file" }, "--token-file: open /no/such/file" },
                { { "testd", "--listen-file=/x" }, "no flag --listen-file" },
                { { "testd", "--config=/no/such/file" }, "/no/such/file" },
        };
        struct err e;

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                print_message("  %s\n", cases[i].argv[1]);
                settings_done(&spec, &s);
                assert_int_equal(settings_load(&spec, &s, 2, (char **) cases[i].argv, &e), -1);
                assert_contains(e.msg, cases[i].text);
        }
}

static void bad_files_are_refused_by_line(void **state)
{
        static const struct {
                const char *text, *complaint;
        } cases[] = {
                { "workers: 1\nno_such: 2\n", "line 2: there is no setting \"no_such\"" },
                { "workers: x\n", "line 1: workers: \"x\"" },
                { "workers: [1, 2]\n", "line 1" },
                { "workers:\n  a: 1\n", "line 1" },
                { "- workers\n", "" },
                { "workers: 1\n  x: y: z\n", "line 1" },
                { "just text\n", "" },
                { "workers: 1\n---\nworkers: 2\n", "" },
                { "workers: \"\x01\"\n", "" },
                { "a: &a [*a]\n", "" },
        };
        struct err e;

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                print_message("  %s", cases[i].text);
                const char *conf = file("conf", cases[i].text);
                assert_int_equal(LOAD(&e, "--config", conf), -1);
                assert_contains(e.msg, cases[i].complaint);
                assert_contains(e.msg, "conf");
        }
}

static void an_empty_file_sets_nothing(void **state)
{
        static const char *const texts[] = { "", "# only a remark\n", "{}\n" };
        struct err e;

        (void) state;
        for (size_t i = 0; i < LENGTH(texts); i++) {
                const char *conf = file("conf", texts[i]);
                assert_ok(LOAD(&e, "--config", conf), e);
                assert_int_equal(s.workers, 4);
        }
}

static void secrets_come_from_files(void **state)
{
        struct err e;
        const char *secret = file("secret", "slc_first-line\nsecond line\n"), *empty = file("empty", "\n");

        (void) state;
        assert_ok(LOAD(&e, "--token-file", secret), e);
        assert_string_equal(s.token, "slc_first-line");
        (void) setenv("SLUICE_TESTD_TOKEN_FILE", secret, 1);
        assert_ok(LOAD(&e), e);
        assert_string_equal(s.token, "slc_first-line");
        (void) unsetenv("SLUICE_TESTD_TOKEN_FILE");
        AUTO(str) text = xasprintf("token_file: %s\n", secret);
        const char *conf = file("conf", text);
        assert_ok(LOAD(&e, "--config", conf), e);
        assert_string_equal(s.token, "slc_first-line");
        assert_failed(LOAD(&e, "--token-file", empty), e, ERR_INVALID, "no text");
        assert_lacks(e.msg, "slc_");
}

/* What settings_load() prints when asked. */
static char *printed(const char *what, const char *more)
{
        struct err e;
        const char *path = in_folder("out");
        int saved = dup(STDOUT_FILENO);
        char *text;

        (void) fflush(stdout);
        assert_non_null(freopen(path, "w", stdout));
        int r = LOAD(&e, what, more);
        (void) fflush(stdout);
        assert_true(dup2(saved, STDOUT_FILENO) >= 0);
        (void) close(saved);
        assert_int_equal(r, SETTINGS_EXIT);
        assert_ok(fs_read(path, 1 << 20, &text, NULL, &e), e);
        return text;
}

static void what_is_printed_hides_secrets(void **state)
{
        (void) state;
        AUTO(str) shown = printed("--show-settings", "--token=slc_hidden");
        AUTO(str) help = printed("--help", "--token=slc_hidden");
        AUTO(str) man = printed("--man", "--token=slc_hidden");
        AUTO(str) version = printed("--version", "--token=slc_hidden");
        assert_contains(shown, "token: ****\n");
        assert_contains(shown, "listen: 127.0.0.1:80\n");
        assert_contains(shown, "drain: 5000ms\n");
        assert_contains(help, "--data-dir TEXT");
        assert_contains(help, "SLUICE_TESTD_");
        assert_contains(man, "testd(8)");
        assert_contains(version, "testd ");
        assert_lacks(shown, "slc_");
        assert_lacks(help, "slc_");
        assert_lacks(man, "slc_");
}

static void a_reload_moves_only_what_may_move(void **state)
{
        struct err e;
        char *conf = xstrdup(file("conf", "workers: 1\ndrain: 1s\ntoken: one\nverbose: false\n"));

        (void) state;
        assert_ok(LOAD(&e, "--config", conf), e);
        (void) file("conf", "workers: 2\ndrain: 2s\ntoken: two\nverbose: true\n");
        assert_ok(reload((const char *[]){ "testd", "--config", conf, NULL }, &e), e);
        assert_int_equal(s.workers, 1);
        assert_int_equal(s.drain, 2000);
        assert_string_equal(s.token, "two");
        assert_true(s.verbose);
        free(conf);
}

static void a_bad_reload_changes_nothing(void **state)
{
        struct err e;
        char *conf = xstrdup(file("conf", "drain: 1s\ntoken: one\n"));

        (void) state;
        assert_ok(LOAD(&e, "--config", conf), e);
        (void) file("conf", "drain: 2s\ntoken: two\nworkers: x\n");
        assert_failed(reload((const char *[]){ "testd", "--config", conf, NULL }, &e), e, ERR_INVALID, "workers");
        assert_int_equal(s.drain, 1000);
        assert_string_equal(s.token, "one");
        free(conf);
}

static void scales_are_exact(void **state)
{
        int64_t v;
        struct err e;

        (void) state;
        assert_ok(duration_parse("2h", &v, &e), e);
        assert_int_equal(v, 7200000);
        assert_ok(duration_parse("10m", &v, &e), e);
        assert_int_equal(v, 600000);
        assert_ok(size_parse("2GiB", &v, &e), e);
        assert_int_equal(v, 2147483648);
        assert_ok(size_parse("512", &v, &e), e);
        assert_int_equal(v, 512);
        assert_failed(size_parse("8589934592GiB", &v, &e), e, ERR_INVALID, "too large");
        assert_failed(duration_parse("", &v, &e), e, ERR_INVALID, "not like");
}

#define TEST(name) cmocka_unit_test_teardown(name, clear)
int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(defaults_fill_what_nobody_sets),
                TEST(flags_come_in_every_spelling),
                TEST(flag_wins_over_environment_over_file_over_default),
                TEST(bad_flags_are_refused_by_name),
                TEST(bad_files_are_refused_by_line),
                TEST(an_empty_file_sets_nothing),
                TEST(secrets_come_from_files),
                TEST(what_is_printed_hides_secrets),
                TEST(a_reload_moves_only_what_may_move),
                TEST(a_bad_reload_changes_nothing),
                TEST(scales_are_exact),
        };

        return cmocka_run_group_tests(tests, setup_folder, remove_folder);
}
