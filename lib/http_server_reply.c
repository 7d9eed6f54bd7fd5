/* Replies: building them, errors as problem+json, sources, and the way out through libmicrohttpd. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/http_server_private.h"
#include "lib/json.h"
#include "lib/mem.h"

enum { RETRY_AFTER_S = 1, PROBLEM_MAX_BYTES = 8192 };

int http_reply_json(struct http_reply *rp, int status, json_t *doc)
{
        char *text = json_text(doc);

        json_decref(doc);
        return http_reply_text(rp, status, NULL, text, strlen(text));
}

int http_reply_text(struct http_reply *rp, int status, const char *content_type, char *text, size_t len)
{
        rp->status = status;
        rp->content_type = content_type;
        rp->body = text;
        rp->body_len = len;
        return 0;
}

void http_reply_header(struct http_reply *rp, const char *name, const char *fmt, ...)
{
        char *value = NULL;
        va_list ap;

        assert((size_t) rp->n_headers < sizeof rp->headers / sizeof *rp->headers);
        va_start(ap, fmt);
        if (vasprintf(&value, fmt, ap) < 0)
                abort();
        va_end(ap);
        rp->headers[rp->n_headers].name = name;
        rp->headers[rp->n_headers++].value = value;
}

/* What a handler prepared before it failed, save for its headers: a 416 needs its Content-Range. */
static void drop_content(struct http_reply *rp)
{
        struct http_reply kept = { .n_headers = rp->n_headers };

        memcpy(kept.headers, rp->headers, sizeof kept.headers);
        rp->n_headers = 0;
        http_reply_done(rp);
        *rp = kept;
}

static void problem_json(const struct http_conn *c, struct http_reply *rp, const struct err *e)
{
        AUTO_STRBUF b;

        strbuf_init(&b, PROBLEM_MAX_BYTES);
        /* Not json_pack(): a message may end inside a UTF-8 sequence, and json_quote() mends that. */
        strbuf_addf(&b, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":", err_kind_name(e->kind),
                    rp->status);
        json_quote(&b, e->msg);
        strbuf_addf(&b, ",\"request_id\":\"%s\"}", c->rq.id);
        size_t len = b.len;
        (void) http_reply_text(rp, rp->status, "application/problem+json", strbuf_take(&b), len);
}

void http_reply_problem(const struct http_conn *c, struct http_reply *rp, const struct err *e)
{
        const struct http_server_config *config = &c->server->config;

        drop_content(rp);
        rp->status = *c->allow ? 405 : err_http_status(e->kind);
        if (!config->problem || !config->problem(&c->rq, c->route ? c->route->pattern : "none", e, rp))
                problem_json(c, rp, e);
        if (e->kind == ERR_UNAVAILABLE)
                http_reply_header(rp, "Retry-After", "%d", RETRY_AFTER_S);
        if (e->kind == ERR_UNAUTHORIZED)
                http_reply_header(rp, "WWW-Authenticate", "Bearer");
        if (*c->allow)
                http_reply_header(rp, "Allow", "%s", c->allow);
}

void http_reply_done(struct http_reply *rp)
{
        free(rp->body);
        if (rp->source.close)
                rp->source.close(rp->source.arg);
        http_stream_free(rp->stream);
        http_later_free(rp->later);
        for (int i = 0; i < rp->n_headers; i++)
                free(rp->headers[i].value);
        *rp = (struct http_reply){ 0 };
}

struct pull { /* a source on its way out; outlives the request's http_conn by a moment */
        struct http_source source;
        struct http_conn *conn;
};

static ssize_t on_pull(void *arg, uint64_t offset, char *out, size_t max)
{
        struct pull *p = arg;

        p->conn->rq.deadline_ms = clock_ms() + p->conn->server->config.request_timeout_ms;
        ssize_t n = p->source.read(p->source.arg, (int64_t) offset, out, max);
        return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void on_pull_end(void *arg)
{
        struct pull *p = arg;

        if (p->source.close)
                p->source.close(p->source.arg);
        free(p);
}

static struct MHD_Response *source_response(struct http_conn *c, struct http_reply *rp)
{
        struct pull *p = xmalloc(sizeof *p);
        size_t block = rp->source.size < HTTP_SOURCE_BLOCK ? (size_t) rp->source.size : HTTP_SOURCE_BLOCK;

        *p = (struct pull){ .source = rp->source, .conn = c };
        rp->source = (struct http_source){ 0 };
        struct MHD_Response *r =
                MHD_create_response_from_callback((uint64_t) p->source.size, block ? block : 1, on_pull, p, on_pull_end);
        if (!r)
                on_pull_end(p);
        return r;
}

static struct MHD_Response *make_response(struct http_conn *c, struct http_reply *rp)
{
        if (rp->stream)
                return http_stream_response(c, TAKE(rp->stream));
        if (rp->source.read)
                return source_response(c, rp);
        char *body = TAKE(rp->body);
        struct MHD_Response *r = MHD_create_response_from_buffer(body ? rp->body_len : 0, body, MHD_RESPMEM_MUST_FREE);
        if (!r)
                free(body);
        return r;
}

static const char *content_type(const struct http_reply *rp)
{
        if (rp->content_type)
                return rp->content_type;
        if (rp->stream)
                return "text/event-stream";
        if (rp->source.read)
                return "application/octet-stream";
        return rp->body ? "application/json" : NULL;
}

static void common_headers(const struct http_conn *c, struct http_reply *rp)
{
        rp->status = rp->status ? rp->status : 200;
        if (content_type(rp))
                http_reply_header(rp, "Content-Type", "%s", content_type(rp));
        http_reply_header(rp, "X-Request-Id", "%s", c->rq.id);
        if (atomic_load(&c->server->draining))
                http_reply_header(rp, "Connection", "close");
}

enum MHD_Result http_reply_send(struct http_conn *c, struct http_reply *rp)
{
        common_headers(c, rp);
        bool streams = rp->stream;
        struct MHD_Response *r = make_response(c, rp);
        enum MHD_Result queued = r ? MHD_YES : MHD_NO;
        for (int i = 0; queued && i < rp->n_headers; i++) /* fails for a value with a line break in it */
                queued = MHD_add_response_header(r, rp->headers[i].name, rp->headers[i].value);
        if (queued)
                queued = MHD_queue_response(c->mhd, (unsigned) rp->status, r);
        if (r)
                MHD_destroy_response(r); /* ours; the queue has its own reference */
        if (queued)
                c->status = rp->status;
        if (streams)
                http_conn_uncount(c);
        http_reply_done(rp);
        return queued;
}
