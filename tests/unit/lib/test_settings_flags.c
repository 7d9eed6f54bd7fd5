/* Flags that print, and rows that are called like them. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/settings.h"
#include "tests/unit/lib/unit.h"

struct sample {
        char *listen;
        int64_t version;
};

static const struct setting ROWS[] = {
        { "listen", SETTING_STRING, offsetof(struct sample, listen), "127.0.0.1:1", false, "where" },
        { "version", SETTING_INT, offsetof(struct sample, version), "0", false, "which" },
};

static const struct settings_spec WITH_VERSION = {
        .program = "sample", .rows = ROWS, .n_rows = 2, .size = sizeof(struct sample)
};
static const struct settings_spec WITHOUT = { .program = "sample", .rows = ROWS, .n_rows = 1, .size = sizeof(struct sample) };

static void a_row_called_like_a_printing_flag_is_set_by_a_value(void **state)
{
        static const struct {
                const char *name;
                const struct settings_spec *spec;
                const char *argv[5];
                int result;
                int64_t version;
        } cases[] = {
                { "a value sets the row", &WITH_VERSION, { "sample", "--version", "2" }, SETTINGS_RUN, 2 },
                { "so does one after =", &WITH_VERSION, { "sample", "--version=3", "--listen", "x" }, SETTINGS_RUN, 3 },
                { "alone it prints", &WITH_VERSION, { "sample", "--version" }, SETTINGS_EXIT, 0 },
                { "before another flag too", &WITH_VERSION, { "sample", "--version", "--listen", "x" }, SETTINGS_EXIT, 0 },
                { "without such a row it takes no value", &WITHOUT, { "sample", "--version", "2" }, -1, 0 },
        };

        (void) state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct sample s;
                struct err e = { 0 };
                int argc = 0;
                print_message("  %s\n", cases[i].name);
                while (cases[i].argv[argc])
                        argc++;
                assert_int_equal(settings_load(cases[i].spec, &s, argc, (char **) cases[i].argv, &e), cases[i].result);
                if (cases[i].result == SETTINGS_RUN)
                        assert_int_equal(s.version, cases[i].version);
                settings_done(cases[i].spec, &s);
        }
}

static void a_boolean_takes_true_or_false_or_stands_alone(void **state)
{
        struct switches {
                bool stay;
                char *listen;
        };
        static const struct setting rows[] = {
                { "stay", SETTING_BOOL, offsetof(struct switches, stay), "false", false, "whether" },
                { "listen", SETTING_STRING, offsetof(struct switches, listen), "here", false, "where" },
        };
        static const struct settings_spec spec = {
                .program = "sample", .rows = rows, .n_rows = 2, .size = sizeof(struct switches)
        };
        static const struct {
                const char *name;
                const char *argv[6];
                int result;
                bool stay;
        } cases[] = {
                { "alone", { "sample", "--stay" }, SETTINGS_RUN, true },
                { "before another flag", { "sample", "--stay", "--listen", "x" }, SETTINGS_RUN, true },
                { "the word true", { "sample", "--stay", "true", "--listen", "x" }, SETTINGS_RUN, true },
                { "the word false", { "sample", "--stay", "false", "--listen", "x" }, SETTINGS_RUN, false },
                { "the last one wins", { "sample", "--stay", "--stay", "false" }, SETTINGS_RUN, false },
                { "after =", { "sample", "--stay=false" }, SETTINGS_RUN, false },
                { "no other word", { "sample", "--stay", "yes" }, -1, false },
        };

        (void) state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct switches s;
                struct err e = { 0 };
                int argc = 0;
                print_message("  %s\n", cases[i].name);
                while (cases[i].argv[argc])
                        argc++;
                assert_int_equal(settings_load(&spec, &s, argc, (char **) cases[i].argv, &e), cases[i].result);
                if (cases[i].result == SETTINGS_RUN)
                        assert_int_equal(s.stay, cases[i].stay);
                settings_done(&spec, &s);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_row_called_like_a_printing_flag_is_set_by_a_value),
                cmocka_unit_test(a_boolean_takes_true_or_false_or_stands_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
