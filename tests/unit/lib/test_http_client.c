/* The blocking call: what it sends, what it makes of answers and of their absence. */
#include "tests/unit/lib/http_fixture.h"

/* A peer that answers the first connection with fixed text, so that it can say what our server would not. */
struct peer {
        int listener, port;
        const char *answer; /* NULL: says nothing until the client leaves */
        char request[8192]; /* its head */
        pthread_t thread;
};

static void *peer_run(void *arg)
{
        struct peer *p = arg;
        int fd = accept(p->listener, NULL, NULL);
        size_t n = 0;

        for (ssize_t got; !strstr(p->request, "\r\n\r\n") && (got = read(fd, p->request + n, sizeof p->request - 1 - n)) > 0;)
                n += (size_t) got;
        if (p->answer)
                raw_send(fd, p->answer, strlen(p->answer));
        else
                assert_true(read(fd, p->request, 1) <= 0);
        (void) close(fd);
        return NULL;
}

static int listen_anywhere(int *port)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof a;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(bind(fd, (struct sockaddr *) &a, sizeof a), 0);
        assert_int_equal(listen(fd, 1), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *) &a, &len), 0);
        *port = ntohs(a.sin_port);
        return fd;
}

static int ask(struct http_call call, const char *answer, struct peer *p, struct http_response *r, struct err *e)
{
        *p = (struct peer){ .answer = answer };
        p->listener = listen_anywhere(&p->port);
        AUTO(str) url = xasprintf("http://127.0.0.1:%d/x", p->port);
        call.url = url;
        assert_int_equal(pthread_create(&p->thread, NULL, peer_run, p), 0);
        int result = http_fetch(&call, r, e);
        (void) pthread_join(p->thread, NULL);
        (void) close(p->listener);
        return result;
}

static void headers_of_the_answer_are_kept(void **state)
{
        struct peer p;
        struct err e;
        AUTO_RESPONSE r = { 0 };

        (void) state;
        assert_ok(
                ask((struct http_call){ 0 },
                    "HTTP/1.1 200 OK\r\nETag: \"7\"\r\nContent-Type: text/plain\r\nRetry-After: 3\r\nContent-Length: 2\r\n\r\nhi",
                    &p, &r, &e),
                e);
        assert_string_equal(r.etag, "\"7\"");
        assert_string_equal(r.content_type, "text/plain");
        assert_int_equal(r.retry_after_ms, 3000);
        assert_string_equal(r.body, "hi");
        assert_contains(p.request, "GET /x HTTP/1.1\r\n");
        assert_contains(p.request, "\r\nUser-Agent: sluice/");
        assert_lacks(p.request, "Authorization");
        assert_lacks(p.request, "Content-Type");
}

static void retry_after_is_seconds_or_absent(void **state)
{
        static const struct {
                const char *answer;
                int64_t ms;
        } cases[] = {
                { "HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n", -1 },
                { "HTTP/1.1 503 x\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n", 0 },
                { "HTTP/1.1 503 x\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n", 120000 },
                { "HTTP/1.1 503 x\r\nRetry-After: 9223372036854775807\r\nContent-Length: 0\r\n\r\n", 86400000 },
                { "HTTP/1.1 503 x\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n", -1 },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct peer p;
                struct err e;
                AUTO_RESPONSE r = { 0 };
                assert_ok(ask((struct http_call){ 0 }, cases[i].answer, &p, &r, &e), e);
                assert_int_equal(r.retry_after_ms, cases[i].ms);
        }
}

static void what_is_sent_says_what_it_is(void **state)
{
        static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        static const char *const extra[] = { "X-One: 1", "If-Match: \"7\"", NULL };
        struct peer p;
        struct err e;
        struct http_response r;

        (void) state;
        assert_ok(ask((struct http_call){ .method = "PUT", .body = "{}", .body_len = 2, .bearer = "slc_1", .headers = extra }, ok,
                      &p, &r, &e),
                  e);
        http_response_done(&r);
        assert_contains(p.request, "PUT /x HTTP/1.1\r\n");
        assert_contains(p.request, "\r\nContent-Length: 2\r\n");
        assert_contains(p.request, "\r\nContent-Type: application/json\r\n");
        assert_contains(p.request, "\r\nAuthorization: Bearer slc_1\r\n");
        assert_contains(p.request, "\r\nX-One: 1\r\n");
        assert_contains(p.request, "\r\nIf-Match: \"7\"\r\n");
        assert_lacks(p.request, "Expect");
        assert_ok(ask((struct http_call){ .method = "POST" }, ok, &p, &r, &e), e);
        http_response_done(&r);
        assert_contains(p.request, "POST /x HTTP/1.1\r\n");
        assert_contains(p.request, "\r\nContent-Length: 0\r\n");
        assert_lacks(p.request, "Content-Type");
        assert_ok(ask((struct http_call){ .method = "DELETE" }, ok, &p, &r, &e), e);
        http_response_done(&r);
        assert_contains(p.request, "DELETE /x HTTP/1.1\r\n");
        assert_ok(ask((struct http_call){ .method = "POST", .body = "a", .body_len = 1, .content_type = "text/plain" }, ok, &p,
                      &r, &e),
                  e);
        http_response_done(&r);
        assert_contains(p.request, "\r\nContent-Type: text/plain\r\n");
}

static void redirects_are_answers(void **state)
{
        struct peer p;
        struct err e;
        AUTO_RESPONSE r = { 0 };

        (void) state;
        assert_ok(ask((struct http_call){ 0 }, "HTTP/1.1 302 x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", &p,
                      &r, &e),
                  e);
        assert_int_equal(r.status, 302);
}

static void no_answer_is_an_error(void **state)
{
        static const struct {
                const char *name, *answer;
                enum err_kind kind;
        } cases[] = {
                { "silence", NULL, ERR_TIMEOUT },
                { "nothing", "", ERR_UNAVAILABLE },
                { "half an answer", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", ERR_UNAVAILABLE },
                { "over the cap", "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n0123456789x", ERR_TOO_LARGE },
                { "over the cap, chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n0123456789x\r\n0\r\n\r\n",
                  ERR_TOO_LARGE },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct peer p;
                struct err e;
                struct http_response r;
                print_message("  %s\n", cases[i].name);
                assert_failed(ask((struct http_call){ .timeout_ms = 300, .max_body = 10 }, cases[i].answer, &p, &r, &e), e,
                              cases[i].kind, "GET http://127.0.0.1:");
        }
}

static void urls_nobody_can_ask_are_errors(void **state)
{
        static const struct {
                const char *url;
                enum err_kind kind;
        } cases[] = { { "http://127.0.0.1:1/", ERR_UNAVAILABLE },
                      { "ftp://127.0.0.1/", ERR_INVALID },
                      { "file:///etc/passwd", ERR_INVALID },
                      { "http://", ERR_INVALID },
                      { "", ERR_INVALID },
                      { "http://no-such-host.invalid/", ERR_UNAVAILABLE } };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct http_call call = { .url = cases[i].url, .timeout_ms = 5000 };
                struct http_response r;
                struct err e;
                print_message("  %s\n", cases[i].url);
                assert_failed(http_fetch(&call, &r, &e), e, cases[i].kind, "GET");
        }
}

static int take_none(void *arg, const void *data, size_t len)
{
        (void) arg, (void) data, (void) len;
        return -1;
}

static ssize_t give_none(void *arg, void *out, size_t max)
{
        (void) arg, (void) out, (void) max;
        return -1;
}

static void giving_up_half_way_ends_the_call(void **state)
{
        struct err e;
        struct http_response r;

        (void) state;
        fix_start(HTTP_THREAD_PER_CONNECTION, false);
        AUTO(str) file = xasprintf("%s/file?size=100000", fix.url);
        AUTO(str) up = xasprintf("%s/up", fix.url);
        struct http_call down = { .url = file, .write = take_none };
        struct http_call send = { .url = up, .method = "PUT", .bearer = "writer", .read = give_none, .upload_size = 10 };
        assert_failed(http_fetch(&down, &r, &e), e, ERR_INTERNAL, "given up");
        assert_failed(http_fetch(&send, &r, &e), e, ERR_INTERNAL, "given up");
        fix_wait(&fix.abandoned, fix.begun);
        fix_wait(&fix.finished, 0);
        fix_stop();
}

static void errors_are_bodies_even_when_the_answer_is_streamed(void **state)
{
        (void) state;
        fix_start(HTTP_THREAD_PER_CONNECTION, false);
        AUTO(str) url = xasprintf("%s/nothing", fix.url);
        struct http_call call = { .url = url, .write = take_none };
        AUTO_RESPONSE r = { 0 };
        struct err e;
        assert_ok(http_fetch(&call, &r, &e), e);
        assert_int_equal(r.status, 404);
        assert_failed(http_check("get the file", &r, &e), e, ERR_NOT_FOUND, "get the file: there is nothing at /nothing");
        fix_stop();
}

static void statuses_become_errors_with_the_peers_sentence(void **state)
{
        static const struct {
                int status;
                const char *body;
                enum err_kind kind;
                const char *text;
        } cases[] = {
                { 409, "{\"detail\":\"it exists\"}", ERR_CONFLICT, "try: it exists" },
                { 400, "{\"error\":\"bad query\",\"status\":\"error\"}", ERR_INVALID, "try: bad query" },
                { 500, "{\"error\":{\"a\":1}}", ERR_INTERNAL, "try: HTTP status 500: {" },
                { 502, "<html>\nno</html>", ERR_UNAVAILABLE, "try: HTTP status 502: <html>" },
                { 503, "", ERR_UNAVAILABLE, "try: HTTP status 503" },
                { 429, "slow down", ERR_UNAVAILABLE, "slow down" },
                { 404, "[[[", ERR_NOT_FOUND, "[[[" },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                char body[100];
                (void) snprintf(body, sizeof body, "%s", cases[i].body);
                struct http_response r = { .status = cases[i].status, .body = body, .body_len = strlen(body) };
                struct err e = { 0 };
                assert_failed(http_check("try", &r, &e), e, cases[i].kind, cases[i].text);
        }
        struct http_response fine = { .status = 204 };
        assert_int_equal(http_check("try", &fine, NULL), 0);
}

static void connections_are_reused(void **state)
{
        struct http_server *s;
        int fds = 0;

        (void) state;
        fix_start(HTTP_THREAD_PER_CONNECTION, false);
        s = fix.server;
        for (int i = 0; i < 5; i++) {
                AUTO_RESPONSE r = fetch("GET", "/int", NULL, NULL);
                int fd = dup(STDOUT_FILENO); /* the lowest free number: rises with each connection that stays open */
                assert_true(i == 0 || fd == fds);
                fds = fd;
                (void) close(fd);
        }
        assert_ptr_equal(s, fix.server);
        fix_stop();
}

static void proxies_are_not_asked_for_this_machine(void **state)
{
        (void) state;
        assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
        assert_int_equal(setenv("no_proxy", "example.org", 1), 0);
        fix_start(HTTP_THREAD_PER_CONNECTION, false);
        AUTO_RESPONSE r = fetch("GET", "/int", NULL, NULL);
        assert_int_equal(r.status, 200);
        fix_stop();
        struct http_call away = { .url = "http://192.0.2.1/", .timeout_ms = 2000 };
        struct http_response none;
        struct err e;
        assert_failed(http_fetch(&away, &none, &e), e, ERR_UNAVAILABLE, "127.0.0.1 port 1");
        (void) unsetenv("http_proxy");
        (void) unsetenv("no_proxy");
}

static void escaping_round_trips(void **state)
{
        (void) state;
        AUTO(str) a = http_escape("a b/c+\xc3\xa9%");
        AUTO(str) none = http_escape("");
        assert_string_equal(a, "a%20b%2Fc%2B%C3%A9%25");
        assert_string_equal(none, "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(headers_of_the_answer_are_kept),
                cmocka_unit_test(retry_after_is_seconds_or_absent),
                cmocka_unit_test(what_is_sent_says_what_it_is),
                cmocka_unit_test(redirects_are_answers),
                cmocka_unit_test(no_answer_is_an_error),
                cmocka_unit_test(urls_nobody_can_ask_are_errors),
                cmocka_unit_test(giving_up_half_way_ends_the_call),
                cmocka_unit_test(errors_are_bodies_even_when_the_answer_is_streamed),
                cmocka_unit_test(statuses_become_errors_with_the_peers_sentence),
                cmocka_unit_test(connections_are_reused),
                cmocka_unit_test(proxies_are_not_asked_for_this_machine),
                cmocka_unit_test(escaping_round_trips),
        };

        mem_init();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
