/* Server-sent events: order, format, slow and departed clients; everything in one thread, as in a controller. */
#include "tests/unit/lib/http_fixture.h"

#include <fcntl.h>

static char got[1 << 20];
static size_t n_got;

/* Run the server and collect what arrives at fd until it holds `text`, or the connection ends if text is NULL. */
static void pump(int fd, const char *text)
{
        int64_t deadline_ms = clock_ms() + PATIENCE_MS;

        while (clock_ms() < deadline_ms) {
                struct pollfd p[] = { { http_server_fd(fix.server), POLLIN, 0 }, { fd, POLLIN, 0 } };
                (void) poll(p, 2, 10);
                http_server_run(fix.server);
                ssize_t n = recv(fd, got + n_got, sizeof got - 1 - n_got, MSG_DONTWAIT);
                if (n > 0)
                        n_got += (size_t) n;
                got[n_got] = '\0';
                if (text ? strstr(got, text) != NULL : n == 0 || (n < 0 && errno != EAGAIN))
                        return;
        }
        fail_msg("never came: %s; but: %s", text ? text : "the end", got);
}

static int subscribe(void)
{
        static const char rq[] = "GET /events HTTP/1.1\r\nHost: x\r\n\r\n";
        int fd = raw_connect();

        n_got = 0;
        raw_send(fd, rq, strlen(rq));
        pump(fd, "data: at once");
        assert_non_null(fix.stream);
        return fd;
}

static void events_arrive_in_order(void **state)
{
        (void) state;
        fix_start(HTTP_EXTERNAL, true);
        int fd = subscribe();
        assert_contains(got, "HTTP/1.1 200 ");
        assert_contains(got, "\r\nContent-Type: text/event-stream\r\n");
        assert_contains(got, "event: first\ndata: at once\n\n");
        assert_int_equal(http_server_inflight(fix.server), 0);

        assert_int_equal(http_stream_event(fix.stream, "rollout", 7, "{\"a\":1}"), 0);
        assert_int_equal(http_stream_event(fix.stream, NULL, 0, "two\nlines\n"), 0);
        pump(fd, "data: two\ndata: lines\ndata: \n\n");
        assert_contains(got, "event: rollout\nid: 7\ndata: {\"a\":1}\n\n");

        assert_int_equal(http_stream_event(fix.stream, "last", 8, "bye"), 0);
        http_stream_close(fix.stream);
        pump(fd, "event: last\nid: 8\ndata: bye\n\n");
        pump(fd, "\r\n0\r\n\r\n");
        assert_int_equal(fix.closed_streams, 1);
        (void) close(fd);
        fix_stop();
}

static void a_client_that_left_is_found_out(void **state)
{
        (void) state;
        fix_start(HTTP_EXTERNAL, true);
        int fd = subscribe(), other = raw_connect();
        (void) close(fd);
        for (int i = 0; i < 1000 && fix.stream; i++) {
                (void) http_stream_event(fix.stream, "x", 0, "anyone?");
                http_server_run(fix.server);
                (void) usleep(1000);
        }
        assert_int_equal(fix.closed_streams, 1);
        (void) close(other);
        fix_stop();
}

static void a_client_that_does_not_read_is_cut_off(void **state)
{
        static char big[64 << 10];
        int r = 0, events = 0;

        (void) state;
        memset(big, 'x', sizeof big - 1);
        fix_start(HTTP_EXTERNAL, true);
        int fd = subscribe();
        while (r == 0 && events++ < 10000) { /* the kernel's buffers take some megabytes first */
                r = http_stream_event(fix.stream, "x", 0, big);
                for (int i = 0; i < 3; i++)
                        http_server_run(fix.server);
        }
        assert_int_equal(r, -1);
        for (int i = 0; i < 1000 && !fix.closed_streams; i++) {
                http_server_run(fix.server);
                (void) usleep(1000);
        }
        assert_int_equal(fix.closed_streams, 1);
        (void) close(fd);
        fix_stop();
}

static void one_event_over_the_cap_ends_the_stream(void **state)
{
        static char huge[300 << 10];

        (void) state;
        memset(huge, 'x', sizeof huge - 1);
        fix_start(HTTP_EXTERNAL, true);
        int fd = subscribe();
        assert_int_equal(http_stream_event(fix.stream, "x", 0, huge), -1);
        pump(fd, NULL);
        assert_int_equal(fix.closed_streams, 1);
        (void) close(fd);
        fix_stop();
}

static void stopping_closes_the_streams(void **state)
{
        (void) state;
        fix_start(HTTP_EXTERNAL, true);
        int a = subscribe();
        http_stream_event(fix.stream, "x", 0, "one more");
        fix_stop();
        assert_int_equal(fix.closed_streams, 1);
        (void) close(a);
}

static void head_of_a_stream_does_not_stream(void **state)
{
        static const char rq[] = "HEAD /events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

        (void) state;
        fix_start(HTTP_EXTERNAL, true);
        int fd = raw_connect();
        n_got = 0;
        raw_send(fd, rq, strlen(rq));
        pump(fd, NULL);
        assert_contains(got, "text/event-stream");
        assert_lacks(got, "at once");
        assert_int_equal(fix.closed_streams, 1);
        (void) close(fd);
        fix_stop();
}

static void a_sleeping_loop_is_woken_for_the_next_comment(void **state)
{
        (void) state;
        fix_start(HTTP_EXTERNAL, true);
        int fd = subscribe();
        http_server_run(fix.server);
        assert_in_range(http_server_timeout_ms(fix.server), 1, 15000);
        (void) close(fd);
        fix_stop();
}

/* --- answers that come later --- */

static int post_later(const char *query)
{
        char rq[200];
        int fd = raw_connect();

        (void) snprintf(rq, sizeof rq, "POST /later%s HTTP/1.1\r\nHost: x\r\nX-Request-Id: abc\r\nContent-Length: 2\r\n\r\n{}",
                        query);
        n_got = 0;
        fix.later = NULL;
        raw_send(fd, rq, strlen(rq));
        for (int i = 0; i < 1000 && !fix.later; i++) {
                http_server_run(fix.server);
                (void) usleep(1000);
        }
        assert_non_null(fix.later);
        return fd;
}

static void an_answer_can_come_later(void **state)
{
        (void) state;
        fix_start(HTTP_EXTERNAL, true);
        int fd = post_later("");
        for (int i = 0; i < 20; i++)
                http_server_run(fix.server);
        assert_int_equal(recv(fd, got, sizeof got, MSG_DONTWAIT), -1);
        assert_int_equal(http_server_inflight(fix.server), 1);

        http_later_json(fix.later, 202, json_pack("{s:i}", "n", 7));
        pump(fd, "{\"n\":7}");
        assert_contains(got, "HTTP/1.1 202 ");
        for (int i = 0; i < 1000 && http_server_inflight(fix.server); i++)
                http_server_run(fix.server);
        assert_int_equal(http_server_inflight(fix.server), 0);
        (void) close(fd);
        fix_stop();
}

static void an_error_can_come_later(void **state)
{
        const struct err e = { ERR_CONFLICT, "somebody else won" };

        (void) state;
        fix_start(HTTP_EXTERNAL, true);
        int fd = post_later("");
        http_later_err(fix.later, &e);
        pump(fd, "somebody else won");
        assert_contains(got, "HTTP/1.1 409 ");
        assert_contains(got, "\"request_id\":\"abc\"");
        (void) close(fd);
        fix_stop();
}

static void a_handler_that_fails_after_all_answers_at_once(void **state)
{
        (void) state;
        fix_start(HTTP_EXTERNAL, true);
        int fd = post_later("?fail=1");
        pump(fd, "and yet it failed");
        (void) close(fd);
        fix_stop();
}

static void nobody_need_be_there_any_more(void **state)
{
        (void) state;
        fix_start(HTTP_EXTERNAL, true);
        (void) close(post_later(""));
        http_server_run(fix.server);
        http_later_json(fix.later, 200, json_object());
        for (int i = 0; i < 20; i++)
                http_server_run(fix.server);
        assert_int_equal(http_server_inflight(fix.server), 0);
        fix_stop();
}

static void stopping_drops_what_waits(void **state)
{
        (void) state;
        fix_start(HTTP_EXTERNAL, true);
        int fd = post_later("");
        fix_stop();
        (void) close(fd);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_answer_can_come_later),
                cmocka_unit_test(an_error_can_come_later),
                cmocka_unit_test(a_handler_that_fails_after_all_answers_at_once),
                cmocka_unit_test(nobody_need_be_there_any_more),
                cmocka_unit_test(stopping_drops_what_waits),
                cmocka_unit_test(events_arrive_in_order),
                cmocka_unit_test(a_client_that_left_is_found_out),
                cmocka_unit_test(a_client_that_does_not_read_is_cut_off),
                cmocka_unit_test(one_event_over_the_cap_ends_the_stream),
                cmocka_unit_test(stopping_closes_the_streams),
                cmocka_unit_test(head_of_a_stream_does_not_stream),
                cmocka_unit_test(a_sleeping_loop_is_woken_for_the_next_comment),
        };

        mem_init();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
