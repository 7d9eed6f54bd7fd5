/* The cache: what it hands out is what was asked for, and it does not grow. */
#include "tests/unit/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/mem.h"
#include "lib/sha256.h"
#include "scorer/cache.h"

struct fixture {
        char folder[64], dir[80];
        struct cache cache;
};

static int setup(void **state)
{
        struct fixture *f = xcalloc(1, sizeof *f);

        (void) snprintf(f->folder, sizeof f->folder, "/tmp/sluice-cache.XXXXXX");
        if (!mkdtemp(f->folder))
                return -1;
        (void) snprintf(f->dir, sizeof f->dir, "%s/cache", f->folder);
        f->cache = (struct cache){ f->dir, 1000 };
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;
        AUTO(str) command = xasprintf("rm -rf %s", f->folder);
        int r = system(command);

        free(f);
        return r;
}

/* A file of `len` times this byte, used `age_s` ago; its digest. */
static void keep(struct fixture *f, char byte, size_t len, int age_s, char digest[static DIGEST_TEXT_LEN + 1])
{
        AUTO(str) data = xmalloc(len + 1);
        struct err e = { 0 };
        struct timespec times[2];

        memset(data, byte, len);
        digest_of(data, len, digest);
        assert_ok(cache_put(&f->cache, digest, data, len, &e), e);
        AUTO(str) path = xasprintf("%s/blob-%s", f->dir, digest + 7);
        (void) clock_gettime(CLOCK_REALTIME, &times[0]);
        times[0].tv_sec -= age_s;
        times[1] = times[0];
        if (fs_exists(path))
                assert_int_equal(utimensat(-1, path, times, 0), 0);
}

static bool has(const struct fixture *f, const char *digest, size_t len)
{
        AUTO(str) data = NULL;

        return cache_get(&f->cache, digest, len, &data) == 0;
}

static void what_is_kept_is_found(void **state)
{
        char digest[DIGEST_TEXT_LEN + 1];
        AUTO(str) data = NULL;

        keep(*state, 'a', 5, 0, digest);
        assert_int_equal(cache_get(&((struct fixture *) *state)->cache, digest, 5, &data), 0);
        assert_string_equal(data, "aaaaa");
        assert_false(has(*state, "sha256:0000000000000000000000000000000000000000000000000000000000000000", 5));
}

static void bytes_that_are_not_what_their_name_says_are_deleted(void **state)
{
        static const char *const wrong[] = { "aaaab", "aaaa", "", "aaaaaa" };
        struct fixture *f = *state;

        for (size_t i = 0; i < LENGTH(wrong); i++) {
                char digest[DIGEST_TEXT_LEN + 1];
                struct err e = { 0 };

                keep(f, 'a', 5, 0, digest);
                AUTO(str) path = xasprintf("%s/blob-%s", f->dir, digest + 7);
                assert_ok(fs_write_quick(path, wrong[i], strlen(wrong[i]), 0600, &e), e);
                assert_false(has(f, digest, 5));
                assert_true(!fs_exists(path) || strlen(wrong[i]) > 5);
        }
}

static void the_longest_unused_make_room(void **state)
{
        char old[DIGEST_TEXT_LEN + 1], used[DIGEST_TEXT_LEN + 1], young[DIGEST_TEXT_LEN + 1], big[DIGEST_TEXT_LEN + 1];
        struct fixture *f = *state;

        keep(f, 'o', 400, 300, old);
        keep(f, 'u', 400, 400, used);
        assert_true(has(f, used, 400)); /* which makes it young again */
        keep(f, 'y', 400, 0, young);
        assert_false(has(f, old, 400));
        assert_true(has(f, used, 400));
        assert_true(has(f, young, 400));
        keep(f, 'b', 1001, 0, big); /* would never fit */
        assert_false(has(f, big, 1001));
        assert_true(has(f, used, 400));
}

static void versions_are_kept_by_model_and_number(void **state)
{
        struct fixture *f = *state;
        struct err e = { 0 };
        AUTO(str) text = NULL;
        char *other;
        size_t len;

        assert_ok(cache_put_version(&f->cache, "a", 7, "{}", 2, &e), e);
        assert_int_equal(cache_get_version(&f->cache, "a", 7, &text, &len), 0);
        assert_string_equal(text, "{}");
        assert_int_equal(cache_get_version(&f->cache, "a", 8, &other, &len), -1);
        assert_int_equal(cache_get_version(&f->cache, "a-7", 7, &other, &len), -1);
        cache_drop_version(&f->cache, "a", 7);
        assert_int_equal(cache_get_version(&f->cache, "a", 7, &other, &len), -1);
}

static void without_a_folder_nothing_is_kept(void **state)
{
        const struct cache none = { NULL, 1000 };
        struct err e = { 0 };
        char *data;
        size_t len;

        (void) state;
        assert_ok(cache_put(&none, "sha256:x", "a", 1, &e), e);
        assert_int_equal(cache_get(&none, "sha256:x", 1, &data), -1);
        assert_ok(cache_put_version(&none, "m", 1, "a", 1, &e), e);
        assert_int_equal(cache_get_version(&none, "m", 1, &data, &len), -1);
}

static void a_folder_that_cannot_be_made_is_said(void **state)
{
        struct fixture *f = *state;
        AUTO(str) file = xasprintf("%s/file", f->folder);
        AUTO(str) dir = xasprintf("%s/file/cache", f->folder);
        const struct cache c = { dir, 1000 };
        struct err e = { 0 };

        assert_ok(fs_write_quick(file, "", 0, 0600, &e), e);
        assert_int_equal(cache_put(&c, "sha256:x", "a", 1, &e), -1);
        assert_contains(e.msg, "create folder");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_is_kept_is_found, setup, teardown),
                cmocka_unit_test_setup_teardown(bytes_that_are_not_what_their_name_says_are_deleted, setup, teardown),
                cmocka_unit_test_setup_teardown(the_longest_unused_make_room, setup, teardown),
                cmocka_unit_test_setup_teardown(versions_are_kept_by_model_and_number, setup, teardown),
                cmocka_unit_test(without_a_folder_nothing_is_kept),
                cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_made_is_said, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
