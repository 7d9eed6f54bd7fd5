/* The queue on disk: what was added is read once, whatever happened to the process, the files or the disk. */
#include "tests/unit/lib/unit.h"

#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/mem.h"
#include "rolloutd/spool.h"

enum { MAX_BYTES = 1 << 20, SMALL_BYTES = 64 << 10 };

struct fixture {
        char dir[40];
        struct spool *s;
};

static int set_up(void **state)
{
        struct fixture *f = xcalloc(1, sizeof *f);

        (void) snprintf(f->dir, sizeof f->dir, "/tmp/sluice-spool-XXXXXX");
        *state = f;
        if (!mkdtemp(f->dir))
                return -1;
        f->s = spool_open(f->dir, MAX_BYTES);
        return 0;
}

static int tear_down(void **state)
{
        struct fixture *f = *state;
        char command[64];

        spool_close(f->s);
        (void) snprintf(command, sizeof command, "rm -rf %s", f->dir);
        int r = system(command);
        free(f);
        return r;
}

/* As after a kill -9: nothing is told to the old one. */
static void open_again(struct fixture *f, int64_t max_bytes)
{
        spool_close(f->s);
        f->s = spool_open(f->dir, max_bytes);
}

static void add(struct fixture *f, int n)
{
        AUTO(str) text = xasprintf("{\"number\":%d}", n);

        spool_add(f->s, text, 1000 + n);
}

static int number_of(const char *text)
{
        int n = -1;

        assert_int_equal(sscanf(text, "{\"number\":%d}", &n), 1);
        return n;
}

/* Read everything and take it: expects first, first + 1, ... last. */
static void expect(struct fixture *f, int first, int last)
{
        struct spool_batch b;

        for (int n = first; n <= last;) {
                spool_peek(f->s, 7, &b);
                assert_in_range(b.n, 1, 7);
                for (int i = 0; i < b.n; i++)
                        assert_int_equal(number_of(b.texts[i]), n++);
                spool_take(f->s);
        }
        spool_peek(f->s, 7, &b);
        assert_int_equal(b.n, 0);
}

static struct spool_stats stats(const struct fixture *f)
{
        struct spool_stats st;

        spool_get_stats(f->s, &st);
        return st;
}

/* The path of a segment counted from the oldest, -1 the newest. Caller frees. */
static char *segment(const struct fixture *f, int which)
{
        AUTO(str) pattern = xasprintf("%s/*.log", f->dir);
        glob_t found;

        assert_int_equal(glob(pattern, 0, NULL, &found), 0);
        char *path = xstrdup(found.gl_pathv[which < 0 ? (int) found.gl_pathc + which : which]);
        globfree(&found);
        return path;
}

static void what_is_added_comes_out_in_order_and_stays_until_taken(void **state)
{
        struct fixture *f = *state;
        struct spool_batch b;

        for (int n = 1; n <= 20; n++)
                add(f, n);
        assert_int_equal(stats(f).waiting, 20);
        assert_int_equal(stats(f).oldest_ms, 1001);
        spool_peek(f->s, 3, &b);
        spool_peek(f->s, 3, &b);
        assert_int_equal(number_of(b.texts[0]), 1);
        spool_take(f->s);
        spool_take(f->s); /* takes nothing: nothing was peeked at */
        expect(f, 4, 20);
        assert_int_equal(stats(f).waiting, 0);
        assert_int_equal(stats(f).oldest_ms, 0);
}

static void a_restart_goes_on_where_it_was(void **state)
{
        struct fixture *f = *state;
        struct spool_batch b;

        for (int n = 1; n <= 10; n++)
                add(f, n);
        spool_peek(f->s, 4, &b);
        spool_take(f->s);
        spool_peek(f->s, 4, &b); /* under way when the process died */
        open_again(f, MAX_BYTES);
        assert_int_equal(stats(f).waiting, 6);
        assert_int_equal(stats(f).oldest_ms, 1005);
        add(f, 11);
        expect(f, 5, 11);
        open_again(f, MAX_BYTES);
        assert_int_equal(stats(f).waiting, 0);
        add(f, 12);
        expect(f, 12, 12);
}

static void without_its_mark_texts_come_twice_not_never(void **state)
{
        struct fixture *f = *state;
        struct spool_batch b;
        AUTO(str) mark = xasprintf("%s/taken", f->dir);
        static const char *const marks[] = { "", "x\n", "-1 -1\n", "1 99999999\n", "1 -5\n", "0 0\n", NULL };

        for (int i = 0; i < (int) LENGTH(marks); i++) {
                open_again(f, MAX_BYTES);
                add(f, 1);
                add(f, 2);
                spool_peek(f->s, 1, &b);
                spool_take(f->s);
                if (marks[i])
                        assert_int_equal(fs_write_atomic(mark, marks[i], strlen(marks[i]), 0640, NULL), 0);
                else
                        assert_int_equal(unlink(mark), 0);
                open_again(f, MAX_BYTES);
                expect(f, 1, 2);
                assert_int_equal(stats(f).damaged, 0);
        }
}

static void a_torn_end_is_skipped_whatever_was_cut(void **state)
{
        struct fixture *f = *state;
        struct stat st;
        int one_line;

        add(f, 1);
        AUTO(str) first = segment(f, 0);
        assert_int_equal(stat(first, &st), 0);
        one_line = (int) st.st_size;
        for (int cut = 1; cut < one_line; cut++) {
                open_again(f, MAX_BYTES);
                expect(f, 1, 1);
                add(f, 1);
                add(f, 2);
                AUTO(str) last = segment(f, -1);
                assert_int_equal(stat(last, &st), 0);
                assert_int_equal(truncate(last, st.st_size - cut), 0);
                open_again(f, MAX_BYTES);
                expect(f, 1, 1);
                add(f, 1); /* for the next round */
        }
        add(f, 2);
        expect(f, 1, 2);
}

static void damaged_lines_are_skipped_and_counted(void **state)
{
        struct fixture *f = *state;
        enum { LINE = sizeof "12345678 1002 {\"number\":2}" - 1 };

        for (int at = 0; at < LINE; at++) { /* one bit of each byte of the second line in turn */
                struct spool_batch b;
                off_t second;
                char c;

                open_again(f, MAX_BYTES);
                add(f, 1);
                AUTO(str) last = segment(f, -1);
                __attribute__((cleanup(fd_release_))) fd_t_ fd = open(last, O_RDWR);
                second = lseek(fd, 0, SEEK_END);
                add(f, 2);
                add(f, 3);
                assert_int_equal(pread(fd, &c, 1, second + at), 1);
                c ^= 1;
                assert_int_equal(pwrite(fd, &c, 1, second + at), 1);
                spool_peek(f->s, 7, &b);
                assert_int_equal(b.n, 2);
                assert_int_equal(number_of(b.texts[0]), 1);
                assert_int_equal(number_of(b.texts[1]), 3);
                spool_take(f->s);
                assert_int_equal(stats(f).damaged, 1);
        }
}

static void a_file_of_garbage_stops_nothing(void **state)
{
        struct fixture *f = *state;
        AUTO(str) garbage = xcalloc(1, 600000); /* no line at all, larger than what is read at once */
        AUTO(str) path = xasprintf("%s/0000000000000001.log", f->dir);
        AUTO(str) other = xasprintf("%s/notes.txt", f->dir);

        memset(garbage, 'x', 600000);
        assert_int_equal(fs_write_atomic(path, garbage, 600000, 0640, NULL), 0);
        assert_int_equal(fs_write_atomic(other, "mine\n", 5, 0640, NULL), 0);
        open_again(f, MAX_BYTES);
        add(f, 1);
        expect(f, 1, 1);
        assert_true(stats(f).damaged > 0);
        assert_true(fs_exists(other));
}

static void a_segment_that_is_taken_away_stops_nothing(void **state)
{
        struct fixture *f = *state;

        add(f, 1);
        add(f, 2);
        open_again(f, MAX_BYTES);
        add(f, 3);
        AUTO(str) first = segment(f, 0);
        assert_int_equal(unlink(first), 0);
        expect(f, 3, 3);
        assert_int_equal(stats(f).damaged, 2);
}

static void the_oldest_give_way_and_are_counted(void **state)
{
        struct fixture *f = *state;
        struct spool_batch b;
        enum { MANY = 10000 };

        open_again(f, SMALL_BYTES);
        for (int n = 1; n <= MANY; n++)
                add(f, n);
        struct spool_stats st = stats(f);
        assert_true(st.bytes <= SMALL_BYTES);
        assert_true(st.dropped > 0);
        assert_int_equal(st.waiting + (int64_t) st.dropped, MANY);
        spool_peek(f->s, 1, &b);
        assert_int_equal(number_of(b.texts[0]), (int) st.dropped + 1);
        expect(f, (int) st.dropped + 1, MANY);
}

static void what_gave_way_while_it_was_being_sent_is_not_taken_twice(void **state)
{
        struct fixture *f = *state;
        struct spool_batch b;

        open_again(f, SMALL_BYTES);
        add(f, 1);
        spool_peek(f->s, 5, &b);
        for (int n = 2; n <= 5000; n++)
                add(f, n);
        struct spool_stats before = stats(f);
        assert_true(before.dropped > 0);
        spool_take(f->s);
        assert_int_equal(stats(f).waiting, before.waiting);
        expect(f, (int) before.dropped + 1, 5000);
}

static void a_full_disk_is_bridged_in_memory(void **state)
{
        struct fixture *f = *state;
        struct rlimit was, full;
        struct spool_batch b;

        (void) signal(SIGXFSZ, SIG_IGN);
        add(f, 1);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
        full = (struct rlimit){ .rlim_cur = 10, .rlim_max = was.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
        add(f, 2);
        add(f, 3);
        assert_int_equal(stats(f).waiting, 3);
        assert_int_not_equal(stats(f).trouble->kind, ERR_NONE);
        spool_peek(f->s, 5, &b); /* from the file */
        assert_int_equal(b.n, 1);
        spool_take(f->s);
        spool_peek(f->s, 1, &b); /* from memory */
        assert_int_equal(number_of(b.texts[0]), 2);
        spool_take(f->s);
        spool_peek(f->s, 1, &b); /* 3 moves to the disk before it is taken: it comes again */
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
        add(f, 4);
        assert_int_equal(stats(f).trouble->kind, ERR_NONE);
        spool_take(f->s);
        assert_int_equal(stats(f).waiting, 2);
        open_again(f, MAX_BYTES);
        expect(f, 3, 4);
}

static void a_full_disk_and_a_full_memory_drop_what_is_new(void **state)
{
        struct fixture *f = *state;
        AUTO(str) blocker = xasprintf("%s/file", f->dir);
        AUTO(str) folder = xasprintf("%s/file/spool", f->dir); /* cannot be made */

        assert_int_equal(fs_write_atomic(blocker, "", 0, 0640, NULL), 0);
        struct fixture g = { .s = spool_open(folder, MAX_BYTES) };
        assert_int_not_equal(stats(&g).trouble->kind, ERR_NONE);
        for (int n = 1; n <= 50000; n++)
                add(&g, n);
        struct spool_stats st = stats(&g);
        assert_true(st.dropped > 0);
        assert_int_equal(st.waiting + (int64_t) st.dropped, 50000);
        expect(&g, 1, (int) st.waiting);
        add(&g, 1);
        expect(&g, 1, 1);
        spool_close(g.s);
}

static void what_is_no_line_or_too_long_is_refused(void **state)
{
        struct fixture *f = *state;
        AUTO(str) longest = xcalloc(1, SPOOL_TEXT_MAX + 2);
        struct spool_batch b;

        memset(longest, 'x', SPOOL_TEXT_MAX + 1);
        spool_add(f->s, longest, 1);
        spool_add(f->s, "two\nlines", 1);
        assert_int_equal(stats(f).dropped, 2);
        assert_int_equal(stats(f).waiting, 0);
        longest[SPOOL_TEXT_MAX] = '\0';
        spool_add(f->s, longest, 1);
        spool_add(f->s, "", 1);
        spool_peek(f->s, 5, &b);
        assert_int_equal(b.n, 2);
        assert_string_equal(b.texts[0], longest);
        assert_string_equal(b.texts[1], "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
                TEST(what_is_added_comes_out_in_order_and_stays_until_taken),
                TEST(a_restart_goes_on_where_it_was),
                TEST(without_its_mark_texts_come_twice_not_never),
                TEST(a_torn_end_is_skipped_whatever_was_cut),
                TEST(damaged_lines_are_skipped_and_counted),
                TEST(a_file_of_garbage_stops_nothing),
                TEST(a_segment_that_is_taken_away_stops_nothing),
                TEST(the_oldest_give_way_and_are_counted),
                TEST(what_gave_way_while_it_was_being_sent_is_not_taken_twice),
                TEST(a_full_disk_is_bridged_in_memory),
                TEST(a_full_disk_and_a_full_memory_drop_what_is_new),
                TEST(what_is_no_line_or_too_long_is_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
