/* Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) over suspended connections. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <utlist.h>

#include "lib/clock.h"
#include "lib/http_server_private.h"
#include "lib/mem.h"

enum {
        PENDING_MAX_BYTES = 256 << 10,
        PIECE_BYTES = 64 << 10,
        BEAT_MS = 15000, /* a comment this often: keeps proxies from hanging up, and finds out that a client has gone */
};

struct http_stream {
        struct http_server *server;
        struct MHD_Connection *mhd; /* NULL until the reply is under way */
        struct strbuf pending;
        bool suspended, closing;
        int64_t last_ms; /* when something was last sent */
        void (*closed)(void *arg);
        void *arg;
        struct http_stream *prev, *next;
};

int http_reply_events(struct http_request *rq, struct http_reply *rp, void (*closed)(void *arg), void *arg)
{
        struct http_stream *s = xcalloc(1, sizeof *s);

        assert(rq->conn->server->config.mode == HTTP_EXTERNAL);
        *s = (struct http_stream){ .server = rq->conn->server, .last_ms = clock_ms(), .closed = closed, .arg = arg };
        strbuf_init(&s->pending, PENDING_MAX_BYTES);
        DL_APPEND(s->server->streams, s);
        http_reply_header(rp, "Cache-Control", "no-store");
        rp->stream = s;
        return 0;
}

void http_stream_free(struct http_stream *s)
{
        if (!s)
                return;
        s->closing = true; /* closed() may still try to send */
        if (s->closed)
                s->closed(s->arg);
        DL_DELETE(s->server->streams, s);
        strbuf_done(&s->pending);
        free(s);
}

static void free_response(void *stream)
{
        http_stream_free(stream);
}

/* libmicrohttpd wants the next piece: what is pending, or the connection sleeps until there is something. */
static ssize_t on_pull(void *stream, uint64_t offset, char *out, size_t max)
{
        struct http_stream *s = stream;
        size_t n = s->pending.len < max ? s->pending.len : max;

        (void) offset;
        if (!n && s->closing)
                return MHD_CONTENT_READER_END_OF_STREAM;
        if (!n) {
                s->suspended = true;
                MHD_suspend_connection(s->mhd);
                return 0;
        }
        memcpy(out, strbuf_str(&s->pending), n);
        strbuf_drop(&s->pending, n);
        return (ssize_t) n;
}

struct MHD_Response *http_stream_response(struct http_conn *c, struct http_stream *s)
{
        struct MHD_Response *r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE_BYTES, on_pull, s, free_response);

        s->mhd = c->mhd;
        if (!r)
                http_stream_free(s);
        return r;
}

static void wake(struct http_stream *s)
{
        s->last_ms = clock_ms();
        if (s->suspended)
                MHD_resume_connection(s->mhd);
        s->suspended = false;
}

/* The client does not read. Its connection may be stuck in the middle of a write, and only an error frees it from there. */
static int cut(struct http_stream *s)
{
        const union MHD_ConnectionInfo *info = s->mhd ? MHD_get_connection_info(s->mhd, MHD_CONNECTION_INFO_CONNECTION_FD) : NULL;

        s->closing = true;
        strbuf_reset(&s->pending);
        if (info)
                (void) shutdown(info->connect_fd, SHUT_RDWR);
        wake(s);
        return -1;
}

int http_stream_event(struct http_stream *s, const char *event, int64_t id, const char *data)
{
        if (s->closing)
                return -1;
        if (event)
                strbuf_addf(&s->pending, "event: %s\n", event);
        if (id > 0)
                strbuf_addf(&s->pending, "id: %" PRId64 "\n", id);
        for (const char *line = data;; line++) {
                size_t n = strcspn(line, "\r\n");
                strbuf_addf(&s->pending, "data: %.*s\n", (int) n, line);
                line += n;
                if (!*line)
                        break;
        }
        strbuf_addc(&s->pending, '\n');
        if (!strbuf_ok(&s->pending))
                return cut(s);
        wake(s);
        return 0;
}

void http_stream_close(struct http_stream *s)
{
        s->closing = true;
        wake(s);
}

void http_streams_close(struct http_server *server)
{
        struct http_stream *s;

        DL_FOREACH(server->streams, s)
        http_stream_close(s);
}

void http_streams_beat(struct http_server *server, int64_t now_ms)
{
        struct http_stream *s, *next;

        DL_FOREACH_SAFE(server->streams, s, next)
        {
                if (now_ms - s->last_ms < BEAT_MS || s->closing)
                        continue;
                strbuf_adds(&s->pending, ":\n\n");
                if (strbuf_ok(&s->pending))
                        wake(s);
                else
                        (void) cut(s);
        }
}

int64_t http_streams_next_ms(const struct http_server *server)
{
        const struct http_stream *s;
        int64_t next_ms = INT64_MAX;

        DL_FOREACH(server->streams, s)
        if (!s->closing && s->last_ms + BEAT_MS < next_ms)
                next_ms = s->last_ms + BEAT_MS;
        return next_ms;
}
