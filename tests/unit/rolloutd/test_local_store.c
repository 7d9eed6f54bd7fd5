/* Records by compare-and-swap, histories that survive a torn append, one process at a time. */
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
#include "rolloutd/local_store.h"

struct fixture {
        char dir[32];
        struct local_store store;
};

static int set_up(void **state)
{
        struct fixture *f = xcalloc(1, sizeof *f);

        (void) snprintf(f->dir, sizeof f->dir, "/tmp/sluice-store-XXXXXX");
        *state = f;
        return mkdtemp(f->dir) && local_store_open(&f->store, f->dir, NULL) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
        struct fixture *f = *state;
        char command[64];

        local_store_close(&f->store);
        (void) snprintf(command, sizeof command, "rm -rf %s", f->dir);
        int r = system(command);
        free(f);
        return r;
}

static char *path_in(const struct fixture *f, const char *name)
{
        return xasprintf("%s/%s", f->dir, name);
}

static void put(const struct fixture *f, const char *name, const char *text)
{
        AUTO(str) path = path_in(f, name);

        assert_int_equal(fs_write_atomic(path, text, strlen(text), 0640, NULL), 0);
}

static void a_record_is_written_only_over_the_revision_last_seen(void **state)
{
        struct fixture *f = *state;
        struct err e = { 0 };
        int64_t revision;

        assert_int_equal(local_store_save(&f->store, "credit", "{\"a\": 1}", 0, &revision, &e), 0);
        assert_int_equal(revision, 1);
        assert_int_equal(local_store_save(&f->store, "credit", "{}", 0, &revision, &e), -1);
        assert_int_equal(e.kind, ERR_CONFLICT);
        assert_string_equal(e.msg, "credit stands at revision 1, not 0");
        assert_int_equal(local_store_save(&f->store, "credit", "{\"a\": 2.50}", 1, &revision, &e), 0);
        assert_int_equal(revision, 2);
        assert_int_equal(local_store_save(&f->store, "other", "{}", 7, &revision, &e), -1);
        assert_int_equal(e.kind, ERR_CONFLICT);
}

static void records_come_back_as_they_were_given(void **state)
{
        struct fixture *f = *state;
        struct platform_record *r;
        int64_t revision;
        size_t n;

        assert_int_equal(local_store_save(&f->store, "b", "{\"x\": 2.50}", 0, &revision, NULL), 0);
        assert_int_equal(local_store_save(&f->store, "a.json", "[\n1]\n", 0, &revision, NULL), 0);
        put(f, "targets/b.json.Ab12Cd", "half a wri");
        assert_int_equal(local_store_load(&f->store, &r, &n, NULL), 0);
        assert_int_equal(n, 2);
        assert_string_equal(r[0].target, "a.json");
        assert_string_equal(r[0].json, "[\n1]\n");
        assert_string_equal(r[1].json, "{\"x\": 2.50}");
        assert_int_equal(r[1].revision, 1);
        local_records_free(r, n);

        AUTO(str) leftover = path_in(f, "targets/b.json.Ab12Cd");
        assert_false(fs_exists(leftover));
}

static void a_broken_record_is_named_not_skipped(void **state)
{
        static const char *const broken[] = { "", "{\"revision\":1}", "no json\n{}", "{\"revision\":\"1\"}\n{}" };
        struct fixture *f = *state;
        struct platform_record *r;
        size_t n;

        for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
                struct err e = { 0 };
                put(f, "targets/credit.json", broken[i]);
                assert_int_equal(local_store_load(&f->store, &r, &n, &e), -1);
                assert_int_equal(e.kind, ERR_INVALID);
                assert_non_null(strstr(e.msg, "targets/credit.json"));
        }
}

static void a_second_user_of_the_folder_is_refused(void **state)
{
        struct fixture *f = *state;
        struct local_store second = { 0 };
        struct err e = { 0 };

        assert_int_equal(local_store_open(&second, f->dir, &e), -1);
        assert_int_equal(e.kind, ERR_CONFLICT);
        assert_non_null(strstr(e.msg, "another rolloutd (process "));
        local_store_close(&f->store);
        assert_int_equal(local_store_open(&f->store, f->dir, &e), 0);
}

static void names_that_leave_the_folder_are_refused(void **state)
{
        struct fixture *f = *state;
        struct err e = { 0 };
        int64_t revision;
        AUTO(str) events = NULL;

        assert_int_equal(local_store_save(&f->store, "../x", "{}", 0, &revision, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_int_equal(local_store_record(&f->store, "../x", "{\"number\":1}", &e), -1);
        assert_int_equal(local_store_history(&f->store, "../x", 0, 10, &events, &e), -1);
}

static void add_events(struct fixture *f, int from, int to)
{
        for (int i = from; i <= to; i++) {
                AUTO(str) event = xasprintf("{\"number\":%d,\"why\":\"because\"}", i);
                assert_int_equal(local_store_record(&f->store, "credit", event, NULL), 0);
        }
}

static void expect_history(struct fixture *f, int64_t before, int limit, const char *expected)
{
        AUTO(str) events = NULL;

        assert_int_equal(local_store_history(&f->store, "credit", before, limit, &events, NULL), 0);
        assert_string_equal(events, expected);
}

static void history_is_read_newest_first_in_pages(void **state)
{
        struct fixture *f = *state;

        expect_history(f, 0, 10, "[]");
        add_events(f, 1, 4);
        expect_history(f, 0, 2, "[{\"number\":4,\"why\":\"because\"},{\"number\":3,\"why\":\"because\"}]");
        expect_history(f, 3, 2, "[{\"number\":2,\"why\":\"because\"},{\"number\":1,\"why\":\"because\"}]");
        expect_history(f, 1, 2, "[]");
}

static void an_event_recorded_twice_is_there_once(void **state)
{
        struct fixture *f = *state;

        add_events(f, 1, 2);
        add_events(f, 1, 2);
        expect_history(f, 0, 10, "[{\"number\":2,\"why\":\"because\"},{\"number\":1,\"why\":\"because\"}]");
}

static void a_torn_last_line_is_dropped_and_written_over(void **state)
{
        struct fixture *f = *state;
        AUTO(str) path = path_in(f, "history/credit.jsonl");

        put(f, "history/credit.jsonl", "{\"number\":1}\n{\"number\":2,\"wh");
        expect_history(f, 0, 10, "[{\"number\":1}]");
        add_events(f, 2, 2);
        expect_history(f, 0, 10, "[{\"number\":2,\"why\":\"because\"},{\"number\":1}]");
        put(f, "history/credit.jsonl", "{\"numb");
        expect_history(f, 0, 10, "[]");
        add_events(f, 1, 1);
        expect_history(f, 0, 10, "[{\"number\":1,\"why\":\"because\"}]");
}

static void events_that_are_no_line_with_a_number_are_refused(void **state)
{
        static const char *const bad[] = { "", "[]", "{\"number\":\"1\"}", "{\"why\":\"x\"}", "{\"number\":1,\n\"why\":\"x\"}" };
        struct fixture *f = *state;

        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                struct err e = { 0 };
                assert_int_equal(local_store_record(&f->store, "credit", bad[i], &e), -1);
                assert_int_equal(e.kind, ERR_INVALID);
        }
        expect_history(f, 0, 10, "[]");
}

static void histories_longer_than_a_block_are_read_whole(void **state)
{
        enum { N = 400, PAD = 1000 };
        struct fixture *f = *state;
        AUTO(str) path = path_in(f, "history/credit.jsonl");
        AUTO(json) events = NULL;
        AUTO(str) text = NULL;
        AUTO(file) out = fopen(path, "w");

        for (int i = 1; i <= N; i++)
                assert_true(fprintf(out, "{\"number\":%d,\"pad\":\"%0*d\"}\n", i, PAD, 0) > 0);
        assert_int_equal(fclose(TAKE(out)), 0);
        assert_int_equal(local_store_history(&f->store, "credit", 0, 10000, &text, NULL), 0);
        assert_non_null(events = json_loads(text, 0, NULL));
        assert_int_equal(json_array_size(events), N);
        for (int i = 0; i < N; i++)
                assert_int_equal(json_integer_value(json_object_get(json_array_get(events, (size_t) i), "number")), N - i);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                T(a_record_is_written_only_over_the_revision_last_seen),
                T(records_come_back_as_they_were_given),
                T(a_broken_record_is_named_not_skipped),
                T(a_second_user_of_the_folder_is_refused),
                T(names_that_leave_the_folder_are_refused),
                T(history_is_read_newest_first_in_pages),
                T(an_event_recorded_twice_is_there_once),
                T(a_torn_last_line_is_dropped_and_written_over),
                T(events_that_are_no_line_with_a_number_are_refused),
                T(histories_longer_than_a_block_are_read_whole),
        };

        mem_init();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
