/* What lib/pg does without a server: kinds of errors, refusals, deadlines, backing off. The rest needs one: tests/component. */
#include "tests/unit/lib/unit.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/pg.h"

static void each_sqlstate_has_its_kind(void **state)
{
        static const struct {
                const char *state;
                enum err_kind kind;
        } cases[] = {
                { "23505", ERR_CONFLICT },    { "23503", ERR_INVALID },     { "22P02", ERR_INVALID },
                { "40001", ERR_CONFLICT },    { "40P01", ERR_CONFLICT },    { "08006", ERR_UNAVAILABLE },
                { "53100", ERR_UNAVAILABLE }, { "53300", ERR_UNAVAILABLE }, { "57P01", ERR_UNAVAILABLE },
                { "57P03", ERR_UNAVAILABLE }, { "57014", ERR_TIMEOUT },     { "55P03", ERR_UNAVAILABLE },
                { "25006", ERR_UNAVAILABLE }, { "28P01", ERR_UNAVAILABLE }, { "3D000", ERR_UNAVAILABLE },
                { "58030", ERR_UNAVAILABLE }, { "42P01", ERR_INTERNAL },    { "XX000", ERR_INTERNAL },
                { "25001", ERR_INTERNAL },    { "", ERR_UNAVAILABLE },      { NULL, ERR_UNAVAILABLE },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++)
                if (pg_kind(cases[i].state) != cases[i].kind)
                        fail_msg("%s is %s", cases[i].state ? cases[i].state : "NULL", err_kind_name(pg_kind(cases[i].state)));
}

static void only_lost_races_are_retried(void **state)
{
        (void) state;
        assert_true(pg_can_retry("40001"));
        assert_true(pg_can_retry("40P01"));
        assert_false(pg_can_retry("40002"));
        assert_false(pg_can_retry("23505"));
        assert_false(pg_can_retry(""));
}

static void arguments_are_counted(void **state)
{
        struct pg_args args = PG_ARGS(PG_TEXT("a"), PG_INT(7), PG_BYTES("xy", 2));

        (void) state;
        assert_int_equal(args.n, 3);
        assert_int_equal(args.list[1].number, 7);
        assert_int_equal(args.list[2].len, 2);
}

struct silent { /* a server that takes connections and never says a word */
        char folder[64], path[108];
        int fd;
};

static int start_silent(void **state)
{
        struct silent *s = xcalloc(1, sizeof *s);
        struct sockaddr_un a = { .sun_family = AF_UNIX };

        (void) snprintf(s->folder, sizeof s->folder, "/tmp/sluice-unit-XXXXXX");
        assert_non_null(mkdtemp(s->folder));
        (void) snprintf(s->path, sizeof s->path, "%s/.s.PGSQL.5432", s->folder);
        (void) snprintf(a.sun_path, sizeof a.sun_path, "%s", s->path);
        s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(s->fd, (struct sockaddr *) &a, sizeof a), 0);
        assert_int_equal(listen(s->fd, 8), 0);
        *state = s;
        return 0;
}

static int stop_silent(void **state)
{
        struct silent *s = *state;

        (void) close(s->fd);
        (void) unlink(s->path);
        (void) rmdir(s->folder);
        free(s);
        return 0;
}

static struct pg *pool_on(const char *host, const char *paused)
{
        char uri[256];

        (void) snprintf(uri, sizeof uri, "host=%s port=5432 user=x dbname=x", host);
        return pg_new(&(struct pg_config){ .uri = uri, .program = "test", .max_connections = 2 }, paused);
}

static void a_silent_server_is_left_at_the_deadline(void **state)
{
        const struct silent *s = *state;
        struct pg *db = pool_on(s->folder, NULL);
        struct pg_conn *c = NULL;
        struct err e = { 0 };

        assert_failed(pg_get(db, clock_ms() + 50, &c, &e), e, ERR_UNAVAILABLE, "in time");
        assert_null(c);
        pg_free(db);
}

static void after_a_failure_the_pool_fails_at_once_for_a_while(void **state)
{
        struct pg *db = pool_on("/nowhere", NULL);
        struct pg_stats stats;
        struct pg_conn *c;
        struct err first = { 0 }, second = { 0 };

        (void) state;
        assert_failed(pg_get(db, clock_ms() + 5000, &c, &first), first, ERR_UNAVAILABLE, "/nowhere");
        assert_failed(pg_get(db, clock_ms() + 5000, &c, &second), second, ERR_UNAVAILABLE, "/nowhere");
        pg_get_stats(db, &stats);
        assert_int_equal(stats.in_use, 0);
        assert_int_equal(stats.idle, 0);
        pg_free(db);
}

static void a_paused_pool_says_why(void **state)
{
        struct pg *db = pool_on("/nowhere", "not yet");
        struct pg_conn *c;
        struct err e = { 0 };

        (void) state;
        assert_failed(pg_get(db, clock_ms() + 5000, &c, &e), e, ERR_UNAVAILABLE, "not yet");
        pg_pause(db, NULL);
        assert_failed(pg_get(db, clock_ms() + 5000, &c, &e), e, ERR_UNAVAILABLE, "/nowhere");
        pg_free(db);
}

static void nonsense_for_an_address_is_an_error(void **state)
{
        struct pg_config config = { .uri = "postgresql://[", .program = "test", .max_connections = 1 };
        struct pg_conn *c;
        struct err e = { 0 };

        (void) state;
        assert_failed(pg_connect(&config, clock_ms() + 5000, &c, &e), e, ERR_UNAVAILABLE, "database: ");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_sqlstate_has_its_kind),
                cmocka_unit_test(only_lost_races_are_retried),
                cmocka_unit_test(arguments_are_counted),
                cmocka_unit_test_setup_teardown(a_silent_server_is_left_at_the_deadline, start_silent, stop_silent),
                cmocka_unit_test(after_a_failure_the_pool_fails_at_once_for_a_while),
                cmocka_unit_test(a_paused_pool_says_why),
                cmocka_unit_test(nonsense_for_an_address_is_an_error),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
