/* The local platform: its operations, the answers that wait to be told, and its turn in the controller's loop. */
#include "rolloutd/local.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <utlist.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/fs.h"
#include "lib/mem.h"
#include "rolloutd/local_haproxy.h"
#include "rolloutd/local_process.h"
#include "rolloutd/local_route.h"
#include "rolloutd/local_setup.h"
#include "rolloutd/local_store.h"

enum { EVENTS_A_TURN = 256 };

/* An operation on files is done when it is called; its answer waits here for run(). */
struct answer {
        struct answer *prev, *next;
        void (*tell)(const struct answer *a, const struct err *failure);
        union {
                platform_records_fn records;
                platform_saved_fn saved;
                platform_done_fn done;
                void (*history)(void *arg, const char *events, const struct err *failure);
        } fn;
        void *arg;
        struct err failure;
        struct platform_record *records;
        size_t n_records;
        char *text;
        int64_t revision;
};

struct local {
        struct platform base;
        struct local_setup setup;
        struct local_store store;
        struct local_processes processes;
        struct local_haproxy haproxy;
        struct local_router router;
        struct answer *answers;
        struct local_watch wake; /* readable while there is something to do that no descriptor tells */
};

static struct local *self(struct platform *p)
{
        return (struct local *) p;
}

static void wake(struct local *l)
{
        (void) eventfd_write(l->wake.fd, 1);
}

static void woken(void *arg)
{
        struct local *l = arg;
        eventfd_t ignored;

        (void) eventfd_read(l->wake.fd, &ignored);
}

/* --- answers --- */

static struct answer *answer_later(struct local *l, void (*tell)(const struct answer *, const struct err *), void *arg)
{
        struct answer *a = xcalloc(1, sizeof *a);

        a->tell = tell;
        a->arg = arg;
        DL_APPEND(l->answers, a);
        wake(l);
        return a;
}

static void answer_free(struct answer *a)
{
        local_records_free(a->records, a->n_records);
        free(a->text);
        free(a);
}

static void tell_answers(struct local *l)
{
        struct answer *all = TAKE(l->answers); /* what they ask for in turn is told next time */

        while (all) {
                struct answer *a = all;
                DL_DELETE(all, a);
                a->tell(a, a->failure.kind ? &a->failure : NULL);
                answer_free(a);
        }
}

static void tell_records(const struct answer *a, const struct err *failure)
{
        a->fn.records(a->arg, a->records, a->n_records, failure);
}

static void tell_saved(const struct answer *a, const struct err *failure)
{
        a->fn.saved(a->arg, a->revision, failure);
}

static void tell_done(const struct answer *a, const struct err *failure)
{
        a->fn.done(a->arg, failure);
}

static void tell_history(const struct answer *a, const struct err *failure)
{
        a->fn.history(a->arg, a->text, failure);
}

/* --- operations --- */

static void op_load(struct platform *p, platform_records_fn done, void *arg)
{
        struct answer *a = answer_later(self(p), tell_records, arg);

        a->fn.records = done;
        (void) local_store_load(&self(p)->store, &a->records, &a->n_records, &a->failure);
}

static void op_save(struct platform *p, const char *target, const char *json, int64_t expected, platform_saved_fn done, void *arg)
{
        struct answer *a = answer_later(self(p), tell_saved, arg);

        a->fn.saved = done;
        (void) local_store_save(&self(p)->store, target, json, expected, &a->revision, &a->failure);
}

static void op_record(struct platform *p, const char *target, const char *event, platform_done_fn done, void *arg)
{
        struct answer *a = answer_later(self(p), tell_done, arg);

        a->fn.done = done;
        (void) local_store_record(&self(p)->store, target, event, &a->failure);
}

static void op_history(struct platform *p, const char *target, int64_t before, int limit,
                       void (*done)(void *arg, const char *events, const struct err *failure), void *arg)
{
        struct answer *a = answer_later(self(p), tell_history, arg);

        a->fn.history = done;
        (void) local_store_history(&self(p)->store, target, before, limit, &a->text, &a->failure);
}

static void op_observe(struct platform *p, const char *target, platform_world_fn done, void *arg)
{
        local_router_observe(&self(p)->router, target, clock_ms(), done, arg);
        wake(self(p));
}

static int deploy(struct local *l, const char *target, const struct deployment *d, struct err *e)
{
        if (name_check("target", target, e))
                return -1;
        if (d->version < 1 || d->replicas < 1 || d->replicas > LOCAL_SLOTS)
                return err_set(e, ERR_INVALID, "version %lld of %s cannot run with %d processes: 1 to %d", (long long) d->version,
                               target, d->replicas, LOCAL_SLOTS);
        return local_processes_deploy(&l->processes, target, d, clock_ms(), e);
}

static void op_deploy(struct platform *p, const char *target, const struct deployment *d, platform_done_fn done, void *arg)
{
        struct answer *a = answer_later(self(p), tell_done, arg);

        a->fn.done = done;
        (void) deploy(self(p), target, d, &a->failure);
}

static void op_retire(struct platform *p, const char *target, int64_t version, platform_done_fn done, void *arg)
{
        struct answer *a = answer_later(self(p), tell_done, arg);

        a->fn.done = done;
        if (local_router_has_weight(&self(p)->router, target, version))
                (void) err_set(&a->failure, ERR_CONFLICT, "%s version %lld still has traffic", target, (long long) version);
        else
                (void) local_processes_retire(&self(p)->processes, target, version, clock_ms(), &a->failure);
}

static void op_route(struct platform *p, const char *target, const struct weight *w, int n, bool urgent, platform_done_fn done,
                     void *arg)
{
        local_router_route(&self(p)->router, target, w, n, urgent, clock_ms(), done, arg);
        wake(self(p));
}

static size_t op_discover(struct platform *p, struct scrape_target *out, size_t max)
{
        const struct local_replica *r;
        size_t n = 0;

        DL_FOREACH(self(p)->processes.head, r)
        {
                if (!r->child.pid)
                        continue;
                if (n < max) {
                        out[n] = (struct scrape_target){ .version = r->version };
                        (void) snprintf(out[n].address, sizeof out[n].address, "127.0.0.1:%d", r->port);
                        (void) snprintf(out[n].target, sizeof out[n].target, "%s", r->target);
                        (void) snprintf(out[n].model, sizeof out[n].model, "%s", r->target);
                }
                n++;
        }
        return n;
}

/* --- the loop --- */

static unsigned op_poll_fds(struct platform *p, struct pollfd *out, unsigned max)
{
        if (max == 0)
                return 0;
        *out = (struct pollfd){ .fd = self(p)->setup.epoll, .events = POLLIN };
        return 1;
}

/* One at a time: what handles an event may close the descriptor of another. */
static void handle_events(struct local *l)
{
        struct epoll_event ev;

        for (int i = 0; i < EVENTS_A_TURN && epoll_wait(l->setup.epoll, &ev, 1, 0) == 1; i++) {
                struct local_watch *w = ev.data.ptr;
                w->ready(w->arg);
        }
}

static int64_t sooner(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

static int64_t op_run(struct platform *p, int64_t now_ms)
{
        struct local *l = self(p);
        int64_t next;

        handle_events(l);
        (void) local_router_run(&l->router, now_ms); /* traffic before everything else */
        next = local_processes_run(&l->processes, now_ms);
        next = sooner(next, local_haproxy_run(&l->haproxy, now_ms));
        next = sooner(next, local_router_run(&l->router, now_ms));
        tell_answers(l);
        if (next == INT64_MAX)
                return -1;
        return next > now_ms ? next - now_ms : 0;
}

static void op_free(struct platform *p)
{
        struct local *l = self(p);

        local_router_done(&l->router);
        local_haproxy_done(&l->haproxy);
        local_processes_done(&l->processes);
        while (l->answers) {
                struct answer *a = l->answers;
                DL_DELETE(l->answers, a);
                answer_free(a);
        }
        local_store_close(&l->store);
        if (l->wake.fd >= 0)
                (void) close(l->wake.fd);
        local_setup_done(&l->setup);
        free(l);
}

/* --- beginning --- */

static const struct platform_ops OPS = {
        .name = "local",
        .weight_tolerance_bp = 50,
        .load = op_load,
        .save = op_save,
        .record = op_record,
        .history = op_history,
        .observe = op_observe,
        .deploy = op_deploy,
        .retire = op_retire,
        .route = op_route,
        .discover = op_discover,
        .poll_fds = op_poll_fds,
        .run = op_run,
        .free = op_free,
};

static int open_wake(struct local *l, struct err *e)
{
        l->wake = (struct local_watch){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .ready = woken, .arg = l };
        if (l->wake.fd < 0)
                return err_errno(e, errno, "make an event descriptor");
        return local_watch_add(l->setup.epoll, &l->wake, EPOLLIN, e);
}

static int open_all(struct local *l, const struct local_config *config, struct err *e)
{
        l->wake.fd = -1;
        l->setup.epoll = -1;
        l->processes = (struct local_processes){
                .setup = &l->setup, .store = &l->store, .changed = local_router_changed, .arg = &l->router
        };
        l->router = (struct local_router){
                .setup = &l->setup, .store = &l->store, .haproxy = &l->haproxy, .processes = &l->processes
        };
        l->haproxy.config = local_router_config;
        l->haproxy.came_up = local_router_came_up;
        l->haproxy.arg = &l->router;
        if (local_store_open(&l->store, config->state_dir, e) || local_setup_init(&l->setup, config, e) || open_wake(l, e) ||
            local_haproxy_init(&l->haproxy, &l->setup, e) || local_router_load(&l->router, e) ||
            local_processes_load(&l->processes, e))
                return -1;
        return 0;
}

struct platform *local_platform_new(const struct local_config *config, struct err *e)
{
        struct local *l = xcalloc(1, sizeof *l);

        l->base.ops = &OPS;
        if (open_all(l, config, e) == 0)
                return &l->base;
        (void) err_wrap(e, "state folder %s", config->state_dir);
        l->setup.stop_serving_on_exit = false;
        op_free(&l->base);
        return NULL;
}
