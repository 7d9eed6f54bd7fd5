/* A server with a route of every kind, and a raw socket to be rude with. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/http_client.h"
#include "lib/http_server.h"
#include "lib/mem.h"
#include "lib/strbuf.h"
#include "tests/unit/lib/unit.h"

enum { UP_MAX = 64 << 20, TIGHT_MAX = 1000, PATIENCE_MS = 10000 };

struct fixture {
        struct http_server *server;
        char url[64]; /* http://127.0.0.1:PORT */
        atomic_int begun, abandoned, finished, closed_sources, observed, last_status;
        atomic_llong uploaded;
        char last_route[64], last_actor[NAME_MAX_LEN + 1];
        struct http_stream *stream; /* the newest */
        struct http_later *later;   /* the newest */
        int closed_streams;
        bool runs; /* an HTTP_EXTERNAL server has its thread */
        pthread_t thread;
        atomic_bool stopping;
};

static struct fixture fix; /* one at a time */

static inline int fix_hello(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        (void) e;
        http_reply_header(rp, "X-Extra", "%s", rq->id);
        return http_reply_json(rp, 200,
                               json_pack("{s:s?,s:s?,s:s,s:s?}", "arg", rq->arg[0], "q", http_query(rq, "q"), "actor", rq->actor,
                                         "agent", http_header(rq, "X-Agent")));
}

static inline int fix_echo(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        json_t *doc;

        return http_body_json(rq, &doc, e) ? -1 : http_reply_json(rp, 201, doc);
}

static inline int fix_int(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        int64_t n;

        if (http_query_int(rq, "n", -1, 10, 5, &n, e))
                return -1;
        return http_reply_json(rp, 200, json_pack("{s:I}", "n", (json_int_t) n));
}

static inline int fix_error(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        (void) http_reply_text(rp, 200, NULL, xstrdup("half an answer"), 14);
        http_reply_header(rp, "X-Half", "yes");
        return err_set(e, atoi(rq->arg[0]), "it \"went\" wrong: %s\xc3", rq->arg[0]);
}

static inline int fix_empty(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        (void) rq, (void) e;
        rp->status = 204;
        return 0;
}

/* Byte n of every generated body. */
static inline unsigned char fix_byte(int64_t n)
{
        return (unsigned char) (n % 251);
}

static inline ssize_t fix_read(void *arg, int64_t offset, void *out, size_t max)
{
        int64_t fail_at = (intptr_t) arg;

        for (size_t i = 0; i < max; i++) {
                if (fail_at && offset + (int64_t) i >= fail_at)
                        return i ? (ssize_t) i : -1;
                ((unsigned char *) out)[i] = fix_byte(offset + (int64_t) i);
        }
        return (ssize_t) max;
}

static inline void fix_close(void *arg)
{
        (void) arg;
        fix.closed_sources++;
}

static inline int fix_file(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        int64_t fail_at;

        if (http_query_int(rq, "size", 0, 1LL << 40, 0, &rp->source.size, e) ||
            http_query_int(rq, "fail_at", 0, 1LL << 40, 0, &fail_at, e))
                return -1;
        rp->source = (struct http_source){ rp->source.size, fix_read, fix_close, (void *) (intptr_t) fail_at };
        return 0;
}

static inline bool fix_refuses(const struct http_request *rq, const char *where)
{
        const char *asked = http_query(rq, "refuse");

        return asked && strcmp(asked, where) == 0;
}

static inline int fix_begin(struct http_request *rq, struct err *e)
{
        if (fix_refuses(rq, "begin"))
                return err_set(e, ERR_CONFLICT, "not now");
        fix.begun++;
        fix.uploaded = 0;
        rq->upload = xmalloc(1);
        return 0;
}

static inline int fix_data(struct http_request *rq, const void *data, size_t len, struct err *e)
{
        const unsigned char *p = data;

        for (size_t i = 0; i < len; i++)
                if (p[i] != fix_byte(fix.uploaded + (int64_t) i))
                        return err_set(e, ERR_INVALID, "byte %lld is wrong", (long long) fix.uploaded + (long long) i);
        fix.uploaded += (int64_t) len;
        return fix_refuses(rq, "data") ? err_set(e, ERR_UNAVAILABLE, "the disk is away") : 0;
}

static inline void fix_abandon(struct http_request *rq)
{
        fix.abandoned++;
        free(rq->upload);
        rq->upload = NULL;
}

static inline int fix_finish(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        fix.finished++;
        free(rq->upload);
        rq->upload = NULL;
        if (fix_refuses(rq, "handle"))
                return err_set(e, ERR_INVALID, "the digest does not match");
        return http_reply_json(rp, 201, json_pack("{s:I}", "size", (json_int_t) fix.uploaded));
}

static inline void fix_stream_closed(void *arg)
{
        (void) arg;
        fix.closed_streams++;
        assert_int_equal(http_stream_event(fix.stream, "late", 1, "x"), -1);
        fix.stream = NULL;
}

static inline int fix_events(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        (void) e;
        (void) http_reply_events(rq, rp, fix_stream_closed, NULL);
        fix.stream = rp->stream;
        return http_stream_event(rp->stream, "first", 0, "at once");
}

static inline int fix_authenticate(void *app, const char *token, enum role *role, char actor[static NAME_MAX_LEN + 1],
                                   struct err *e)
{
        assert_ptr_equal(app, &fix);
        if (strcmp(token, "down") == 0)
                return err_set(e, ERR_UNAVAILABLE, "the database is away");
        if (!role_parse(token, role))
                return err_set(e, ERR_UNAUTHORIZED, "unknown token");
        (void) snprintf(actor, NAME_MAX_LEN + 1, "the-%s", token);
        return 0;
}

static inline void fix_observe(const struct http_request *rq, const char *route, int status, int64_t duration_us)
{
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* requests may end at the same time */

        assert_true(duration_us >= 0);
        (void) pthread_mutex_lock(&lock);
        (void) snprintf(fix.last_route, sizeof fix.last_route, "%s", route);
        (void) snprintf(fix.last_actor, sizeof fix.last_actor, "%s", rq->actor);
        fix.last_status = status;
        fix.observed++;
        (void) pthread_mutex_unlock(&lock);
}

static const struct http_upload fix_upload = { fix_begin, fix_data, fix_abandon };

static inline int fix_later(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        fix.later = http_reply_later(rq, rp);
        return http_query(rq, "fail") ? err_set(e, ERR_INVALID, "and yet it failed") : 0;
}

static const struct http_route fix_routes[] = {
        { "GET", "/hello/{name}", ROLE_ANYONE, 0, fix_hello, "", NULL },
        { "GET", "/reader", ROLE_READER, 0, fix_hello, "", NULL },
        { "DELETE", "/reader", ROLE_WRITER, 0, fix_empty, "", NULL },
        { "GET", "/nobody", ROLE_NONE, 0, fix_hello, "", NULL },
        { "POST", "/echo", ROLE_ANYONE, 4096, fix_echo, "", NULL },
        { "GET", "/int", ROLE_ANYONE, 0, fix_int, "", NULL },
        { "GET", "/error/{kind}", ROLE_ANYONE, 0, fix_error, "", NULL },
        { "GET", "/file", ROLE_ANYONE, 0, fix_file, "", NULL },
        { "PUT", "/up", ROLE_WRITER, UP_MAX, fix_finish, "", &fix_upload },
        { "PUT", "/tight", ROLE_ANYONE, TIGHT_MAX, fix_finish, "", &fix_upload },
        { "GET", "/events", ROLE_ANYONE, 0, fix_events, "", NULL },
        { "POST", "/later", ROLE_ANYONE, 100, fix_later, "", NULL },
};

static inline void *fix_run(void *arg)
{
        (void) arg;
        while (!fix.stopping) {
                struct pollfd p = { .fd = http_server_fd(fix.server), .events = POLLIN };
                int64_t wait_ms = http_server_timeout_ms(fix.server);
                (void) poll(&p, 1, wait_ms >= 0 && wait_ms < 10 ? (int) wait_ms : 10);
                http_server_run(fix.server);
        }
        return NULL;
}

/* An HTTP_EXTERNAL server gets a thread that runs it, unless the test runs it `by_hand`. */
static inline void fix_start(enum http_mode mode, bool by_hand)
{
        struct http_server_config config = {
                .listen = "127.0.0.1:0",
                .routes = fix_routes,
                .n_routes = LENGTH(fix_routes),
                .app = &fix,
                .mode = mode,
                .threads = 2,
                .authenticate = fix_authenticate,
                .observe = fix_observe,
        };
        struct err e;

        memset(&fix, 0, sizeof fix);
        assert_ok(http_server_start(&config, &fix.server, &e), e);
        (void) snprintf(fix.url, sizeof fix.url, "http://127.0.0.1:%d", http_server_port(fix.server));
        fix.runs = mode == HTTP_EXTERNAL && !by_hand;
        if (fix.runs)
                assert_int_equal(pthread_create(&fix.thread, NULL, fix_run, NULL), 0);
}

static inline void fix_stop(void)
{
        fix.stopping = true;
        if (fix.runs)
                (void) pthread_join(fix.thread, NULL);
        http_server_stop(fix.server);
        fix.server = NULL;
}

/* Poll until *counter is `value`. */
static inline void fix_wait(const atomic_int *counter, int value)
{
        int64_t deadline_ms = clock_ms() + PATIENCE_MS;

        while (*counter != value && clock_ms() < deadline_ms)
                (void) usleep(1000);
        assert_int_equal(*counter, value);
}

static inline int raw_connect(void)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t) http_server_port(fix.server)) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_int_equal(connect(fd, (struct sockaddr *) &a, sizeof a), 0);
        return fd;
}

static inline void raw_send(int fd, const void *data, size_t len)
{
        assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
}

/* Everything until the server closes (a reset counts as closing). Caller frees. */
static inline char *raw_receive(int fd)
{
        struct pollfd p = { .fd = fd, .events = POLLIN };
        char chunk[65536];
        AUTO_STRBUF b;
        ssize_t n = 1;

        strbuf_init(&b, 1 << 20);
        while (n > 0) {
                assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
                n = recv(fd, chunk, sizeof chunk, 0);
                if (n > 0)
                        strbuf_add(&b, chunk, (size_t) n);
        }
        (void) close(fd);
        return strbuf_take(&b);
}

/* One request as text (with Connection: close in it, or so wrong that the server closes) and all that came back. */
static inline char *raw_exchange(const char *text)
{
        int fd = raw_connect();

        raw_send(fd, text, strlen(text));
        return raw_receive(fd);
}

static inline struct http_response fetch(const char *method, const char *path, const char *token, const char *body)
{
        AUTO(str) url = xasprintf("%s%s", fix.url, path);
        struct http_call call = {
                .method = method, .url = url, .bearer = token, .body = body, .body_len = body ? strlen(body) : 0
        };
        struct http_response r;
        struct err e;

        assert_ok(http_fetch(&call, &r, &e), e);
        return r;
}
