/* The command table keeps its own promises, and everything that is made from it shows every row. */
#include <string.h>

#include "ctl/command.h"
#include "ctl/completion.h"
#include "ctl/help.h"
#include "ctl/parse.h"
#include "lib/auto.h"
#include "lib/mem.h"
#include "tests/unit/lib/unit.h"

#define EACH_COMMAND(c)                                                                                                          \
        const struct command *c = commands;                                                                                      \
        c < commands + n_commands;                                                                                               \
        c++

static void every_row_is_whole(void **state)
{
        (void) state;
        for (EACH_COMMAND(c)) {
                AUTO(str) call = xasprintf("ctl %s", c->words);
                assert_non_null(c->run);
                assert_non_null(c->summary);
                assert_in_range(strlen(c->summary), 10, 79);
                assert_true(c->summary[strlen(c->summary) - 1] != '.');
                assert_contains(c->example, call);
                assert_ptr_equal(command_find(c->words), c); /* no two of the same words */
                assert_null(c->args[ARGS_MAX - 1].name);     /* the lists have an end */
                assert_null(c->flags[FLAGS_MAX - 1].name);
        }
}

static void arguments_come_in_an_order_that_can_be_told_apart(void **state)
{
        (void) state;
        for (EACH_COMMAND(c))
                for (const struct arg *a = c->args; a->name; a++) {
                        assert_true(!a->many || !a[1].name);
                        assert_true(!a->optional || !a[1].name || a[1].optional);
                        assert_true(a->kind != VALUE_NONE);
                }
}

static void check_flag(const struct flag *f, const struct flag *others)
{
        assert_non_null(f->help);
        assert_true((f->kind == VALUE_NONE) == (f->value == NULL));
        for (const struct flag *o = others; o->name; o++) {
                assert_true(f == o || strcmp(f->name, o->name) != 0);
                assert_true(f == o || !f->letter || f->letter != o->letter);
        }
}

static void no_two_flags_are_spelled_alike(void **state)
{
        (void) state;
        for (const struct flag *g = global_flags; g->name; g++)
                check_flag(g, global_flags);
        for (EACH_COMMAND(c))
                for (const struct flag *f = c->flags; f->name; f++) {
                        check_flag(f, c->flags);
                        check_flag(f, global_flags);
                }
}

/* Split the example at blanks, with "quoted pieces" whole, and parse it. */
static void every_example_is_a_command_line_that_parses(void **state)
{
        (void) state;
        for (EACH_COMMAND(c)) {
                AUTO(str) copy = xstrdup(strstr(c->example, "ctl "));
                AUTO_CALL call = { 0 };
                struct err e = { 0 };
                char *argv[16], *p = copy;
                int argc = 0;
                copy[strcspn(copy, ")")] = '\0';
                while (*p && argc < 15) {
                        bool quoted = *p == '"';
                        p += quoted;
                        argv[argc++] = p;
                        p += strcspn(p, quoted ? "\"" : " ");
                        if (*p)
                                *p++ = '\0';
                        p += strspn(p, " ");
                }
                argv[argc] = NULL;
                assert_ok(call_parse(argc, argv, &call, &e), e);
                assert_string_equal(call.cmd->words, c->words);
        }
}

static void help_shows_every_command_with_its_flags_and_example(void **state)
{
        AUTO_STRBUF overview;

        (void) state;
        strbuf_init(&overview, HELP_MAX_BYTES);
        help_overview(&overview);
        for (EACH_COMMAND(c)) {
                AUTO_STRBUF one;
                struct err e = { 0 };
                strbuf_init(&one, HELP_MAX_BYTES);
                assert_contains(strbuf_str(&overview), c->summary);
                assert_ok(help_topic(c->words, &one, &e), e);
                assert_contains(strbuf_str(&one), c->summary);
                assert_contains(strbuf_str(&one), c->example);
                for (const struct flag *f = c->flags; f->name; f++)
                        assert_contains(strbuf_str(&one), f->name);
                assert_true(strbuf_ok(&one));
        }
}

static void help_of_half_a_command_lists_the_rest(void **state)
{
        AUTO_STRBUF out;
        struct err e = { 0 };

        (void) state;
        strbuf_init(&out, HELP_MAX_BYTES);
        assert_ok(help_topic("token", &out, &e), e);
        assert_contains(strbuf_str(&out), "token create");
        assert_lacks(strbuf_str(&out), "rollout");
        assert_failed(help_topic("tok", &out, &e), e, ERR_INVALID, "there is no command \"tok\"");
}

static void help_lines_fit_eighty_columns(void **state)
{
        (void) state;
        for (EACH_COMMAND(c)) {
                AUTO_STRBUF out;
                strbuf_init(&out, HELP_MAX_BYTES);
                help_command(c, &out);
                for (const char *line = strbuf_str(&out); *line; line += strcspn(line, "\n") + 1)
                        assert_in_range(strcspn(line, "\n"), 0, 100); /* examples stay on one line */
        }
}

static void the_manual_has_every_command_flag_and_exit_code(void **state)
{
        AUTO_STRBUF man;

        (void) state;
        strbuf_init(&man, HELP_MAX_BYTES);
        help_man(&man);
        assert_true(strbuf_ok(&man));
        for (EACH_COMMAND(c)) {
                AUTO(str) title = xasprintf("## ctl %s\n", c->words);
                assert_contains(strbuf_str(&man), title);
                assert_contains(strbuf_str(&man), c->example);
                for (const struct flag *f = c->flags; f->name; f++) {
                        AUTO(str) flag = xasprintf("*--%s*", f->name);
                        assert_contains(strbuf_str(&man), flag);
                }
        }
        for (size_t i = 0; i < n_exit_codes; i++) {
                AUTO(str) code = xasprintf("*%d*\n", exit_codes[i].code);
                assert_contains(strbuf_str(&man), code);
        }
}

static void every_kind_of_error_has_a_documented_exit_code(void **state)
{
        (void) state;
        for (int kind = ERR_NONE; kind < ERR_KIND_COUNT; kind++) {
                bool found = false;
                for (size_t i = 0; i < n_exit_codes; i++)
                        found |= exit_codes[i].code == err_exit_code((enum err_kind) kind);
                assert_true(found);
                assert_true(err_exit_code((enum err_kind) kind) != EXIT_ROLLED_BACK);
        }
}

/* What `ctl __complete` says for these words. */
static char *complete(const char *line)
{
        AUTO(str) copy = xstrdup(line);
        char *words[16];
        size_t n = 0;
        struct strbuf out;

        for (char *p = copy;; *p++ = '\0') {
                words[n++] = p;
                p += strcspn(p, " ");
                if (!*p)
                        break;
        }
        words[n] = NULL;
        strbuf_init(&out, HELP_MAX_BYTES);
        complete_words(words, &out);
        return strbuf_take(&out);
}

static void completion_knows_every_word_and_flag(void **state)
{
        (void) state;
        for (EACH_COMMAND(c)) {
                const char *second = strchr(c->words, ' ');
                AUTO(str) before = second ? xasprintf("%.*s ", (int) (second - c->words), c->words) : xstrdup("");
                AUTO(str) words = complete(before);
                AUTO(str) candidate = xasprintf("%s\t%s\n", second ? second + 1 : c->words, c->summary);
                AUTO(str) dashes = xasprintf("%s --", c->words);
                AUTO(str) flags = complete(dashes);
                assert_contains(words, candidate);
                for (const struct flag *f = c->flags; f->name; f++) {
                        AUTO(str) flag = xasprintf("--%s\t", f->name);
                        assert_contains(flags, flag);
                }
                assert_contains(flags, "--quiet\t");
        }
}

static void completion_follows_the_cursor(void **state)
{
        static const struct {
                const char *line, *answer;
        } cases[] = {
                { "ro", "rollout\tRollouts\nrollback\tput the traffic back on an older version, at once\n" },
                { "rollout st", "start\tmove traffic to a version, step by step\nstatus\tshow all rollouts, or one with its "
                                "verdict and window\n" },
                { "rollout dance ", "" },
                { "completion ", "bash\t\nzsh\t\n" },
                { "token create ci w", "writer\t\n" },
                { "token create ci writer ", "" },
                { "models -o ", "table\t\njson\t\nname\t\n" },
                { "models --output=j", "--output=json\t\n" },
                { "-o json comp", "completion\tprint a completion script for your shell\n" },
                { "push credit ", ":files\n" },
                { "push credit a b c", ":files\n" },
                { "models --token-file=/e", ":files\n" },
                { "pull credit 1 ", ":folders\n" },
                { "help rollout p", "pause\tstay at the present weight until resumed\npromote\tend this step's hold now, or go "
                                    "straight to 100 %\n" },
                { "models BAD ", "" },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO(str) answer = complete(cases[i].line);
                assert_string_equal(answer, cases[i].answer);
        }
}

static void completion_is_silent_when_the_servers_are_away(void **state)
{
        (void) state;
        (void) setenv("SLUICE_REGISTRY", "http://127.0.0.1:1", 1);
        (void) setenv("SLUICE_ROLLOUT", "http://127.0.0.1:1", 1);
        AUTO(str) models = complete("models ");
        AUTO(str) refs = complete("pull credit ");
        AUTO(str) policies = complete("rollout start credit 1 --policy ");
        assert_string_equal(models, "");
        assert_string_equal(refs, "");
        assert_string_equal(policies, "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_row_is_whole),
                cmocka_unit_test(arguments_come_in_an_order_that_can_be_told_apart),
                cmocka_unit_test(no_two_flags_are_spelled_alike),
                cmocka_unit_test(every_example_is_a_command_line_that_parses),
                cmocka_unit_test(help_shows_every_command_with_its_flags_and_example),
                cmocka_unit_test(help_of_half_a_command_lists_the_rest),
                cmocka_unit_test(help_lines_fit_eighty_columns),
                cmocka_unit_test(the_manual_has_every_command_flag_and_exit_code),
                cmocka_unit_test(every_kind_of_error_has_a_documented_exit_code),
                cmocka_unit_test(completion_knows_every_word_and_flag),
                cmocka_unit_test(completion_follows_the_cursor),
                cmocka_unit_test(completion_is_silent_when_the_servers_are_away),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
