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

int main(void)
{
        static const struct CMUnitTest tests[] = { cmocka_unit_test(a_row_called_like_a_printing_flag_is_set_by_a_value) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
