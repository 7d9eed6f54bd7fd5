/*
 * A program that takes the scorer's arguments and behaves as a test wants, by the version that it is asked to serve. The test program
 * runs itself as it: real ones do not crash on demand.
 */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"

enum {
        REFUSES = 90, /* exits with the status that means "never" */
        LOADS_SLOWLY = 91,
        CRASHES = 92, /* at its start, every time */
        SLOW_MS = 600,
        REQUEST_MAX = 65536,
};

static struct {
        const char *version;
        int64_t ready_ms;
} stand_in;

static void send_text(int fd, const char *status, const char *body)
{
        char text[512];
        int n = snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                         status, strlen(body), body);

        (void) !send(fd, text, (size_t) n, MSG_NOSIGNAL);
}

static void stand_in_answer(int fd, const char *head)
{
        char body[64];

        (void) snprintf(body, sizeof body, "{\"model_version\":\"%s\"}", stand_in.version);
        if (strstr(head, "/v2/health/ready") && clock_ms() < stand_in.ready_ms)
                send_text(fd, "503 Service Unavailable", "{\"live\":true,\"ready\":false}");
        else
                send_text(fd, "200 OK", body);
}

/* One request after another. */
static void *stand_in_connection(void *arg)
{
        int fd = (int) (intptr_t) arg;
        char text[REQUEST_MAX + 1];
        size_t len = 0;

        for (;;) {
                ssize_t n = recv(fd, text + len, REQUEST_MAX - len, 0);
                if (n <= 0)
                        break;
                text[len += (size_t) n] = '\0';
                for (char *end; (end = strstr(text, "\r\n\r\n"));) {
                        const char *length = strcasestr(text, "content-length:");
                        size_t all = (size_t) (end + 4 - text) + (length && length < end ? strtoul(length + 15, NULL, 10) : 0);
                        if (len < all)
                                break;
                        stand_in_answer(fd, text);
                        memmove(text, text + all, len - all + 1);
                        len -= all;
                }
        }
        (void) close(fd);
        return NULL;
}

/* What is in flight gets its answer. */
static void stand_in_leave(int signal)
{
        (void) signal;
        (void) usleep(50000);
        _exit(0);
}

static int stand_in_listen(const char *address)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        a.sin_port = htons((uint16_t) atoi(strchr(address, ':') + 1));
        (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
        if (bind(fd, (struct sockaddr *) &a, sizeof a) || listen(fd, 256))
                _exit(1);
        return fd;
}

static int stand_in_main(int argc, char **argv)
{
        const char *listen_on = NULL;

        for (int i = 1; i + 1 < argc; i += 2) {
                if (!strcmp(argv[i], "--listen"))
                        listen_on = argv[i + 1];
                if (!strcmp(argv[i], "--version"))
                        stand_in.version = argv[i + 1];
        }
        int version = atoi(stand_in.version);
        if (version == REFUSES) {
                (void) fputs("{\"level\":\"error\",\"msg\":\"cannot load\",\"error\":\"model.ubj: unknown objective\"}\n",
                             stderr);
                return 2;
        }
        if (version == CRASHES) {
                (void) fputs("out of memory\n", stderr);
                return 1;
        }
        stand_in.ready_ms = clock_ms() + (version == LOADS_SLOWLY ? SLOW_MS : 0);
        (void) signal(SIGTERM, stand_in_leave);
        int fd = stand_in_listen(listen_on);
        for (;;) {
                pthread_t thread;
                int c = accept(fd, NULL, NULL);
                if (c < 0)
                        continue;
                (void) setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
                if (pthread_create(&thread, NULL, stand_in_connection, (void *) (intptr_t) c) == 0)
                        (void) pthread_detach(thread);
        }
}
