/*
 * HTTP server over libmicrohttpd: a route table with permission and body cap in the row, handlers that return errors,
 * streamed uploads and downloads, server-sent events. Only http_server*.c sees libmicrohttpd.
 *
 * Errors leave as application/problem+json (RFC 9457): {"type":"about:blank","title":KIND,"status":N,"detail":MESSAGE,
 * "request_id":ID}; UNAVAILABLE also carries Retry-After, UNAUTHORIZED WWW-Authenticate; a known path without that method
 * answers 405 and Allow. Every reply carries X-Request-Id. Only requests that are not HTTP get libmicrohttpd's own pages.
 *
 * In this order: two headers that say where the body ends 400 and the end of the connection, head over 16 KiB 413,
 * malformed or over-long URI 400, no such path 404, no such method 405, token 401, role 403, Content-Length over the row's
 * cap 413; only then is the body read. A body that is refused, at once or half-way, is read and dropped if it is up to 1 MiB
 * (64 MiB without a thread per connection), and the reply follows; a larger one gets the reply in the middle and the
 * connection ends. With "Expect: 100-continue" the refusal comes before the body.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "lib/err.h"
#include "lib/names.h"
#include "lib/role.h"

enum { HTTP_ARGS_MAX = 4, HTTP_URI_MAX = 4096 };

struct http_conn; /* private to the server */
struct http_server;
struct http_stream;
struct http_later;

struct http_request {
        const char *method, *path;      /* path as sent, without the query */
        const char *arg[HTTP_ARGS_MAX]; /* the pattern's {captures} in order, percent-decoded, UTF-8; NULL beyond */
        const char *body;               /* whole body, NUL-terminated; rows without .upload */
        size_t body_len;
        int64_t content_length;       /* -1 when chunked */
        void *upload;                 /* owned by the row's upload functions */
        enum role caller;             /* ROLE_ANYONE without a token */
        char actor[NAME_MAX_LEN + 1]; /* name of the token; "" without one */
        char id[33];                  /* request id, from X-Request-Id if it is plain, else fresh */
        int64_t deadline_ms;          /* when the answer must be out; uploads and downloads renew it per piece */
        void *app;                    /* from the server's config */
        struct http_conn *conn;
};

/* Borrowed, percent-decoded, NULL when absent. */
const char *http_query(const struct http_request *rq, const char *name);
const char *http_header(const struct http_request *rq, const char *name);
/* ?name=N within [low, high]; fallback when absent; INVALID otherwise. */
int http_query_int(const struct http_request *rq, const char *name, int64_t low, int64_t high, int64_t fallback, int64_t *out,
                   struct err *e);
/* The body as JSON; empty body is INVALID. Caller owns *out. */
int http_body_json(const struct http_request *rq, json_t **out, struct err *e);

/* A body that the server pulls piece by piece. read() fills up to max bytes from `offset` (counted from the start of
 * this reply) and returns how many, 0 < n <= max; -1 cuts the connection. close() runs exactly once, always. */
struct http_source {
        int64_t size;
        ssize_t (*read)(void *arg, int64_t offset, void *out, size_t max);
        void (*close)(void *arg);
        void *arg;
};

struct http_reply {               /* zeroed: 200 with an empty body */
        int status;               /* 0 means 200 */
        const char *content_type; /* static text; NULL: application/json when there is a body */
        char *body;               /* malloc'ed; the server frees it */
        size_t body_len;
        struct http_source source;  /* used when .read is set */
        struct http_stream *stream; /* set by http_reply_events() */
        struct http_later *later;   /* set by http_reply_later() */
        struct {
                const char *name; /* static text */
                char *value;      /* malloc'ed; the server frees it */
        } headers[8];
        int n_headers;
};

/* Take over `doc` (one reference) and answer with it. Returns 0, so that it can end a handler. */
int http_reply_json(struct http_reply *rp, int status, json_t *doc);
/* Take over malloc'ed text. */
int http_reply_text(struct http_reply *rp, int status, const char *content_type, char *text, size_t len);
void http_reply_header(struct http_reply *rp, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * Server-sent events (text/event-stream), for HTTP_EXTERNAL servers only. The stream lives until the client leaves or
 * http_stream_close(); then closed(arg) runs once and the pointer is dead. A client that lets more than 256 KiB pile up is
 * cut off. A comment every 15 s finds out who has left. Newlines in data are taken care of; an id below 1 is left out;
 * event may be NULL. http_stream_event() returns -1 when the stream is being closed. What is sent right after
 * http_reply_events(), to rp->stream, arrives first.
 */
int http_reply_events(struct http_request *rq, struct http_reply *rp, void (*closed)(void *arg), void *arg);
int http_stream_event(struct http_stream *s, const char *event, int64_t id, const char *data);
void http_stream_close(struct http_stream *s);

/*
 * An answer that comes later, for HTTP_EXTERNAL servers only: the handler calls http_reply_later() and returns 0; the
 * connection waits without a thread. Then exactly one http_later_*() ends it, outside the handler; a client that has left
 * meanwhile is no error (the pointer stays good until then). At rq->deadline_ms the server does nothing by itself.
 * http_server_stop() drops what is still waiting; the pointers are dead then.
 */
struct http_later *http_reply_later(struct http_request *rq, struct http_reply *rp);
void http_later_json(struct http_later *l, int status, json_t *doc); /* takes over doc */
void http_later_err(struct http_later *l, const struct err *e);      /* problem+json, as if the handler had returned it */

/* Fills *rp and returns 0, or sets *e and returns -1: then the error is the answer, with the headers that *rp already has. */
typedef int (*http_handler_fn)(struct http_request *rq, struct http_reply *rp, struct err *e);

/* A row with .upload gets its body in pieces, in the connection's own thread: begin once the head is read and the caller
 * is allowed, data per piece, then the row's handler; abandon, once, instead of the handler if the client left or begin or
 * data failed (it must accept rq->upload == NULL). The handler, whatever it returns, has dealt with rq->upload itself.
 * Bodies over max_body are refused before begin when Content-Length tells. */
struct http_upload {
        int (*begin)(struct http_request *rq, struct err *e);
        int (*data)(struct http_request *rq, const void *data, size_t len, struct err *e);
        void (*abandon)(struct http_request *rq);
};

struct http_route {
        const char *method;  /* a GET row also answers HEAD */
        const char *pattern; /* "/v1/models/{model}"; a last "{path...}" takes the rest, slashes included */
        enum role role;
        int64_t max_body; /* bytes; 0: a body is refused */
        http_handler_fn handle;
        const char *doc;
        const struct http_upload *upload; /* NULL: the body is read whole first */
};

enum http_mode {
        HTTP_THREAD_PER_CONNECTION, /* handlers may block */
        HTTP_THREAD_POOL,           /* epoll workers; handlers must not block */
        HTTP_EXTERNAL,              /* no threads: the caller polls http_server_fd() and calls http_server_run() */
};

struct http_server_config {
        const char *listen; /* "127.0.0.1:8470", "[::1]:8470", ":8470" for every address; port 0: any free */
        const struct http_route *routes;
        size_t n_routes;
        void *app;
        enum http_mode mode;
        unsigned threads;           /* HTTP_THREAD_POOL; 0: one per core */
        unsigned max_connections;   /* 0: 512; one address may have half of them, so that it cannot lock out all others */
        unsigned read_buffer;       /* bytes a piece of an upload can have; 0: 64 KiB */
        int64_t idle_timeout_ms;    /* 0: 60 s without a byte ends a connection */
        int64_t request_timeout_ms; /* 0: 10 s; sets rq->deadline_ms */
        /* Bearer token to role and actor. UNAUTHORIZED if unknown. NULL: no token is ever valid. */
        int (*authenticate)(void *app, const char *token, enum role *role, char actor[static NAME_MAX_LEN + 1], struct err *e);
        /* After each reply (also refused ones); `route` is the row's pattern or "none". For metrics and the access log. */
        void (*observe)(const struct http_request *rq, const char *route, int status, int64_t duration_us);
        /* For protocols that have errors of their own, refused requests included: fill body, type and headers of *rp (the
         * status is set) and return true, or return false for problem+json. NULL: always problem+json. */
        bool (*problem)(const struct http_request *rq, const char *route, const struct err *e, struct http_reply *rp);
};

/* Whether that address is well formed and free now: INVALID, or why it cannot be bound. Nothing stays bound. */
int http_listen_check(const char *listen, struct err *e);

int http_server_start(const struct http_server_config *config, struct http_server **out, struct err *e);
int http_server_port(const struct http_server *s);           /* the one really bound */
int http_server_fd(const struct http_server *s);             /* HTTP_EXTERNAL: readable when http_server_run() has work */
int64_t http_server_timeout_ms(const struct http_server *s); /* HTTP_EXTERNAL: run again after this; -1: no need */
void http_server_run(struct http_server *s);                 /* HTTP_EXTERNAL: do what can be done without blocking */

/* From now on replies say "Connection: close", so clients go elsewhere. New connections are still accepted. */
void http_server_drain(struct http_server *s);
int http_server_inflight(const struct http_server *s); /* requests between head and end of reply, without streams */
void http_server_stop(struct http_server *s);          /* closes everything, frees; NULL is fine */

/* The pattern matcher by itself, for tests and fuzzing: 0 and the captures (pointing into scratch), or -1. */
int http_path_match(const char *pattern, const char *path, char scratch[static HTTP_URI_MAX],
                    const char *arg[static HTTP_ARGS_MAX]);
