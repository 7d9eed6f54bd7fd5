/* The server's life: listen, start, run, drain, stop. */
#include "lib/http_server.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/http_server_private.h"
#include "lib/mem.h"

enum {
        CONNECTIONS = 512,
        READ_BUFFER_BYTES = 64 << 10,
        IDLE_TIMEOUT_MS = 60000,
        REQUEST_TIMEOUT_MS = 10000,
        STACK_BYTES = 256 << 10,
        BACKLOG = 1024,
};

/* "HOST:PORT" into its halves; brackets around an IPv6 address are taken off. *host is NULL for every address. */
static int split_listen(const char *listen_text, char **host, char **port, struct err *e)
{
        const char *colon = listen_text ? strrchr(listen_text, ':') : NULL;
        bool bracketed = colon && *listen_text == '[' && colon[-1] == ']';

        if (!colon || !isdigit((unsigned char) colon[1]) || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
            strlen(colon + 1) > 5 || atoi(colon + 1) > 65535)
                return err_set(e, ERR_INVALID, "listen address \"%s\" is not like 127.0.0.1:8470",
                               listen_text ? listen_text : "");
        const char *from = listen_text + bracketed, *to = colon - bracketed;
        *host = to > from ? xstrndup(from, (size_t) (to - from)) : NULL;
        *port = xstrdup(colon + 1);
        return 0;
}

static int try_listen(const struct addrinfo *a)
{
        int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol), on = 1, off = 0;

        if (fd < 0)
                return -1;
        (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (a->ai_family == AF_INET6) /* "every address" is one socket for both families */
                (void) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
                return fd;
        int number = errno;
        (void) close(fd);
        errno = number;
        return -1;
}

static int listen_on(const char *text, struct err *e)
{
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *list = NULL;
        AUTO(str) host = NULL;
        AUTO(str) port = NULL;
        int fd = -1;

        if (split_listen(text, &host, &port, e))
                return -1;
        hints.ai_family = host ? AF_UNSPEC : AF_INET6;
        int r = getaddrinfo(host, port, &hints, &list);
        if (r)
                return err_set(e, ERR_INVALID, "listen address \"%s\": %s", text, gai_strerror(r));
        for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
                fd = try_listen(a);
        int number = errno;
        freeaddrinfo(list);
        if (fd < 0 && !host && number == EAFNOSUPPORT) { /* a machine without IPv6 */
                AUTO(str) v4 = xasprintf("0.0.0.0:%s", port);
                return listen_on(v4, e);
        }
        return fd < 0 ? err_errno(e, number, "listen on %s", text) : fd;
}

int http_listen_check(const char *listen, struct err *e)
{
        __attribute__((cleanup(fd_release_))) fd_t_ fd = listen_on(listen, e);

        return fd < 0 ? -1 : 0;
}

static int port_of(int fd)
{
        struct sockaddr_storage a = { 0 };
        socklen_t len = sizeof a;
        char port[16] = "0";

        (void) getsockname(fd, (struct sockaddr *) &a, &len);
        (void) getnameinfo((struct sockaddr *) &a, len, NULL, 0, port, sizeof port, NI_NUMERICSERV);
        return atoi(port);
}

static void apply_defaults(struct http_server_config *c)
{
        long cores = sysconf(_SC_NPROCESSORS_ONLN);

        c->max_connections = c->max_connections ? c->max_connections : CONNECTIONS;
        c->read_buffer = c->read_buffer ? c->read_buffer : READ_BUFFER_BYTES;
        c->idle_timeout_ms = c->idle_timeout_ms ? c->idle_timeout_ms : IDLE_TIMEOUT_MS;
        c->request_timeout_ms = c->request_timeout_ms ? c->request_timeout_ms : REQUEST_TIMEOUT_MS;
        c->threads = c->threads ? c->threads : cores > 0 ? (unsigned) cores : 1;
}

static unsigned flags_of(enum http_mode mode)
{
        switch (mode) {
        case HTTP_THREAD_PER_CONNECTION:
                return MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_ITC;
        case HTTP_THREAD_POOL:
                return MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC;
        case HTTP_EXTERNAL:
                return MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
        }
        return 0;
}

/* Paths and queries are decoded here, by http_path.c, which refuses what libmicrohttpd lets through. */
static size_t leave_escaped(void *arg, struct MHD_Connection *mhd, char *text)
{
        (void) arg, (void) mhd;
        return strlen(text);
}

static struct MHD_Daemon *start_mhd(struct http_server *s, int fd)
{
        const struct http_server_config *c = &s->config;
        /* libmicrohttpd gives half of a connection's memory to its read buffer, and the replies' heads need some of the rest. */
        struct MHD_OptionItem options[] = {
                { MHD_OPTION_CONNECTION_LIMIT, c->max_connections, NULL },
                { MHD_OPTION_PER_IP_CONNECTION_LIMIT, (c->max_connections + 1) / 2, NULL },
                { MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t) ((c->idle_timeout_ms + 999) / 1000), NULL },
                { MHD_OPTION_CONNECTION_MEMORY_LIMIT, 2 * (intptr_t) c->read_buffer + HTTP_HEAD_MAX, NULL },
                { MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL },
                { MHD_OPTION_THREAD_STACK_SIZE, STACK_BYTES, NULL },
                { MHD_OPTION_THREAD_POOL_SIZE, c->threads, NULL },
                { MHD_OPTION_END, 0, NULL },
        };

        if (c->mode != HTTP_THREAD_POOL || c->threads < 2)
                options[sizeof options / sizeof *options - 2] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
        if (c->mode == HTTP_EXTERNAL)
                options[sizeof options / sizeof *options - 3] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
        return MHD_start_daemon(flags_of(c->mode), 0, NULL, NULL, http_on_request, s, MHD_OPTION_LISTEN_SOCKET, fd,
                                MHD_OPTION_URI_LOG_CALLBACK, http_on_uri, s, MHD_OPTION_NOTIFY_COMPLETED, http_on_completed, s,
                                MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

int http_server_start(const struct http_server_config *config, struct http_server **out, struct err *e)
{
        __attribute__((cleanup(fd_release_))) fd_t_ fd = listen_on(config->listen, e);

        if (fd < 0)
                return -1;
        struct http_server *s = xcalloc(1, sizeof *s);
        s->config = *config;
        apply_defaults(&s->config);
        s->port = port_of(fd);
        s->mhd = start_mhd(s, fd);
        if (!s->mhd) {
                free(s);
                return err_set(e, ERR_INTERNAL, "libmicrohttpd did not start on %s", config->listen);
        }
        (void) TAKE_FD(fd); /* closed by libmicrohttpd */
        *out = s;
        return 0;
}

int http_server_port(const struct http_server *s)
{
        return s->port;
}

int http_server_fd(const struct http_server *s)
{
        return MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int64_t http_server_timeout_ms(const struct http_server *s)
{
        MHD_UNSIGNED_LONG_LONG mhd_ms;
        int64_t beat_ms = http_streams_next_ms(s), left = beat_ms == INT64_MAX ? -1 : clock_left(beat_ms, INT_MAX);

        if (MHD_get_timeout(s->mhd, &mhd_ms) == MHD_YES && (left < 0 || mhd_ms < (unsigned long long) left))
                return (int64_t) mhd_ms;
        return left;
}

void http_server_run(struct http_server *s)
{
        http_streams_beat(s, clock_ms());
        (void) MHD_run(s->mhd);
}

void http_server_drain(struct http_server *s)
{
        atomic_store(&s->draining, true);
}

int http_server_inflight(const struct http_server *s)
{
        return atomic_load(&s->inflight);
}

void http_server_stop(struct http_server *s)
{
        if (!s)
                return;
        http_streams_close(s);
        http_laters_drop(s);
        MHD_stop_daemon(s->mhd); /* wants no suspended connection: closing has resumed them */
        free(s);
}
