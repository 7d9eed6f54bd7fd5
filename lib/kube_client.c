/* Calls from queue to connection to answer. */
#include "lib/kube_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/kube_auth.h"
#include "lib/kube_request.h"
#include "lib/mem.h"

enum {
        CALL_TIMEOUT_MS = 10000,
        BODY_MAX_BYTES = 4 << 20,
        RETRIES_MAX = 10,
        IN_FLIGHT_MAX = 32, /* of the normal lane, watches not counted */
        FOREVER_MS = 3600000,
        QUEUE_MS = 60000,
        RESOURCE_LEN = 64,
};

struct kube_flight {
        struct kube_request request;
        enum kube_verb verb;
        char resource[RESOURCE_LEN];
        int64_t launched_us; /* the newest try; 0: none was made */
        int64_t guard_ms;    /* timeout that was asked for */
        char *url;
        struct err invalid; /* kind NONE, or why the request could not be made */
        enum kube_lane lane;
        bool streams;
        int64_t timeout_ms, stream_ms, deadline_ms, due_ms;
        size_t max_body;
        int retries;
        bool refreshed;          /* the credential, after a 401 */
        char *token;             /* that the try under way was made with */
        struct http_flight *try; /* NULL while it waits */
        int (*write)(void *arg, const void *data, size_t len);
        kube_done_fn done;
        void *arg;
        struct kube *kube;
        struct kube_flight *prev, *next;
};

struct kube {
        struct kube_config config;
        struct kube_auth *auth;
        struct http_loop *loops[KUBE_LANES];
        struct kube_flight *flying, *queue, *direct; /* see list_of() */
        int in_flight;                               /* tries of those that queue */
        int64_t queue_ms;                            /* the first deadline in the queue */
        kube_tried_fn tried;
        void *tried_arg;
        kube_guard_fn guard;
        void *guard_arg;
};

struct kube *kube_new(struct kube_config *c)
{
        struct kube *k = xcalloc(1, sizeof *k);

        k->config = *c;
        *c = (struct kube_config){ 0 };
        k->auth = kube_auth_new(&k->config);
        for (int l = 0; l < KUBE_LANES; l++)
                k->loops[l] = http_loop_new();
        return k;
}

const struct kube_config *kube_config_of(const struct kube *k)
{
        return &k->config;
}

void kube_observe(struct kube *k, kube_tried_fn tried, void *arg)
{
        k->tried = tried;
        k->tried_arg = arg;
}

/* Waits for others to end when there are many. */
static bool queues(const struct kube_flight *f)
{
        return f->lane == KUBE_NORMAL && !f->streams;
}

/* Where it is: with a try under way, or without, and then apart whether it waits for others. There may be thousands that do. */
static struct kube_flight **list_of(const struct kube_flight *f)
{
        struct kube *k = f->kube;

        return f->try ? &k->flying : queues(f) ? &k->queue : &k->direct;
}

static void mind_deadline(const struct kube_flight *f)
{
        if (queues(f) && f->deadline_ms < f->kube->queue_ms)
                f->kube->queue_ms = f->deadline_ms;
}

/* A try has ended or is given up. Should there be another, it is not made to wait behind those that have had none. */
static void leave_connection(struct kube_flight *f)
{
        DL_DELETE(f->kube->flying, f);
        f->try = NULL;
        f->kube->in_flight -= queues(f);
        DL_PREPEND(*list_of(f), f);
        mind_deadline(f);
}

static void free_flight(struct kube_flight *f)
{
        kube_request_done(&f->request);
        free(f->url);
        free(f->token);
        free(f);
}

void kube_cancel(struct kube *k, struct kube_flight *f)
{
        if (f->try) {
                http_loop_cancel(k->loops[f->lane], f->try);
                leave_connection(f);
        }
        DL_DELETE(*list_of(f), f);
        free_flight(f);
}

static void cancel_all(struct kube *k, struct kube_flight **list)
{
        while (*list)
                kube_cancel(k, *list);
}

void kube_free(struct kube *k)
{
        if (!k)
                return;
        cancel_all(k, &k->flying);
        cancel_all(k, &k->queue);
        cancel_all(k, &k->direct);
        for (int l = 0; l < KUBE_LANES; l++)
                http_loop_free(k->loops[l]);
        kube_auth_free(k->auth);
        kube_config_done(&k->config);
        free(k);
}

void kube_guard(struct kube *k, kube_guard_fn guard, void *arg)
{
        k->guard = guard;
        k->guard_arg = arg;
}

struct kube_flight *kube_start(struct kube *k, const struct kube_call *call, kube_done_fn done, void *arg)
{
        struct kube_flight *f = xcalloc(1, sizeof *f);

        f->verb = call->verb;
        if (call->resource)
                (void) snprintf(f->resource, sizeof f->resource, "%s", call->resource->plural);
        f->timeout_ms = call->timeout_ms ? call->timeout_ms : CALL_TIMEOUT_MS;
        f->streams = call->write;
        f->stream_ms = call->stream_ms;
        f->due_ms = clock_ms() + call->delay_ms;
        f->guard_ms = call->timeout_ms;
        f->lane = call->lane;
        f->deadline_ms = f->streams ? INT64_MAX : f->due_ms + (queues(f) ? QUEUE_MS : f->timeout_ms);
        f->max_body = call->max_body ? call->max_body : BODY_MAX_BYTES;
        f->write = call->write;
        f->done = done;
        f->arg = arg;
        f->kube = k;
        if (kube_request_init(&f->request, call, &f->invalid) == 0)
                f->url = xasprintf("%s%s", k->config.server, f->request.path);
        DL_APPEND(*list_of(f), f);
        mind_deadline(f);
        return f;
}

static void finish(struct kube_flight *f, json_t *object, const struct kube_failure *failure)
{
        DL_DELETE(*list_of(f), f);
        f->done(f->arg, object, failure);
        free_flight(f);
}

static int fail(struct kube_flight *f, const struct err *e)
{
        struct kube_failure failure;

        kube_failure_from_err(e, &failure);
        if (e->kind == ERR_INVALID || e->kind == ERR_TOO_LARGE)
                failure.reason = KUBE_INVALID;
        finish(f, NULL, &failure);
        return -1;
}

/* Once more, after this wait, if there is time for it. */
static bool try_again(struct kube_flight *f, int64_t wait_ms)
{
        int64_t due = clock_ms() + wait_ms;

        if (f->retries >= RETRIES_MAX || due >= f->deadline_ms)
                return false;
        f->retries++;
        f->due_ms = due;
        return true;
}

static void refused(struct kube_flight *f, const struct http_response *r)
{
        struct kube_failure failure;
        bool server_side = r->status == 429 || r->status >= 500;

        kube_failure_from_answer(f->request.what, r, &failure);
        if (r->status == 401 && !f->refreshed && kube_auth_rejected(f->kube->auth, f->token, clock_ms())) {
                f->refreshed = true;
                if (try_again(f, 0))
                        return;
        }
        /* Only the header says that the request was not carried out. */
        if (server_side && r->retry_after_ms >= 0 && try_again(f, r->retry_after_ms))
                return;
        finish(f, NULL, &failure);
}

static void answered(struct kube_flight *f, const struct http_response *r)
{
        json_error_t where;
        struct err e;

        if (f->streams) {
                finish(f, NULL, NULL);
                return;
        }
        /* NUL is legal in JSON strings: one odd annotation must not make a whole list unreadable. */
        AUTO(json) object = json_loadb(r->body, r->body_len, JSON_ALLOW_NUL, &where);
        if (object) {
                finish(f, object, NULL);
                return;
        }
        (void) err_set(&e, ERR_UNAVAILABLE, "%s: the answer is no JSON: %s", f->request.what, where.text);
        (void) fail(f, &e);
}

static void on_done(void *arg, const struct http_response *r, const struct err *failure)
{
        struct kube_flight *f = arg;

        leave_connection(f);
        if (f->kube->tried)
                f->kube->tried(f->kube->tried_arg, f->verb, f->resource, r ? r->status : 0, clock_us() - f->launched_us);
        if (failure)
                (void) fail(f, failure);
        else if (r->status >= 400)
                refused(f, r);
        else
                answered(f, r);
}

static void launch(struct kube_flight *f, int64_t now_ms)
{
        struct kube *k = f->kube;
        struct http_tls tls;

        if (queues(f) && !f->launched_us)
                f->deadline_ms = now_ms + f->timeout_ms;
        int64_t left = f->deadline_ms - now_ms;

        kube_auth_tls(k->auth, &tls);
        free(f->token);
        f->token = kube_auth_token(k->auth) ? xstrdup(kube_auth_token(k->auth)) : NULL;
        struct http_call call = { .method = f->request.method,
                                  .url = f->url,
                                  .bearer = f->token,
                                  .tls = &tls,
                                  .proxy = k->config.proxy,
                                  .http1 = true,
                                  .content_type = f->request.content_type,
                                  .body = f->request.body,
                                  .body_len = f->request.body ? strlen(f->request.body) : 0,
                                  .write = f->write,
                                  .arg = f->arg,
                                  .timeout_ms = f->streams ? f->timeout_ms : left,
                                  .stream_ms = f->stream_ms,
                                  .max_body = f->max_body };
        f->launched_us = clock_us();
        DL_DELETE(*list_of(f), f);
        f->try = http_loop_start(k->loops[f->lane], &call, on_done, f);
        DL_APPEND(k->flying, f);
        k->in_flight += queues(f);
}

static bool is_allowed(const struct kube_flight *f, struct err *e)
{
        const struct kube *k = f->kube;
        bool reads = f->verb == KUBE_GET || f->verb == KUBE_LIST || f->verb == KUBE_WATCH;

        return !k->guard || reads || !queues(f) || f->launched_us || k->guard(k->guard_arg, f->guard_ms, e) == 0;
}

/* How long it may be left alone; -1: it is over, and its done function may have changed the list. */
static int64_t advance(struct kube_flight *f, int64_t now_ms)
{
        struct err e;

        if (f->invalid.kind != ERR_NONE)
                return fail(f, &f->invalid);
        if (now_ms >= f->deadline_ms) {
                (void) err_set(&e, ERR_TIMEOUT, "%s: not even sent in time", f->request.what);
                return fail(f, &e);
        }
        if (f->due_ms > now_ms)
                return f->due_ms - now_ms;
        if (queues(f) && f->kube->in_flight >= IN_FLIGHT_MAX)
                return f->deadline_ms - now_ms;
        int ready = kube_auth_ready(f->kube->auth, now_ms, &e);
        if (ready < 0)
                return fail(f, &e);
        if (ready > 0 && !is_allowed(f, &e))
                return fail(f, &e);
        if (ready > 0)
                launch(f, now_ms);
        return f->deadline_ms - now_ms;
}

static int64_t sooner(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

/* Done functions may start and cancel calls, so the walk begins again after each. */
static int64_t advance_direct(struct kube *k, int64_t now_ms)
{
        int64_t wake = FOREVER_MS;

        for (struct kube_flight *f = k->direct, *next; f; f = next) {
                next = f->next;
                int64_t wait = advance(f, now_ms);
                next = wait < 0 ? k->direct : next;
                wake = wait < 0 ? FOREVER_MS : sooner(wake, wait);
        }
        return wake;
}

/* Behind where no more fit, there is nothing but deadlines to look for. */
static int64_t advance_queue(struct kube *k, int64_t now_ms)
{
        int64_t wake = FOREVER_MS;
        bool all = now_ms >= k->queue_ms;

        for (struct kube_flight *f = k->queue, *next; f; f = next) {
                if (!all && k->in_flight >= IN_FLIGHT_MAX)
                        return k->queue_ms - now_ms;
                next = f->next;
                int64_t wait = advance(f, now_ms);
                next = wait < 0 ? k->queue : next;
                wake = wait < 0 ? FOREVER_MS : sooner(wake, wait);
        }
        k->queue_ms = now_ms + wake;
        return wake;
}

int64_t kube_run(struct kube *k)
{
        int64_t wake = kube_auth_run(k->auth, clock_ms());

        for (int l = KUBE_LANES; l-- > 0;) /* the urgent one first */
                (void) http_loop_run(k->loops[l]);
        wake = sooner(wake, advance_direct(k, clock_ms()));
        wake = sooner(wake, advance_queue(k, clock_ms()));
        for (int l = 0; l < KUBE_LANES; l++) {
                int wait = http_loop_wait_ms(k->loops[l]);
                if (wait >= 0)
                        wake = sooner(wake, wait);
        }
        return wake;
}

unsigned kube_poll_fds(const struct kube *k, struct pollfd out[static KUBE_POLL_FDS])
{
        unsigned n = kube_auth_poll_fds(k->auth, out);

        for (int l = 0; l < KUBE_LANES; l++)
                out[n++] = (struct pollfd){ .fd = http_loop_fd(k->loops[l]), .events = POLLIN };
        return n;
}

json_t *kube_delete_options(const char *uid, const char *resource_version, const char *policy)
{
        return json_pack("{s:s, s:s, s:s*, s:{s:s*, s:s*}}", "apiVersion", "v1", "kind", "DeleteOptions", "propagationPolicy",
                         policy, "preconditions", "uid", uid, "resourceVersion", resource_version);
}
