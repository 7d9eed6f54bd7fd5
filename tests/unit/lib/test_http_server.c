/* Requests and replies of the HTTP server, the same in all three modes. */
#include "tests/unit/lib/http_fixture.h"

static void routes_answer(void)
{
        AUTO_RESPONSE r = fetch("GET", "/hello/a%20b?q=x+%26y&z", NULL, NULL);
        AUTO_RESPONSE deleted = fetch("DELETE", "/reader", "writer", NULL);

        assert_int_equal(r.status, 200);
        assert_string_equal(r.content_type, "application/json");
        assert_string_equal(r.body, "{\"arg\":\"a b\",\"q\":\"x &y\",\"actor\":\"\",\"agent\":null}");
        assert_int_equal(deleted.status, 204);
        assert_int_equal(deleted.body_len, 0);
}

static void errors_are_problems(void)
{
        for (int kind = ERR_NONE + 1; kind < ERR_KIND_COUNT; kind++) {
                AUTO(str) path = xasprintf("/error/%d", kind);
                AUTO_RESPONSE r = fetch("GET", path, NULL, NULL);
                const char *type, *title, *detail, *id;
                int status;
                AUTO(json) doc = json_loads(r.body, 0, NULL);

                assert_int_equal(r.status, err_http_status(kind));
                assert_string_equal(r.content_type, "application/problem+json");
                assert_non_null(doc);
                assert_int_equal(json_unpack_ex(doc, NULL, JSON_STRICT, "{s:s,s:s,s:i,s:s,s:s}", "type", &type, "title", &title,
                                                "status", &status, "detail", &detail, "request_id", &id),
                                 0);
                assert_string_equal(type, "about:blank");
                assert_string_equal(title, err_kind_name(kind));
                assert_int_equal(status, r.status);
                assert_contains(detail, "it \"went\" wrong");
                assert_true(*id);
                assert_int_equal(r.retry_after_ms >= 0, kind == ERR_UNAVAILABLE);
        }
}

static void the_door_opens_in_order(void)
{
        static const struct {
                const char *method, *path, *token;
                int status;
        } cases[] = {
                { "GET", "/nothing", NULL, 404 },         { "GET", "/nothing", "reader", 404 },
                { "GET", "/hello", NULL, 404 },           { "PATCH", "/reader", "admin", 405 },
                { "GET", "/reader", NULL, 401 },          { "GET", "/reader", "wrong", 401 },
                { "GET", "/reader", "down", 503 },        { "GET", "/reader", "reader", 200 },
                { "GET", "/reader", "admin", 200 },       { "DELETE", "/reader", "reader", 403 },
                { "DELETE", "/reader", "deployer", 403 }, { "DELETE", "/reader", "writer", 204 },
                { "GET", "/nobody", "admin", 403 },       { "GET", "/nobody", NULL, 401 },
                { "GET", "/hello/a", "wrong", 200 },      { "GET", "/hello/%00", NULL, 400 },
                { "GET", "/hello/%zz", NULL, 400 },       { "GET", "/hello/a?q=%f", NULL, 400 },
                { "GET", "/hello/%ff", NULL, 400 },
        };

        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO_RESPONSE r = fetch(cases[i].method, cases[i].path, cases[i].token, NULL);
                print_message("  %s %s %s\n", cases[i].method, cases[i].path, cases[i].token ? cases[i].token : "");
                assert_int_equal(r.status, cases[i].status);
        }
}

static void refusals_say_what_would_do(void)
{
        AUTO(str) unauthorized = raw_exchange("GET /reader HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        AUTO(str)
        basic = raw_exchange("GET /reader HTTP/1.1\r\nHost: x\r\nAuthorization: Basic cmVhZGVy\r\nConnection: close\r\n\r\n");
        AUTO(str) method = raw_exchange("POST /reader HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");

        assert_contains(unauthorized, "HTTP/1.1 401 ");
        assert_contains(unauthorized, "\r\nWWW-Authenticate: Bearer\r\n");
        assert_contains(basic, "HTTP/1.1 401 ");
        assert_contains(method, "HTTP/1.1 405 ");
        assert_contains(method, "\r\nAllow: GET, HEAD, DELETE\r\n");
        assert_lacks(method, "WWW-Authenticate");
}

static void bodies_are_read_up_to_the_rows_cap(void)
{
        char body[4097 + 1];

        memset(body, ' ', sizeof body - 1);
        memcpy(body, "{}", 2);
        body[4097] = '\0';
        AUTO_RESPONSE over = fetch("POST", "/echo", NULL, body);
        body[4096] = '\0';
        AUTO_RESPONSE full = fetch("POST", "/echo", NULL, body);
        AUTO_RESPONSE none = fetch("POST", "/echo", NULL, NULL);
        AUTO_RESPONSE broken = fetch("POST", "/echo", NULL, "{");
        AUTO_RESPONSE unwanted = fetch("GET", "/hello/a", NULL, "{}");
        assert_int_equal(over.status, 413);
        assert_contains(over.body, "4096");
        assert_int_equal(full.status, 201);
        assert_string_equal(full.body, "{}");
        assert_int_equal(none.status, 400);
        assert_int_equal(broken.status, 400);
        assert_contains(broken.body, "line 1");
        assert_int_equal(unwanted.status, 413);
        assert_contains(unwanted.body, "takes no body");
}

static void a_deeply_nested_body_is_refused(void)
{
        char deep[4096];

        memset(deep, '[', sizeof deep - 1);
        deep[sizeof deep - 1] = '\0';
        AUTO_RESPONSE r = fetch("POST", "/echo", NULL, deep);
        assert_int_equal(r.status, 400);
}

static void head_is_get_without_the_body(void)
{
        AUTO(str) file = raw_exchange("HEAD /file?size=123456 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        AUTO(str) text = raw_exchange("HEAD /int HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        AUTO(str) missing = raw_exchange("HEAD /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

        assert_contains(file, "HTTP/1.1 200 ");
        assert_contains(file, "\r\nContent-Length: 123456\r\n");
        assert_contains(file, "\r\nContent-Type: application/octet-stream\r\n");
        assert_string_equal(strstr(file, "\r\n\r\n"), "\r\n\r\n");
        fix_wait(&fix.closed_sources, 1);
        assert_contains(text, "\r\nContent-Length: 7\r\n");
        assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
        assert_contains(missing, "HTTP/1.1 404 ");
        assert_string_equal(strstr(missing, "\r\n\r\n"), "\r\n\r\n");
}

static void numbers_in_the_query_have_bounds(void)
{
        static const struct {
                const char *query;
                int status;
        } cases[] = { { "", 200 },    { "?n=10", 200 }, { "?n=-1", 200 }, { "?n=11", 400 },  { "?n=-2", 400 },
                      { "?n=", 400 }, { "?n=1x", 400 }, { "?n=+1", 400 }, { "?n=0x1", 400 }, { "?n=99999999999999999999", 400 },
                      { "?m=1", 200 } };

        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO(str) path = xasprintf("/int%s", cases[i].query);
                AUTO_RESPONSE r = fetch("GET", path, NULL, NULL);
                print_message("  %s\n", path);
                assert_int_equal(r.status, cases[i].status);
        }
        AUTO_RESPONSE fallback = fetch("GET", "/int", NULL, NULL);
        assert_string_equal(fallback.body, "{\"n\":5}");
}

static void request_ids_are_kept_if_plain(void)
{
        AUTO(str) kept = raw_exchange("GET /hello/a HTTP/1.1\r\nHost: x\r\nX-Request-Id: my-id.7\r\nConnection: close\r\n\r\n");
        AUTO(str) evil = raw_exchange("GET /hello/a HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\"b\r\nConnection: close\r\n\r\n");
        AUTO(str)
        lengthy = raw_exchange("GET /hello/a HTTP/1.1\r\nHost: x\r\nX-Request-Id: "
                               "123456789012345678901234567890123\r\nConnection: close\r\n\r\n");

        assert_contains(kept, "\r\nX-Request-Id: my-id.7\r\n");
        assert_contains(kept, "\r\nX-Extra: my-id.7\r\n");
        assert_contains(evil, "\r\nX-Request-Id: ");
        assert_lacks(evil, "a\"b");
        assert_lacks(lengthy, "123456789012345678901234567890123");
}

static void what_is_not_http_is_turned_away(void)
{
        static const char *const bad[] = {
                "\r\n\r\nnonsense\r\n\r\n",
                "GET\r\n\r\n",
                "GET /hello/a HTTP/1.1\r\nno colon here\r\n\r\n",
                "GET /hello/a HTTP/1.1\r\n\r\n", /* no Host */
                "GET /hello/a HTTP/9.9\r\nHost: x\r\n\r\n",
                "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1x\r\n\r\n{",
                "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{",
                /* Where the body ends is a matter of opinion, and a proxy in front may have another one (RFC 9112, 6.3). */
                "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}",
                "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n{}",
                "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        };

        for (size_t i = 0; i < LENGTH(bad); i++) {
                AUTO(str) reply = raw_exchange(bad[i]);
                print_message("  %.30s\n", bad[i]);
                assert_lacks(reply, "HTTP/1.1 2");
                if (*reply)
                        assert_true(strstr(reply, " 400 ") || strstr(reply, " 505 ") || strstr(reply, " 413 "));
        }
        AUTO_RESPONSE still = fetch("GET", "/hello/a", NULL, NULL);
        assert_int_equal(still.status, 200);
}

static void long_heads_are_refused(void)
{
        static char uri[HTTP_URI_MAX + 1], head[20000];
        char text[sizeof head + 200];

        memset(uri, 'a', sizeof uri - 1);
        memset(head, 'h', sizeof head - 1);
        (void) snprintf(text, sizeof text, "GET /hello/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", uri);
        AUTO(str) long_uri = raw_exchange(text);
        (void) snprintf(text, sizeof text, "GET /hello/a HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\nConnection: close\r\n\r\n", head);
        AUTO(str) long_head = raw_exchange(text);
        head[15000] = '\0';
        (void) snprintf(text, sizeof text, "GET /hello/a HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\nConnection: close\r\n\r\n", head);
        AUTO(str) fits = raw_exchange(text);
        assert_contains(long_uri, "HTTP/1.1 400 ");
        assert_contains(long_uri, "URI");
        assert_contains(long_head, "HTTP/1.1 413 ");
        assert_contains(fits, "HTTP/1.1 200 ");
}

static void a_query_has_few_members(void)
{
        char path[1000] = "/int?n=1";

        for (int i = 0; i < 31; i++)
                strcat(path, "&a=b");
        AUTO_RESPONSE fits = fetch("GET", path, NULL, NULL);
        strcat(path, "&a=b");
        AUTO_RESPONSE over = fetch("GET", path, NULL, NULL);
        assert_int_equal(fits.status, 200);
        assert_int_equal(over.status, 400);
}

static int64_t checked_bytes;
static int check_bytes(void *arg, const void *data, size_t len)
{
        (void) arg;
        for (size_t i = 0; i < len; i++)
                assert_int_equal(((const unsigned char *) data)[i], fix_byte(checked_bytes++));
        return 0;
}

static void sources_are_pulled_whole(void)
{
        static const int64_t sizes[] = { 0, 1, 1 << 20, (1 << 20) + 1, 5000001 };

        for (size_t i = 0; i < LENGTH(sizes); i++) {
                AUTO(str) url = xasprintf("%s/file?size=%lld", fix.url, (long long) sizes[i]);
                struct http_call call = { .url = url, .write = check_bytes };
                AUTO_RESPONSE r = { 0 };
                struct err e;

                checked_bytes = 0;
                assert_ok(http_fetch(&call, &r, &e), e);
                assert_int_equal(r.status, 200);
                assert_int_equal(checked_bytes, sizes[i]);
                fix_wait(&fix.closed_sources, (int) i + 1);
        }
}

static void a_source_that_fails_cuts_the_connection(void)
{
        AUTO(str) url = xasprintf("%s/file?size=5000000&fail_at=2000000", fix.url);
        struct http_call call = { .url = url, .write = check_bytes };
        AUTO_RESPONSE r = { 0 };
        struct err e;

        checked_bytes = 0;
        assert_failed(http_fetch(&call, &r, &e), e, ERR_UNAVAILABLE, "");
        assert_int_equal(checked_bytes, 2000000);
        fix_wait(&fix.closed_sources, 1);
}

static void connections_stay_until_the_server_drains(void)
{
        static const char two[] = "GET /int HTTP/1.1\r\nHost: x\r\n\r\nGET /int HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        AUTO(str) both = raw_exchange(two);

        assert_contains(strstr(both, "HTTP/1.1 200 ") + 1, "HTTP/1.1 200 ");
        http_server_drain(fix.server);
        AUTO(str) last = raw_exchange("GET /int HTTP/1.1\r\nHost: x\r\n\r\n"); /* returns because the server closes */
        assert_contains(last, "\r\nConnection: close\r\n");
        assert_contains(last, "{\"n\":5}");
}

static void each_reply_is_observed_once(void)
{
        static const struct {
                const char *method, *path, *token, *route;
                int status;
        } cases[] = { { "GET", "/hello/a", NULL, "/hello/{name}", 200 },
                      { "GET", "/nothing", NULL, "none", 404 },
                      { "GET", "/reader", "reader", "/reader", 200 },
                      { "DELETE", "/reader", "reader", "/reader", 403 } };

        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO_RESPONSE r = fetch(cases[i].method, cases[i].path, cases[i].token, NULL);
                fix_wait(&fix.observed, (int) i + 1);
                assert_string_equal(fix.last_route, cases[i].route);
                assert_int_equal(fix.last_status, cases[i].status);
                assert_string_equal(fix.last_actor, cases[i].token ? "the-reader" : "");
        }
        assert_int_equal(http_server_inflight(fix.server), 0);
}

static void (*const every_mode[])(void) = {
        routes_answer,
        errors_are_problems,
        the_door_opens_in_order,
        refusals_say_what_would_do,
        bodies_are_read_up_to_the_rows_cap,
        a_deeply_nested_body_is_refused,
        head_is_get_without_the_body,
        numbers_in_the_query_have_bounds,
        request_ids_are_kept_if_plain,
        what_is_not_http_is_turned_away,
        long_heads_are_refused,
        a_query_has_few_members,
        sources_are_pulled_whole,
        a_source_that_fails_cuts_the_connection,
        each_reply_is_observed_once,
        connections_stay_until_the_server_drains,
};

static void run_all(enum http_mode mode)
{
        for (size_t i = 0; i < LENGTH(every_mode); i++) {
                fix_start(mode, false);
                every_mode[i]();
                fix_stop();
        }
}

static void a_thread_per_connection(void **state)
{
        (void) state;
        run_all(HTTP_THREAD_PER_CONNECTION);
}

static void a_pool_of_threads(void **state)
{
        (void) state;
        run_all(HTTP_THREAD_POOL);
}

static void the_callers_own_loop(void **state)
{
        (void) state;
        run_all(HTTP_EXTERNAL);
}

static void bad_addresses_are_refused(void **state)
{
        static const char *const bad[] = {
                NULL,     "", "127.0.0.1", ":", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", "no such host:1",
                "[::1:80"
        };
        struct http_server *s;
        struct err e;

        (void) state;
        for (size_t i = 0; i < LENGTH(bad); i++) {
                struct http_server_config config = { .listen = bad[i] };
                assert_failed(http_server_start(&config, &s, &e), e, ERR_INVALID, "listen");
        }
}

static void a_taken_port_is_an_error(void **state)
{
        struct http_server *second;
        struct err e;

        (void) state;
        fix_start(HTTP_THREAD_POOL, false);
        AUTO(str) same = xstrdup(fix.url + strlen("http://"));
        struct http_server_config config = { .listen = same };
        assert_failed(http_server_start(&config, &second, &e), e, ERR_INTERNAL, "in use");
        fix_stop();
}

static void every_address_means_every_address(void **state)
{
        struct http_server_config config = { .listen = ":0", .routes = fix_routes, .n_routes = LENGTH(fix_routes) };
        struct err e;

        (void) state;
        assert_ok(http_server_start(&config, &fix.server, &e), e);
        AUTO(str) reply = raw_exchange("GET /int HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert_contains(reply, "HTTP/1.1 200 ");
        AUTO(str)
        closed = raw_exchange("GET /reader HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer reader\r\nConnection: close\r\n\r\n");
        assert_contains(closed, "HTTP/1.1 401 "); /* without an authenticate function no token is valid */
        http_server_stop(fix.server);
        http_server_stop(NULL);
}

/* One server of each mode at once, since each takes its second. */
static void silence_ends_a_connection(void **state)
{
        static const char *const said[] = { "", "GET /hello/a HT",
                                            "PUT /up HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc" };
        struct http_server *servers[3];
        int fds[LENGTH(servers)][LENGTH(said)], open_fds = LENGTH(servers) * LENGTH(said);
        int64_t deadline_ms = clock_ms() + PATIENCE_MS;
        struct err e;

        (void) state;
        for (size_t i = 0; i < LENGTH(servers); i++) {
                struct http_server_config config = { .listen = "127.0.0.1:0",
                                                     .routes = fix_routes,
                                                     .n_routes = LENGTH(fix_routes),
                                                     .mode = i,
                                                     .idle_timeout_ms = 1000 };
                assert_ok(http_server_start(&config, &servers[i], &e), e);
                fix.server = servers[i];
                for (size_t k = 0; k < LENGTH(said); k++) {
                        fds[i][k] = raw_connect();
                        raw_send(fds[i][k], said[k], strlen(said[k]));
                }
        }
        while (open_fds && clock_ms() < deadline_ms) {
                char byte;
                http_server_run(servers[HTTP_EXTERNAL]);
                for (size_t i = 0; i < LENGTH(servers) * LENGTH(said); i++) {
                        int *fd = &fds[i / LENGTH(said)][i % LENGTH(said)];
                        if (*fd < 0 || (recv(*fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN))
                                continue;
                        (void) close(*fd);
                        *fd = -1;
                        open_fds--;
                }
                (void) usleep(10000);
        }
        assert_int_equal(open_fds, 0);
        for (size_t i = 0; i < LENGTH(servers); i++)
                http_server_stop(servers[i]);
}

static int connect_from(const char *address)
{
        struct sockaddr_in from = { .sin_family = AF_INET },
                           to = { .sin_family = AF_INET, .sin_port = htons((uint16_t) http_server_port(fix.server)) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(inet_pton(AF_INET, address, &from.sin_addr), 1);
        assert_int_equal(inet_pton(AF_INET, "127.0.0.1", &to.sin_addr), 1);
        assert_int_equal(bind(fd, (struct sockaddr *) &from, sizeof from), 0);
        assert_int_equal(connect(fd, (struct sockaddr *) &to, sizeof to), 0);
        return fd;
}

/* A connection that is turned away is closed before it has said anything. */
static bool is_open(int fd)
{
        struct pollfd p = { .fd = fd, .events = POLLIN };

        return poll(&p, 1, 300) == 0;
}

static void one_address_cannot_lock_out_the_others(void **state)
{
        enum { MOST = 8 };
        const struct http_server_config config = { .listen = "127.0.0.1:0",
                                                   .routes = fix_routes,
                                                   .n_routes = LENGTH(fix_routes),
                                                   .mode = HTTP_THREAD_POOL,
                                                   .threads = 2,
                                                   .max_connections = MOST };
        int silent[MOST], open = 0;
        struct err e;

        (void) state;
        assert_ok(http_server_start(&config, &fix.server, &e), e);
        for (size_t i = 0; i < MOST; i++)
                silent[i] = connect_from("127.0.0.2");
        for (size_t i = 0; i < MOST; i++)
                open += is_open(silent[i]);
        assert_int_equal(open, MOST / 2);
        AUTO(str) reply = raw_exchange("GET /int HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert_contains(reply, "HTTP/1.1 200 ");
        for (size_t i = 0; i < MOST; i++)
                (void) close(silent[i]);
        http_server_stop(fix.server);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_thread_per_connection),   cmocka_unit_test(a_pool_of_threads),
                cmocka_unit_test(the_callers_own_loop),      cmocka_unit_test(bad_addresses_are_refused),
                cmocka_unit_test(a_taken_port_is_an_error),  cmocka_unit_test(every_address_means_every_address),
                cmocka_unit_test(silence_ends_a_connection), cmocka_unit_test(one_address_cannot_lock_out_the_others),
        };

        mem_init();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
