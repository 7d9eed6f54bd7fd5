/* From libmicrohttpd's callbacks to the row's functions: match, authenticate, take the body in, call the handler. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/http_server_private.h"
#include "lib/mem.h"
#include "lib/random.h"

void *http_on_uri(void *server, const char *uri, struct MHD_Connection *mhd)
{
        struct http_conn *c = xcalloc(1, sizeof *c);

        (void) mhd;
        c->server = server;
        c->started_us = clock_us();
        c->target = xstrndup(uri, HTTP_URI_MAX);
        return c;
}

static void conn_free(struct http_conn *c)
{
        strbuf_done(&c->body);
        free(c->target);
        free(c);
}

void http_conn_uncount(struct http_conn *c)
{
        if (c->counted)
                (void) atomic_fetch_sub(&c->server->inflight, 1);
        c->counted = false;
}

static void renew_deadline(struct http_conn *c)
{
        c->rq.deadline_ms = clock_ms() + c->server->config.request_timeout_ms;
}

static void set_id(struct http_conn *c)
{
        const char *given = http_header(&c->rq, "X-Request-Id");
        size_t n = given ? strlen(given) : 0;

        if (n && n < sizeof c->rq.id && strspn(given, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == n)
                memcpy(c->rq.id, given, n + 1);
        else
                random_id(c->rq.id);
}

static int64_t content_length(const struct http_conn *c)
{
        const char *text = http_header(&c->rq, "Content-Length");

        if (http_header(&c->rq, "Transfer-Encoding"))
                return -1;
        return text ? strtoll(text, NULL, 10) : 0; /* libmicrohttpd has refused what is no number */
}

struct framing { /* headers that say where the body ends */
        int n;
        bool is_known;
};

static enum MHD_Result on_header(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
        struct framing *f = arg;
        bool is_length = strcasecmp(name, "Content-Length") == 0;

        (void) kind;
        if (!is_length && strcasecmp(name, "Transfer-Encoding"))
                return MHD_YES;
        f->n++;
        f->is_known = is_length || (value && strcasecmp(value, "chunked") == 0);
        return MHD_YES;
}

/* What libmicrohttpd takes the first of, a proxy in front of it may take the last of: another request could hide in between. */
static int check_framing(const struct http_conn *c, struct err *e)
{
        struct framing f = { .is_known = true };

        (void) MHD_get_connection_values(c->mhd, MHD_HEADER_KIND, on_header, &f);
        if (f.n > 1 || !f.is_known)
                return err_set(
                        e, ERR_INVALID,
                        "it is not clear where the body ends: one Content-Length or \"Transfer-Encoding: chunked\" has to say");
        return 0;
}

static bool method_matches(const struct http_route *r, const char *method)
{
        return strcmp(r->method, method) == 0 || (strcmp(method, "HEAD") == 0 && strcmp(r->method, "GET") == 0);
}

static void allow(struct http_conn *c, const char *method)
{
        size_t used = strlen(c->allow);

        (void) snprintf(c->allow + used, sizeof c->allow - used, "%s%s%s", used ? ", " : "", method,
                        strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

static int find_route(struct http_conn *c, struct err *e)
{
        const struct http_server_config *config = &c->server->config;

        for (const struct http_route *r = config->routes; r < config->routes + config->n_routes; r++) {
                if (http_path_match(r->pattern, c->rq.path, c->args, c->rq.arg))
                        continue;
                if (method_matches(r, c->rq.method)) {
                        c->route = r;
                        c->allow[0] = '\0';
                        return 0;
                }
                allow(c, r->method);
        }
        if (*c->allow)
                return err_set(e, ERR_INVALID, "%.16s is not a method of %s; it has %s", c->rq.method, c->rq.path, c->allow);
        return err_set(e, ERR_NOT_FOUND, "there is nothing at %s", c->rq.path);
}

static const char *bearer_token(const struct http_request *rq)
{
        const char *text = http_header(rq, "Authorization");

        if (!text || strncasecmp(text, "Bearer ", 7))
                return NULL;
        text += 7;
        return text + strspn(text, " ");
}

static int authenticate(struct http_conn *c, struct err *e)
{
        const struct http_server_config *config = &c->server->config;
        const char *token = bearer_token(&c->rq);

        c->rq.caller = ROLE_ANYONE;
        if (c->route->role == ROLE_ANYONE)
                return 0;
        if (!token || !*token)
                return err_set(e, ERR_UNAUTHORIZED, "this needs a token: Authorization: Bearer TOKEN");
        if (!config->authenticate)
                return err_set(e, ERR_UNAUTHORIZED, "no token is valid here");
        if (config->authenticate(config->app, token, &c->rq.caller, c->rq.actor, e))
                return -1;
        if (!role_allows(c->rq.caller, c->route->role))
                return err_set(e, ERR_FORBIDDEN, "%s %s needs the role %s, and this token has %s", c->rq.method, c->rq.path,
                               role_name(c->route->role), role_name(c->rq.caller));
        return 0;
}

static int body_over(const struct http_conn *c, struct err *e)
{
        if (!c->route->max_body)
                return err_set(e, ERR_TOO_LARGE, "%s %s takes no body", c->rq.method, c->rq.path);
        return err_set(e, ERR_TOO_LARGE, "the body is over %lld bytes", (long long) c->route->max_body);
}

/* Everything that can be said once the head is read. */
static int admit(struct http_conn *c, struct err *e)
{
        const union MHD_ConnectionInfo *head = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

        if (head && head->header_size > HTTP_HEAD_MAX)
                return err_set(e, ERR_TOO_LARGE, "the head of the request is over %d bytes", HTTP_HEAD_MAX);
        if (http_conn_parse_target(c, e) || find_route(c, e) || authenticate(c, e))
                return -1;
        if (c->rq.content_length > c->route->max_body)
                return body_over(c, e);
        if (!c->route->upload) {
                strbuf_init(&c->body, (size_t) c->route->max_body);
                return 0;
        }
        c->uploading = true;
        return c->route->upload->begin(&c->rq, e);
}

static void abandon(struct http_conn *c)
{
        if (c->uploading)
                c->route->upload->abandon(&c->rq);
        c->uploading = false;
}

static void refuse(struct http_conn *c, const struct err *e)
{
        abandon(c);
        c->refused = true;
        c->refusal = *e;
}

static enum MHD_Result answer(struct http_conn *c)
{
        struct http_reply rp = { 0 };
        struct err e = { .kind = ERR_INTERNAL };

        if (c->later) /* resumed */
                return http_later_take(c, &rp) ? http_reply_send(c, &rp) : MHD_NO;
        renew_deadline(c);
        c->uploading = false;
        c->rq.body = strbuf_str(&c->body);
        c->rq.body_len = c->body.len;
        if (c->refused) {
                http_reply_problem(c, &rp, &c->refusal);
        } else if (c->route->handle(&c->rq, &rp, &e)) {
                http_reply_problem(c, &rp, &e);
        }
        if (rp.later) {
                http_later_suspend(c, TAKE(rp.later));
                return MHD_YES;
        }
        return http_reply_send(c, &rp);
}

static enum MHD_Result cut(struct http_conn *c)
{
        struct http_reply rp = { 0 };

        http_reply_problem(c, &rp, &c->refusal);
        http_reply_cut(c, &rp);
        return MHD_NO; /* the connection is libmicrohttpd's to close */
}

static int64_t swallow_max(const struct http_conn *c)
{
        return c->server->config.mode == HTTP_THREAD_PER_CONNECTION ? HTTP_SWALLOW_MAX : HTTP_SWALLOW_MAX_SHARED;
}

static enum MHD_Result head_read(struct http_conn *c, struct MHD_Connection *mhd, const char *method)
{
        struct err e = { .kind = ERR_INTERNAL };

        c->mhd = mhd;
        c->counted = true;
        (void) atomic_fetch_add(&c->server->inflight, 1);
        c->rq.method = method;
        c->rq.path = c->target;
        c->rq.app = c->server->config.app;
        c->rq.conn = c;
        c->rq.content_length = content_length(c);
        set_id(c);
        renew_deadline(c);
        bool is_clear = check_framing(c, &e) == 0;
        if (is_clear && admit(c, &e) == 0)
                return MHD_YES;
        refuse(c, &e);
        if (!is_clear)
                return cut(c);
        if (http_header(&c->rq, "Expect")) /* a client that asks before it sends need not send at all */
                return answer(c);
        return c->rq.content_length > swallow_max(c) ? cut(c) : MHD_YES;
}

static int take_piece(struct http_conn *c, const char *data, size_t n, struct err *e)
{
        c->received += (int64_t) n;
        if (c->received > c->route->max_body)
                return body_over(c, e);
        renew_deadline(c);
        if (c->route->upload)
                return c->route->upload->data(&c->rq, data, n, e);
        (void) strbuf_add(&c->body, data, n);
        return 0;
}

static enum MHD_Result piece_read(struct http_conn *c, const char *data, size_t n)
{
        struct err e = { .kind = ERR_INTERNAL };

        if (!c->refused && take_piece(c, data, n, &e) == 0)
                return MHD_YES;
        if (!c->refused)
                refuse(c, &e);
        c->swallowed += (int64_t) n;
        return c->swallowed > swallow_max(c) ? cut(c) : MHD_YES;
}

enum MHD_Result http_on_request(void *server, struct MHD_Connection *mhd, const char *url, const char *method,
                                const char *version, const char *data, size_t *size, void **conn)
{
        struct http_conn *c = *conn;

        (void) server, (void) url, (void) version;
        assert(c);
        if (!c->mhd)
                return head_read(c, mhd, method);
        if (*size == 0)
                return answer(c);
        size_t n = *size;
        *size = 0;
        return piece_read(c, data, n);
}

void http_on_completed(void *server, struct MHD_Connection *mhd, void **conn, enum MHD_RequestTerminationCode why)
{
        struct http_conn *c = *conn;
        const struct http_server *s = server;

        (void) mhd, (void) why;
        if (!c)
                return;
        abandon(c);
        http_later_free(c->later);
        if (c->status && s->config.observe)
                s->config.observe(&c->rq, c->route ? c->route->pattern : "none", c->status, clock_us() - c->started_us);
        http_conn_uncount(c);
        conn_free(c);
        *conn = NULL;
}
