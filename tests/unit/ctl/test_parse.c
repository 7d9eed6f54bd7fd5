/* Command lines, right and wrong. */
#include "ctl/parse.h"
#include "tests/unit/lib/unit.h"

enum { WORDS_MAX = 8 };

static int parse(const char *const *words, struct call *out, struct err *e)
{
        char *argv[WORDS_MAX + 2] = { (char *) (uintptr_t) "ctl" };
        int argc = 1;

        while (argc <= WORDS_MAX && words[argc - 1]) {
                argv[argc] = (char *) (uintptr_t) words[argc - 1];
                argc++;
        }
        return call_parse(argc, argv, out, e);
}

static void words_make_a_command_with_arguments(void **state)
{
        static const struct {
                const char *words[WORDS_MAX];
                const char *command;
                size_t n_args;
        } cases[] = {
                { { "models" }, "models", 0 },
                { { "models", "credit" }, "models", 1 },
                { { "rollout", "start", "credit", "2" }, "rollout start", 2 },
                { { "-q", "rollout", "--no-color", "start", "credit", "@champion" }, "rollout start", 2 },
                { { "push", "credit", "a.ubj", "b=c/d" }, "push", 3 },
                { { "pull", "credit", "1", "--", "-folder" }, "pull", 3 },
                { { "help", "rollout", "start" }, "help", 2 },
                { { "alias", "credit", "champion", "@challenger" }, "alias", 3 },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO_CALL call = { 0 };
                struct err e = { 0 };
                assert_ok(parse(cases[i].words, &call, &e), e);
                assert_string_equal(call.cmd->words, cases[i].command);
                assert_int_equal(call.n_args, cases[i].n_args);
                assert_null(call_arg(&call, cases[i].n_args));
        }
}

static void a_flag_takes_its_value_in_every_spelling(void **state)
{
        static const char *const spellings[][WORDS_MAX] = {
                { "rollout", "start", "credit", "2", "--policy", "canary" },
                { "rollout", "start", "credit", "2", "--policy=canary" },
                { "rollout", "start", "-p", "canary", "credit", "2" },
                { "rollout", "start", "-pcanary", "credit", "2" },
                { "rollout", "start", "-wpcanary", "credit", "2" },
                { "rollout", "start", "-wp=canary", "credit", "2" },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(spellings); i++) {
                AUTO_CALL call = { 0 };
                struct err e = { 0 };
                assert_ok(parse(spellings[i], &call, &e), e);
                assert_string_equal(call_flag(&call, "policy"), "canary");
                assert_int_equal(call.n_args, 2);
        }
}

static void a_repeated_flag_gives_each_value_or_the_last(void **state)
{
        static const char *const words[] = { "push", "m", "f", "--alias", "a", "--alias", "b", "-da", NULL };
        static const char *const twice[] = { "history", "m", "-n5", "--limit", "7", NULL };
        AUTO_CALL push = { 0 };
        AUTO_CALL history = { 0 };
        struct err e = { 0 };
        size_t i = 0;

        (void) state;
        assert_ok(parse(words, &push, &e), e);
        assert_string_equal(call_each(&push, "alias", &i), "a");
        assert_string_equal(call_each(&push, "alias", &i), "b");
        assert_null(call_each(&push, "alias", &i));
        assert_string_equal(call_flag(&push, "description"), "a");
        assert_false(call_has(&push, "no-git"));
        assert_ok(parse(twice, &history, &e), e);
        assert_string_equal(call_flag(&history, "limit"), "7");
}

static void misuse_is_told_in_a_sentence(void **state)
{
        static const struct {
                const char *words[WORDS_MAX];
                const char *sentence;
        } cases[] = {
                { { NULL }, "no command given" },
                { { "pusj", "m" }, "there is no command \"pusj\"; did you mean push?" },
                { { "rolout", "start", "m", "1" }, "there is no command \"rolout\"; did you mean rollout?" },
                { { "tokn", "list" }, "there is no command \"tokn\"; did you mean token?" },
                { { "frobnicate" }, "there is no command \"frobnicate\"; ctl help lists them" },
                { { "start", "m", "1" }, "did you mean rollout start?" },
                { { "rollout" }, "rollout what? One of: start, status, watch, pause, resume, promote, retry, abort" },
                { { "rollout", "strat", "m", "1" }, "did you mean rollout start?" },
                { { "rollout", "dance" }, "there is no command \"rollout dance\"" },
                { { "" }, "there is no command" },
                { { "push", "m" }, "push needs FILE[=PATH]; usage: ctl push MODEL" },
                { { "rollout", "start", "m" }, "rollout start needs VERSION|@ALIAS" },
                { { "whoami", "me" }, "\"me\" is one argument too many; usage: ctl whoami" },
                { { "models", "Credit" }, "MODEL: model name \"Credit\" may hold only" },
                { { "models", "" }, "MODEL: the model is empty" },
                { { "pull", "m", "1x" }, "VERSION|@ALIAS: \"1x\" is neither a version's number" },
                { { "pull", "m", "0" }, "neither a version's number" },
                { { "pull", "m", "@" }, "alias name must have 1 to 64 characters" },
                { { "alias", "m", "@champion", "1" }, "is written without the @ here" },
                { { "push", "m", "f", "--meta", "novalue" }, "write KEY=TEXT or KEY:=JSON" },
                { { "push", "m", "f", "--meta", ":=1" }, "write KEY=TEXT or KEY:=JSON" },
                { { "push", "m", "f", "--meta", "=1" }, "write KEY=TEXT or KEY:=JSON" },
                { { "history", "m", "--limit", "-3" }, "--limit: \"-3\" is not a whole number from 0 up" },
                { { "history", "m", "--limit", "9999999999" }, "is not a whole number" },
                { { "rollback", "m", "--to", "one" }, "--to: version \"one\" is not a number" },
                { { "rollback", "m", "--to" }, "--to needs a value: --to N" },
                { { "rollout", "pause", "m", "--reason", "--quiet" }, "--reason needs a value" },
                { { "rollout", "start", "m", "1", "--watch=yes" }, "--watch stands alone" },
                { { "rollout", "start", "m", "1", "--polcy", "x" }, "rollout start has no flag --polcy; did you mean --policy?" },
                { { "models", "--frobnicate" }, "models has no flag --frobnicate; see ctl help models" },
                { { "--policy", "x", "models" }, "ctl has no flag --policy before the command" },
                { { "models", "-z" }, "there is no flag -z" },
                { { "models", "--token", "slc_1" }, "a token does not go on the command line" },
                { { "models", "-o", "yaml" }, "there is no output format \"yaml\"; there are table, json and name" },
                { { "models", "-o", "jsn" }, "did you mean json?" },
                { { "token", "create", "ci", "reeder" }, "did you mean reader?" },
                { { "models", "--timeout", "5" }, "--timeout: \"5\" is not like" },
                { { "models", "--timeout", "0s" }, "--timeout: it must be more than nothing" },
                { { "models", "--registry", "localhost:8470" }, "is no address like http://127.0.0.1:8470" },
                { { "models", "--registry", "http://" }, "is no address" },
                { { "models", "--registry", "http://u:p@h" }, "none of ? # @" },
                { { "completion", "fish" }, "there is no shell \"fish\"" },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO_CALL call = { 0 };
                struct err e = { 0 };
                assert_failed(parse(cases[i].words, &call, &e), e, ERR_INVALID, cases[i].sentence);
                assert_lacks(e.msg, "slc_1");
        }
}

static void help_wins_over_every_mistake(void **state)
{
        static const struct {
                const char *words[WORDS_MAX];
                const char *topic;
        } cases[] = {
                { { "--help" }, "" },
                { { "rollout", "--help" }, "rollout" },
                { { "rollout", "start", "-h" }, "rollout start" },
                { { "push", "--frobnicate", "--help" }, "push" },
                { { "push", "UPPER", "--help" }, "push" },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO_CALL call = { 0 };
                struct err e = { 0 };
                assert_ok(parse(cases[i].words, &call, &e), e);
                assert_true(call_has(&call, "help"));
                assert_string_equal(call.topic, cases[i].topic);
        }
}

static void a_flag_without_its_value_is_pending_for_completion(void **state)
{
        char *words[] = { (char[]){ "rollout" }, (char[]){ "start" }, (char[]){ "credit" }, (char[]){ "--policy" }, NULL };
        char *nonsense[] = { (char[]){ "rollout" }, (char[]){ "dance" }, NULL };
        AUTO_CALL call = { 0 };
        AUTO_CALL none = { 0 };

        (void) state;
        assert_int_equal(call_parse_more(words, &call), 0);
        assert_string_equal(call.pending->name, "policy");
        assert_int_equal(call.n_args, 1);
        assert_int_equal(call_parse_more(nonsense, &none), -1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(words_make_a_command_with_arguments),
                cmocka_unit_test(a_flag_takes_its_value_in_every_spelling),
                cmocka_unit_test(a_repeated_flag_gives_each_value_or_the_last),
                cmocka_unit_test(misuse_is_told_in_a_sentence),
                cmocka_unit_test(help_wins_over_every_mistake),
                cmocka_unit_test(a_flag_without_its_value_is_pending_for_completion),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
