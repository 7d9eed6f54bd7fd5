/* Calls in flight without threads: libcurl's multi interface behind http_loop. */
#include <stdlib.h>
#include <utlist.h>

#include "lib/http_client_transfer.h"
#include "lib/mem.h"

struct http_flight {
        struct http_transfer transfer;
        http_done_fn done;
        void *arg;
        struct http_flight *prev, *next;
};

struct http_loop {
        CURLM *multi;
        struct http_flight *flights;
        struct curl_waitfd *wait;
        unsigned wait_cap;
};

struct http_loop *http_loop_new(void)
{
        struct http_loop *l = xcalloc(1, sizeof *l);

        http_client_init();
        l->multi = curl_multi_init();
        if (!l->multi)
                abort();
        return l;
}

/* Out of the loop; what is left is the caller's to free. */
static void detach(struct http_loop *l, struct http_flight *f)
{
        DL_DELETE(l->flights, f);
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
        free(l->wait);
        free(l);
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
        if (curl_multi_add_handle(l->multi, curl))
                abort(); /* fails for want of memory or for a handle in two loops only */
        return f;
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

static short wanted(short poll_events)
{
        return (short) ((poll_events & POLLIN ? CURL_WAIT_POLLIN : 0) | (poll_events & POLLPRI ? CURL_WAIT_POLLPRI : 0) |
                        (poll_events & POLLOUT ? CURL_WAIT_POLLOUT : 0));
}

int http_loop_poll(struct http_loop *l, struct pollfd *extra, unsigned n_extra, int timeout_ms)
{
        int running;

        if (n_extra > l->wait_cap) {
                l->wait = xrealloc(l->wait, n_extra, sizeof *l->wait);
                l->wait_cap = n_extra;
        }
        for (unsigned i = 0; i < n_extra; i++)
                l->wait[i] = (struct curl_waitfd){ .fd = extra[i].fd, .events = wanted(extra[i].events) };
        if (curl_multi_poll(l->multi, l->wait, n_extra, timeout_ms, NULL))
                return -1;
        /* libcurl passes on readiness but not hang-ups and errors, on which the caller would spin. */
        if (n_extra)
                (void) poll(extra, n_extra, 0);
        if (curl_multi_perform(l->multi, &running))
                return -1;
        finish_all(l);
        return 0;
}
