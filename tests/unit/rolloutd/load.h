/*
 * Clients that send inference requests on kept connections and count the answers by version. Any request without a 200 is a failure.
 * One of them sends bodies that HAProxy cannot hold whole and so cannot send twice.
 */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOAD_CLIENTS = 4, LOAD_VERSIONS = 128, LOAD_SMALL = 32, LOAD_BIG = 40000 };

struct load {
        int port;
        const char *model;
        bool running;
        atomic_bool stop;
        atomic_int clients_known, sent, failed, by_version[LOAD_VERSIONS];
        char why[128]; /* of one failure */
        pthread_t clients[LOAD_CLIENTS];
};

static int load_connect(const struct load *l)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        a.sin_port = htons((uint16_t) l->port);
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
        (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_sec = 5 }, sizeof(struct timeval));
        if (connect(fd, (struct sockaddr *) &a, sizeof a) == 0)
                return fd;
        (void) close(fd);
        return -1;
}

static bool load_is_whole(const char *text, size_t len)
{
        const char *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "content-length:");

        return end && length && len >= (size_t) (end + 4 - text) + strtoul(length + 15, NULL, 10);
}

static bool load_send(int fd, const char *text, size_t len)
{
        while (len) {
                ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
                if (n <= 0)
                        return false;
                text += n;
                len -= (size_t) n;
        }
        return true;
}

/* The answer's version, -1 without a good answer. */
static int load_request(const struct load *l, int fd, int body_len, char *text, size_t size)
{
        size_t len = 0;
        int n = snprintf(text, size, "POST /v2/models/%s/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%*s", l->model,
                         body_len, body_len, "{}");

        if (!load_send(fd, text, (size_t) n)) {
                (void) snprintf(text, size, "cannot send");
                return -1;
        }
        *text = '\0';
        do {
                ssize_t got = recv(fd, text + len, size - 1 - len, 0);
                if (got <= 0) {
                        (void) snprintf(text, size, "closed after %zu bytes", len);
                        return -1;
                }
                text[len += (size_t) got] = '\0';
        } while (!load_is_whole(text, len));
        const char *version = strstr(text, "\"model_version\":\"");
        return strncmp(text, "HTTP/1.1 200 ", 13) || !version ? -1 : atoi(version + 17);
}

static void *load_client(void *arg)
{
        struct load *l = arg;
        char text[LOAD_BIG + 512];
        int fd = -1, body_len = l->clients_known++ == 0 ? LOAD_BIG : LOAD_SMALL;

        while (!l->stop) {
                if (fd < 0)
                        fd = load_connect(l);
                int version = fd < 0 ? -1 : load_request(l, fd, body_len, text, sizeof text);
                l->sent++;
                if (version >= 0 && version < LOAD_VERSIONS)
                        l->by_version[version]++;
                else if (l->failed++ == 0)
                        (void) snprintf(l->why, sizeof l->why, "%.100s", fd < 0 ? "cannot connect" : text);
                if (fd >= 0 && (version < 0 || strcasestr(text, "connection: close"))) {
                        (void) close(fd);
                        fd = -1;
                }
                (void) usleep(version < 0 ? 5000 : 200);
        }
        if (fd >= 0)
                (void) close(fd);
        return NULL;
}

static void load_start(struct load *l, int port, const char *model)
{
        memset(l, 0, sizeof *l);
        l->port = port;
        l->model = model;
        l->running = true;
        for (int i = 0; i < LOAD_CLIENTS; i++)
                if (pthread_create(&l->clients[i], NULL, load_client, l))
                        abort();
}

static void load_stop(struct load *l)
{
        if (!l->running)
                return;
        l->running = false;
        l->stop = true;
        for (int i = 0; i < LOAD_CLIENTS; i++)
                (void) pthread_join(l->clients[i], NULL);
}
