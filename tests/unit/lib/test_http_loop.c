/* The HTTP loop: many calls at once, streams that are cut short from inside, a loop inside another. */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/http_client.h"
#include "lib/mem.h"
#include "tests/unit/lib/unit.h"

enum { PATIENCE_MS = 20000 };

/* A server of three pages: /hello answers, /stream sends two lines and stays open, /silent says nothing. */
static void *serve_one(void *arg)
{
        static const char hello[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nRetry-After: 7\r\n\r\nhello";
        static const char stream[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n4\r\ntwo\n\r\n";
        int fd = (int) (intptr_t) arg;
        char request[4096] = "";
        size_t len = 0;

        for (ssize_t n; len < sizeof request - 1 && (n = read(fd, request + len, sizeof request - 1 - len)) > 0;) {
                len += (size_t) n;
                request[len] = '\0';
                if (!strstr(request, "\r\n\r\n"))
                        continue;
                const char *page = strncmp(request, "GET /hello", 10) == 0    ? hello
                                   : strncmp(request, "GET /stream", 11) == 0 ? stream
                                                                              : "";
                if (write(fd, page, strlen(page)) < 0)
                        break;
                len = 0;
        }
        (void) close(fd);
        return NULL;
}

static void *serve(void *arg)
{
        int listener = (int) (intptr_t) arg;
        pthread_t thread;

        for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;)
                if (pthread_create(&thread, NULL, serve_one, (void *) (intptr_t) fd) || pthread_detach(thread))
                        abort();
        return NULL;
}

static struct fixture {
        struct http_loop *loop;
        char url[3][80]; /* hello, stream, silent */
        int listener;
        pthread_t thread;
        int answers, failures, lines;
        enum err_kind kind;
        struct http_flight *streaming;
        bool start_inside, cancel_inside;
} f;

static int setup(void **state)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof a;
        (void) state;

        f = (struct fixture){ .loop = http_loop_new(), .listener = socket(AF_INET, SOCK_STREAM, 0) };
        assert_int_equal(bind(f.listener, (struct sockaddr *) &a, sizeof a), 0);
        assert_int_equal(listen(f.listener, 64), 0);
        assert_int_equal(getsockname(f.listener, (struct sockaddr *) &a, &len), 0);
        static const char *const pages[] = { "hello", "stream", "silent" };
        for (size_t i = 0; i < LENGTH(pages); i++)
                (void) snprintf(f.url[i], sizeof f.url[i], "http://127.0.0.1:%d/%s", ntohs(a.sin_port), pages[i]);
        return pthread_create(&f.thread, NULL, serve, (void *) (intptr_t) f.listener);
}

static int teardown(void **state)
{
        (void) state;
        http_loop_free(f.loop);
        (void) shutdown(f.listener, SHUT_RDWR);
        (void) pthread_join(f.thread, NULL);
        return close(f.listener);
}

static void on_done(void *arg, const struct http_response *r, const struct err *failure)
{
        (void) arg;
        if (r) {
                assert_int_equal(r->status, 200);
                assert_int_equal(r->retry_after_ms, 7000);
                assert_string_equal(r->body, "hello");
                f.answers++;
        } else {
                f.failures++;
                f.kind = failure->kind;
        }
}

static int on_write(void *arg, const void *data, size_t len)
{
        (void) arg;
        for (size_t i = 0; i < len; i++)
                f.lines += ((const char *) data)[i] == '\n';
        if (f.start_inside)
                http_loop_start(f.loop, &(struct http_call){ .url = f.url[0] }, on_done, NULL);
        f.start_inside = false;
        if (f.cancel_inside)
                http_loop_cancel(f.loop, f.streaming);
        f.cancel_inside = false;
        return 0;
}

/* Run the loop until the counter has this value. */
static void run_until(const int *counter, int wanted)
{
        int64_t deadline = clock_ms() + PATIENCE_MS;

        while (*counter < wanted && clock_ms() < deadline)
                assert_int_equal(http_loop_poll(f.loop, NULL, 0, 100), 0);
        assert_int_equal(*counter, wanted);
}

static void many_calls_run_at_once(void **state)
{
        (void) state;
        for (int i = 0; i < 20; i++)
                http_loop_start(f.loop, &(struct http_call){ .url = f.url[0], .http1 = true }, on_done, NULL);
        run_until(&f.answers, 20);
}

static void a_call_without_answer_times_out_and_others_do_not_wait(void **state)
{
        (void) state;
        http_loop_start(f.loop, &(struct http_call){ .url = f.url[2], .timeout_ms = 300 }, on_done, NULL);
        http_loop_start(f.loop, &(struct http_call){ .url = f.url[0] }, on_done, NULL);
        run_until(&f.answers, 1);
        assert_int_equal(f.failures, 0);
        run_until(&f.failures, 1);
        assert_int_equal(f.kind, ERR_TIMEOUT);
}

static const struct http_call *stream_call(int64_t silence_ms, int64_t stream_ms)
{
        static struct http_call call;

        call = (struct http_call){ .url = f.url[1], .write = on_write, .timeout_ms = silence_ms, .stream_ms = stream_ms };
        return &call;
}

static void a_stream_may_start_calls_from_its_write(void **state)
{
        (void) state;
        f.start_inside = true;
        f.streaming = http_loop_start(f.loop, stream_call(PATIENCE_MS, 0), on_done, NULL);
        run_until(&f.answers, 1);
        run_until(&f.lines, 2);
        http_loop_cancel(f.loop, f.streaming);
        assert_int_equal(f.failures, 0);
}

static void a_stream_may_cancel_itself_from_its_write(void **state)
{
        (void) state;
        f.cancel_inside = f.start_inside = true;
        f.streaming = http_loop_start(f.loop, stream_call(PATIENCE_MS, 0), on_done, NULL);
        run_until(&f.answers, 1); /* the call it started first is not affected */
        assert_int_equal(f.failures, 0);
}

static void a_stream_ends_at_its_limit_even_if_it_is_not_silent(void **state)
{
        (void) state;
        f.streaming = http_loop_start(f.loop, stream_call(PATIENCE_MS, 400), on_done, NULL);
        run_until(&f.failures, 1);
        assert_int_equal(f.kind, ERR_TIMEOUT);
        assert_int_equal(f.lines, 2);
}

static void silence_ends_a_stream(void **state)
{
        (void) state;
        f.streaming = http_loop_start(f.loop, stream_call(1000, 0), on_done, NULL);
        run_until(&f.failures, 1);
        assert_int_equal(f.kind, ERR_TIMEOUT);
}

static void a_loop_can_be_run_from_another_poll(void **state)
{
        int64_t deadline = clock_ms() + PATIENCE_MS;
        (void) state;

        http_loop_start(f.loop, &(struct http_call){ .url = f.url[0] }, on_done, NULL);
        while (f.answers < 1 && clock_ms() < deadline) {
                struct pollfd p = { .fd = http_loop_fd(f.loop), .events = POLLIN };
                assert_true(poll(&p, 1, http_loop_wait_ms(f.loop)) >= 0);
                assert_int_equal(http_loop_run(f.loop), 0);
        }
        assert_int_equal(f.answers, 1);
}

static void descriptors_of_others_wake_it_and_hang_ups_show(void **state)
{
        int ends[2];
        (void) state;

        assert_int_equal(pipe(ends), 0);
        struct pollfd p = { .fd = ends[0], .events = POLLIN };
        (void) close(ends[1]);
        assert_int_equal(http_loop_poll(f.loop, &p, 1, PATIENCE_MS), 0);
        assert_true(p.revents & POLLHUP);
        (void) close(ends[0]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(many_calls_run_at_once),
                TEST(a_call_without_answer_times_out_and_others_do_not_wait),
                TEST(a_stream_may_start_calls_from_its_write),
                TEST(a_stream_may_cancel_itself_from_its_write),
                TEST(a_stream_ends_at_its_limit_even_if_it_is_not_silent),
                TEST(silence_ends_a_stream),
                TEST(a_loop_can_be_run_from_another_poll),
                TEST(descriptors_of_others_wake_it_and_hang_ups_show),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
