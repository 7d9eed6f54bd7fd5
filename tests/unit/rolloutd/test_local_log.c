/* What is quoted of a log when a process has ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fs.h"
#include "lib/mem.h"
#include "rolloutd/local_log.h"

static char path[] = "/tmp/sluice-log-XXXXXX";

static int make_file(void **state)
{
        int fd = mkstemp(path);

        (void) state;
        return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
        (void) state;
        return fs_remove(path, NULL);
}

static void the_last_words_are_for_people(void **state)
{
        static const struct {
                const char *name, *log;
                long from;
                const char *words;
        } cases[] = {
                { "nothing", "", 0, "" },
                { "plain text", "one\ntwo\n", 0, "two" },
                { "without an end", "one\ntwo", 0, "two" },
                { "empty lines after it", "one\n\n  \n", 0, "one" },
                { "our own program", "x\n{\"level\":\"error\",\"msg\":\"cannot load\",\"error\":\"no such file\"}\n", 0,
                  "cannot load: no such file" },
                { "our own program without a cause", "{\"level\":\"error\",\"msg\":\"stuck\",\"error\":null}\n", 0, "stuck" },
                { "our own program, which says more after it",
                  "{\"level\":\"error\",\"msg\":\"cannot serve\",\"error\":\"no "
                  "trees\"}\n{\"level\":\"info\",\"msg\":\"stopped\"}\n",
                  0, "cannot serve: no trees" },
                { "the newest of several errors",
                  "{\"level\":\"error\",\"msg\":\"one\"}\n{\"level\":\"error\",\"msg\":\"two\"}\n{\"level\":\"warn\",\"msg\":"
                  "\"x\"}\n",
                  0, "two" },
                { "an error wins over plain text", "{\"level\":\"error\",\"msg\":\"one\"}\nbye\n", 0, "one" },
                { "all was well", "{\"level\":\"info\",\"msg\":\"listening\"}\n{\"level\":\"info\",\"msg\":\"ready\"}\n", 0, "" },
                { "JSON of somebody else", "{\"a\":1}\n", 0, "{\"a\":1}" },
                { "HAProxy", "[NOTICE]   (7) : version\n[ALERT]    (7) : cannot bind\n[ALERT]    (7) : Exiting.\n", 0,
                  "[ALERT]    (7) : cannot bind" },
                { "HAProxy's predecessor", "[ALERT]    (77) : old\n[ALERT]    (7) : new\n[ALERT]    (5) : other\n", 0,
                  "[ALERT]    (7) : new" },
                { "HAProxy without an alert", "[NOTICE]   (7) : version\n[WARNING]  (7) : slow\n[ALERT]    (5) : other\n", 0,
                  "" },
                { "only what is new", "old\n", 4, "" },
                { "new after old", "old\nnew\n", 4, "new" },
                { "a log that was cut since", "x\n", 100, "" },
        };

        (void) state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                char words[64];
                print_message("  %s\n", cases[i].name);
                assert_int_equal(fs_write_quick(path, cases[i].log, strlen(cases[i].log), 0600, NULL), 0);
                local_log_last_words(path, cases[i].from, 7, words, sizeof words);
                assert_string_equal(words, cases[i].words);
        }
}

static void long_logs_are_read_from_their_end_and_quoted_in_short(void **state)
{
        size_t n = 100000;
        char *text = xmalloc(n + 1), words[16];

        (void) state;
        memset(text, 'a', n);
        memcpy(text + n - 21, "\nbbbbbbbbbbbbbbbbbbb\n", 21);
        text[n] = '\0';
        assert_int_equal(fs_write_quick(path, text, n, 0600, NULL), 0);
        local_log_last_words(path, 0, 7, words, sizeof words);
        assert_string_equal(words, "bbbbbbbbbbbbbbb");
        free(text);
}

static void no_log_is_no_words(void **state)
{
        char words[16] = "before";

        (void) state;
        local_log_last_words("/nonexistent", 0, 7, words, sizeof words);
        assert_string_equal(words, "");
        assert_int_equal(local_log_prepare("/nonexistent"), 0);
}

static void a_log_that_has_grown_long_makes_room(void **state)
{
        char old[sizeof path + 4];

        (void) state;
        (void) snprintf(old, sizeof old, "%s.old", path);
        assert_int_equal(truncate(path, 100), 0);
        assert_int_equal(local_log_prepare(path), 100);
        assert_int_equal(truncate(path, 9 << 20), 0);
        assert_int_equal(local_log_prepare(path), 0);
        assert_false(fs_exists(path));
        assert_true(fs_exists(old));
        assert_int_equal(fs_remove(old, NULL), 0);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_last_words_are_for_people),
                cmocka_unit_test(long_logs_are_read_from_their_end_and_quoted_in_short),
                cmocka_unit_test(no_log_is_no_words),
                cmocka_unit_test(a_log_that_has_grown_long_makes_room),
        };

        mem_init();
        return cmocka_run_group_tests(tests, make_file, remove_file);
}
