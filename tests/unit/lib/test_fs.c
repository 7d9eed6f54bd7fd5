/* Files: capped reads, whole writes, folders. */
#include "tests/unit/lib/unit.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/mem.h"

static char folder[] = "/tmp/sluice-fs-XXXXXX";

static char *in_folder(const char *name)
{
        return xasprintf("%s/%s", folder, name);
}

static int make_folder(void **state)
{
        (void) state;
        return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
        AUTO(str) command = xasprintf("rm -rf '%s'", folder);

        (void) state;
        return system(command);
}

static unsigned entries(void)
{
        DIR *d = opendir(folder);
        unsigned n = 0;

        while (readdir(d))
                n++;
        (void) closedir(d);
        return n - 2;
}

static void what_is_written_is_read(void **state)
{
        AUTO(str) path = in_folder("a");
        AUTO(str) text = NULL;
        struct stat st;
        struct err e;
        size_t len;

        (void) state;
        assert_ok(fs_write_atomic(path, "one\0two", 7, 0640, &e), e);
        assert_ok(fs_read(path, 7, &text, &len, &e), e);
        assert_int_equal(len, 7);
        assert_memory_equal(text, "one\0two", 8); /* and a NUL after the end */
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0640);
        assert_ok(fs_write_atomic(path, "", 0, 0600, &e), e);
        AUTO(str) empty = NULL;
        assert_ok(fs_read(path, 7, &empty, &len, &e), e);
        assert_int_equal(len, 0);
        assert_int_equal(entries(), 1); /* nothing temporary is left */
        assert_ok(fs_remove(path, &e), e);
        assert_ok(fs_remove(path, &e), e);
        assert_false(fs_exists(path));
}

static void a_file_over_the_cap_is_not_read(void **state)
{
        AUTO(str) path = in_folder("a");
        char *text = NULL;
        struct err e;

        (void) state;
        assert_ok(fs_write_atomic(path, "12345678", 8, 0600, &e), e);
        assert_failed(fs_read(path, 7, &text, NULL, &e), e, ERR_TOO_LARGE, "over 7 bytes");
        assert_failed(fs_read("/dev/zero", 1 << 20, &text, NULL, &e), e, ERR_TOO_LARGE, "/dev/zero");
        assert_null(text);
}

static void what_cannot_be_read_says_why(void **state)
{
        AUTO(str) missing = in_folder("missing");
        char *text;
        struct err e;

        (void) state;
        assert_failed(fs_read(missing, 100, &text, NULL, &e), e, ERR_NOT_FOUND, "No such file");
        assert_failed(fs_read(folder, 100, &text, NULL, &e), e, ERR_INTERNAL, "directory");
        assert_failed(fs_read_line(missing, &text, &e), e, ERR_NOT_FOUND, "No such file");
}

static void a_failed_write_leaves_the_old_file_and_nothing_else(void **state)
{
        AUTO(str) nowhere = in_folder("no/such/folder/a");
        AUTO(str) target = in_folder("is-a-folder");
        AUTO(str) inside = in_folder("is-a-folder/x");
        struct err e;

        (void) state;
        assert_failed(fs_write_atomic(nowhere, "x", 1, 0600, &e), e, ERR_NOT_FOUND, "create a file beside");
        assert_ok(fs_mkdirs(target, 0700, &e), e);
        assert_ok(fs_write_atomic(inside, "x", 1, 0600, &e), e);
        unsigned before = entries();
        assert_failed(fs_write_atomic(target, "x", 1, 0600, &e), e, ERR_INTERNAL, "write ");
        assert_int_equal(entries(), before);
        assert_true(fs_exists(inside));
}

static void lines_end_where_they_end(void **state)
{
        static const struct {
                const char *text, *line;
        } cases[] = { { "secret\n", "secret" }, { "secret", "secret" }, { "secret\r\nmore\n", "secret" }, { "a b \n", "a b " } };
        AUTO(str) path = in_folder("line");
        struct err e;

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO(str) line = NULL;
                assert_ok(fs_write_atomic(path, cases[i].text, strlen(cases[i].text), 0600, &e), e);
                assert_ok(fs_read_line(path, &line, &e), e);
                assert_string_equal(line, cases[i].line);
        }
        char *none = NULL;
        assert_ok(fs_write_atomic(path, "\nsecond\n", 8, 0600, &e), e);
        assert_failed(fs_read_line(path, &none, &e), e, ERR_INVALID, "no text");
}

static void folders_are_made_with_their_parents(void **state)
{
        AUTO(str) deep = in_folder("p/q/r");
        AUTO(str) file = in_folder("p/file");
        AUTO(str) below = in_folder("p/file/x");
        struct stat st;
        struct err e;

        (void) state;
        assert_ok(fs_mkdirs(deep, 0700, &e), e);
        assert_ok(fs_mkdirs(deep, 0700, &e), e);
        assert_int_equal(stat(deep, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0700);
        assert_ok(fs_write_atomic(file, "x", 1, 0600, &e), e);
        assert_int_equal(fs_mkdirs(below, 0700, &e), -1);
        assert_failed(fs_mkdirs(file, 0700, &e), e, ERR_INTERNAL, "create folder");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_written_is_read),
                cmocka_unit_test(a_file_over_the_cap_is_not_read),
                cmocka_unit_test(what_cannot_be_read_says_why),
                cmocka_unit_test(a_failed_write_leaves_the_old_file_and_nothing_else),
                cmocka_unit_test(lines_end_where_they_end),
                cmocka_unit_test(folders_are_made_with_their_parents),
        };

        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
