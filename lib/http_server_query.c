/* What a handler asks of its request: query, headers, JSON body. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/http_path.h"
#include "lib/http_server_private.h"
#include "lib/json.h"

static int parse_pair(struct http_conn *c, char *text, struct err *e)
{
        char *name = text, *equals = strchrnul(text, '='), *value = *equals ? equals + 1 : equals;

        if (c->n_query == HTTP_QUERY_MAX)
                return err_set(e, ERR_INVALID, "the query has over %d members", HTTP_QUERY_MAX);
        size_t n_value = strlen(value);
        if (http_unescape(name, (size_t) (equals - name), true, name) || http_unescape(value, n_value, true, value))
                return err_set(e, ERR_INVALID, "the query holds a malformed escape");
        c->query[c->n_query++] = (struct http_pair){ name, value };
        return 0;
}

int http_conn_parse_target(struct http_conn *c, struct err *e)
{
        char decoded[HTTP_URI_MAX + 1], *next = strchr(c->target, '?');

        if (strlen(c->target) >= HTTP_URI_MAX)
                return err_set(e, ERR_INVALID, "the URI is over %d bytes", HTTP_URI_MAX - 1);
        if (next)
                *next++ = '\0';
        if (*c->target != '/' || http_unescape(c->target, strlen(c->target), false, decoded))
                return err_set(e, ERR_INVALID, "the path is malformed");
        while (next) {
                char *text = strsep(&next, "&");
                if (*text && parse_pair(c, text, e))
                        return -1;
        }
        return 0;
}

const char *http_query(const struct http_request *rq, const char *name)
{
        for (int i = 0; i < rq->conn->n_query; i++)
                if (strcmp(rq->conn->query[i].name, name) == 0)
                        return rq->conn->query[i].value;
        return NULL;
}

const char *http_header(const struct http_request *rq, const char *name)
{
        return MHD_lookup_connection_value(rq->conn->mhd, MHD_HEADER_KIND, name);
}

int http_query_int(const struct http_request *rq, const char *name, int64_t low, int64_t high, int64_t fallback, int64_t *out,
                   struct err *e)
{
        const char *text = http_query(rq, name);
        char *end;

        if (!text) {
                *out = fallback;
                return 0;
        }
        errno = 0;
        int64_t v = strtoll(text, &end, 10);
        if (!*text || strspn(text, "-0123456789") != strlen(text) || *end || errno || v < low || v > high)
                return err_set(e, ERR_INVALID, "?%s must be a number from %" PRId64 " to %" PRId64 ", not \"%.32s\"", name, low,
                               high, text);
        *out = v;
        return 0;
}

int http_body_json(const struct http_request *rq, json_t **out, struct err *e)
{
        if (!rq->body_len)
                return err_set(e, ERR_INVALID, "the body is empty, and a JSON document is needed");
        return json_parse("body", rq->body, rq->body_len, out, e);
}
