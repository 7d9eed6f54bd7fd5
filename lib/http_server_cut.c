/*
 * Replying to a client that is still sending a body we do not want. libmicrohttpd queues replies only before or after a
 * body; so the reply is written here, straight to the socket, and the connection ends. Closing at once would make the
 * kernel answer further data with a reset, which can destroy the reply before the client reads it (RFC 9112, 9.6): so
 * what comes in is dropped for a while, where a thread of its own can wait for that.
 */
#include <poll.h>
#include <sys/socket.h>

#include "lib/clock.h"
#include "lib/http_server_private.h"

enum { LINGER_MS = 2000, SEND_MS = 1000, REPLY_MAX_BYTES = 16384, DROP_BYTES = 1 << 20, DROPS_AT_ONCE = 8 };

static void add_head(struct strbuf *b, const struct http_conn *c, const struct http_reply *rp)
{
        strbuf_addf(b, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %zu\r\nX-Request-Id: %s\r\n",
                    rp->status, MHD_get_reason_phrase_for((unsigned) rp->status), rp->content_type, rp->body_len, c->rq.id);
        for (int i = 0; i < rp->n_headers; i++)
                strbuf_addf(b, "%s: %s\r\n", rp->headers[i].name, rp->headers[i].value);
        strbuf_adds(b, "\r\n");
}

static void send_all(int fd, const char *data, size_t len)
{
        int64_t deadline_ms = clock_ms() + SEND_MS;
        struct pollfd p = { .fd = fd, .events = POLLOUT };

        while (len && poll(&p, 1, clock_left(deadline_ms, SEND_MS)) > 0) {
                ssize_t n = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n <= 0)
                        return;
                data += n;
                len -= (size_t) n;
        }
}

/* MSG_TRUNC drops what a TCP socket has received without copying it (tcp(7)). */
static void drop_input(int fd, bool may_wait)
{
        int64_t deadline_ms = clock_ms() + LINGER_MS;
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int drops = 0;

        while (may_wait ? poll(&p, 1, clock_left(deadline_ms, LINGER_MS)) > 0 : drops++ < DROPS_AT_ONCE)
                if (recv(fd, NULL, DROP_BYTES, MSG_TRUNC | MSG_DONTWAIT) <= 0)
                        return;
}

void http_reply_cut(struct http_conn *c, struct http_reply *rp)
{
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        AUTO_STRBUF b;

        strbuf_init(&b, REPLY_MAX_BYTES);
        add_head(&b, c, rp);
        strbuf_add(&b, rp->body, rp->body_len);
        send_all(info->connect_fd, strbuf_str(&b), b.len);
        (void) shutdown(info->connect_fd, SHUT_WR);
        c->status = rp->status;
        http_reply_done(rp);
        drop_input(info->connect_fd, c->server->config.mode == HTTP_THREAD_PER_CONNECTION);
}
