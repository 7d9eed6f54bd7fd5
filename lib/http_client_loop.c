/*
 * Calls in flight without threads: libcurl's multi interface behind http_loop. libcurl says which sockets it waits for; they
 * are gathered in one epoll descriptor, so that the loop can wait by itself or inside another one.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <utlist.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/http_client_transfer.h"
#include "lib/mem.h"

enum { EVENTS_A_TURN = 64 };

struct http_flight {
        struct http_transfer transfer;
        http_done_fn done;
        void *arg;
        bool in_multi;
        struct http_flight *prev, *next;
};

struct http_loop {
        CURLM *multi;
        int epoll;
        int64_t due_ms; /* when libcurl wants to be called in any case; -1 never */
        struct http_flight *flights;
        bool inside;    /* libcurl is running us: handles may neither join nor leave it now */
        bool unsettled; /* while it was, some wanted to */
        struct pollfd *wait;
        unsigned wait_cap;
};

static int on_socket(CURL *curl, curl_socket_t fd, int what, void *arg, void *known)
{
        struct http_loop *l = arg;
        struct epoll_event ev = { .data.fd = fd };

        (void) curl;
        (void) known;
        if (what == CURL_POLL_REMOVE) {
                (void) epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
                return 0;
        }
        ev.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
        if (epoll_ctl(l->epoll, EPOLL_CTL_MOD, fd, &ev) && (errno != ENOENT || epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev)))
                return -1;
        return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
        struct http_loop *l = arg;

        (void) multi;
        l->due_ms = timeout_ms < 0 ? -1 : clock_ms() + timeout_ms;
        return 0;
}

struct http_loop *http_loop_new(void)
{
        struct http_loop *l = xcalloc(1, sizeof *l);

        http_client_init();
        l->multi = curl_multi_init();
        l->epoll = epoll_create1(EPOLL_CLOEXEC);
        l->due_ms = -1;
        if (!l->multi || l->epoll < 0)
                abort();
        (void) curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
        (void) curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l);
        (void) curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, on_timer);
        (void) curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l);
        return l;
}

/* Out of the loop; what is left is the caller's to free. */
static void detach(struct http_loop *l, struct http_flight *f)
{
        DL_DELETE(l->flights, f);
        if (f->in_multi)
                (void) curl_multi_remove_handle(l->multi, f->transfer.curl);
}

static void free_flight(struct http_flight *f)
{
        curl_easy_cleanup(f->transfer.curl);
        http_transfer_done(&f->transfer);
        free(f);
}

void http_loop_cancel(struct http_loop *l, struct http_flight *f)
{
        if (l->inside) {
                f->transfer.dropped = l->unsettled = true;
                return;
        }
        detach(l, f);
        free_flight(f);
}

void http_loop_free(struct http_loop *l)
{
        if (!l)
                return;
        while (l->flights)
                http_loop_cancel(l, l->flights);
        (void) curl_multi_cleanup(l->multi);
        (void) close(l->epoll);
        free(l->wait);
        free(l);
}

static void join(struct http_loop *l, struct http_flight *f)
{
        f->in_multi = true;
        if (curl_multi_add_handle(l->multi, f->transfer.curl))
                abort(); /* fails for want of memory or for a handle in two loops only */
}

struct http_flight *http_loop_start(struct http_loop *l, const struct http_call *call, http_done_fn done, void *arg)
{
        struct http_flight *f = xcalloc(1, sizeof *f);
        CURL *curl = curl_easy_init();

        if (!curl)
                abort();
        http_transfer_init(&f->transfer, curl, call);
        f->done = done;
        f->arg = arg;
        (void) curl_easy_setopt(curl, CURLOPT_PRIVATE, f);
        DL_APPEND(l->flights, f);
        if (l->inside)
                l->unsettled = true;
        else
                join(l, f);
        return f;
}

/* What write functions started and cancelled while libcurl was running them. */
static void settle(struct http_loop *l)
{
        if (!l->unsettled)
                return;
        l->unsettled = false;
        for (struct http_flight *f = l->flights, *next; f; f = next) {
                next = f->next;
                if (f->transfer.dropped) {
                        detach(l, f);
                        free_flight(f);
                } else if (!f->in_multi) {
                        join(l, f);
                }
        }
}

static void finish(struct http_loop *l, struct http_flight *f, CURLcode code)
{
        struct http_response r;
        struct err failure = { 0 };

        detach(l, f);
        int failed = http_transfer_result(&f->transfer, code, &r, &failure);
        f->done(f->arg, failed ? NULL : &r, failed ? &failure : NULL);
        http_response_done(&r);
        free_flight(f);
}

/* A done function may start and cancel calls, so the next message is asked for only after it has returned. */
static void finish_all(struct http_loop *l)
{
        CURLMsg *msg;
        char *flight;
        int left;

        while ((msg = curl_multi_info_read(l->multi, &left))) {
                CURLcode code = msg->data.result;
                if (msg->msg != CURLMSG_DONE || curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &flight))
                        continue;
                finish(l, (struct http_flight *) (void *) flight, code);
        }
}

int http_loop_fd(const struct http_loop *l)
{
        return l->epoll;
}

int http_loop_wait_ms(const struct http_loop *l)
{
        return l->due_ms < 0 ? -1 : clock_left(l->due_ms, 3600000);
}

static int act(struct http_loop *l, curl_socket_t fd, int ready)
{
        int running;

        l->inside = true;
        CURLMcode code = curl_multi_socket_action(l->multi, fd, ready, &running);
        l->inside = false;
        settle(l);
        return code ? -1 : 0;
}

static int ready_of(uint32_t events)
{
        return (events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
               (events & EPOLLERR ? CURL_CSELECT_ERR : 0);
}

int http_loop_run(struct http_loop *l)
{
        struct epoll_event events[EVENTS_A_TURN];
        int n = epoll_wait(l->epoll, events, EVENTS_A_TURN, 0);

        for (int i = 0; i < n; i++)
                if (act(l, events[i].data.fd, ready_of(events[i].events)))
                        return -1;
        if (l->due_ms >= 0 && clock_ms() >= l->due_ms) {
                l->due_ms = -1;
                if (act(l, CURL_SOCKET_TIMEOUT, 0))
                        return -1;
        }
        finish_all(l);
        return 0;
}

/* The sooner of the two, where -1 is never. */
static int sooner(int a, int b)
{
        if (a < 0 || b < 0)
                return a < 0 ? b : a;
        return a < b ? a : b;
}

int http_loop_poll(struct http_loop *l, struct pollfd *extra, unsigned n_extra, int timeout_ms)
{
        if (n_extra + 1 > l->wait_cap) {
                l->wait = xrealloc(l->wait, n_extra + 1, sizeof *l->wait);
                l->wait_cap = n_extra + 1;
        }
        for (unsigned i = 0; i < n_extra; i++)
                l->wait[i] = (struct pollfd){ .fd = extra[i].fd, .events = extra[i].events };
        l->wait[n_extra] = (struct pollfd){ .fd = l->epoll, .events = POLLIN };
        if (poll(l->wait, n_extra + 1, sooner(timeout_ms, http_loop_wait_ms(l))) < 0 && errno != EINTR)
                return -1;
        for (unsigned i = 0; i < n_extra; i++)
                extra[i].revents = l->wait[i].revents;
        return http_loop_run(l);
}
