/* The load generator's loop. */
#include "bench/load/load.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/mem.h"

enum { TICK_US = 50000, SECOND_US = 1000000, EVENTS = 256 };

struct load {
        const struct load_plan *plan;
        struct schedule schedule;
        int64_t next_due_us, measure_from_us, stop_us, last_tick_us;
        size_t next_request;
        int epoll, timer;
        int seconds;
        struct link *links, **idle; /* idle is a ring of `connections` places */
        int idle_first, n_idle;
        struct tally *whole, *second;
};

static void idle_push(struct load *d, struct link *l)
{
        if (l->listed)
                return;
        l->listed = true;
        d->idle[(d->idle_first + d->n_idle++) % d->plan->connections] = l;
}

/* Links that went down while idle stay in the ring until they are met here. */
static struct link *idle_pop(struct load *d)
{
        while (d->n_idle > 0) {
                struct link *l = d->idle[d->idle_first];

                d->idle_first = (d->idle_first + 1) % d->plan->connections;
                d->n_idle--;
                l->listed = false;
                if (l->state == LINK_IDLE)
                        return l;
        }
        return NULL;
}

static void failed(struct load *d, int64_t due_us, enum cause cause)
{
        tally_failure(d->second, cause);
        if (due_us >= d->measure_from_us)
                tally_failure(d->whole, cause);
}

static void sent(struct load *d, const struct timing *when)
{
        tally_sent(d->second, when);
        if (when->due_us >= d->measure_from_us)
                tally_sent(d->whole, when);
}

static void answered(struct load *d, struct link *l, int64_t now_us)
{
        const char *body = strbuf_str(&l->in) + l->answer.head_len;

        tally_answer(d->second, &l->when, &l->answer, body);
        if (l->when.due_us >= d->measure_from_us)
                tally_answer(d->whole, &l->when, &l->answer, body);
        if (link_next(l, now_us))
                idle_push(d, l);
}

static void send_next(struct load *d, struct link *l, int64_t now_us)
{
        const struct request *rq = &d->plan->requests->all[d->next_request++ % d->plan->requests->n];
        enum link_event ev = link_send(l, rq, d->next_due_us, now_us);

        sent(d, &l->when);
        if (ev == LINK_LOST)
                failed(d, l->when.due_us, CAUSE_CLOSED);
        d->next_due_us = schedule_next(&d->schedule);
}

/* Send all that is due, as far as there are connections for it. */
static void send_due(struct load *d, int64_t now_us)
{
        struct link *l;

        while (d->next_due_us <= now_us && d->next_due_us < d->stop_us && (l = idle_pop(d)))
                send_next(d, l, now_us);
        while (d->next_due_us < d->stop_us && d->next_due_us + d->plan->timeout_us <= now_us) {
                failed(d, d->next_due_us, CAUSE_NOT_SENT);
                d->next_due_us = schedule_next(&d->schedule);
        }
}

static void link_happened(struct load *d, struct link *l, int64_t now_us)
{
        enum cause cause = CAUSE_CLOSED;

        switch (link_progress(l, now_us, &cause)) {
        case LINK_READY:
                idle_push(d, l);
                break;
        case LINK_ANSWERED:
                answered(d, l, now_us);
                break;
        case LINK_LOST:
                failed(d, l->when.due_us, cause);
                break;
        case LINK_NOTHING:
        case LINK_GONE:
                break;
        }
        if (l->state == LINK_DOWN && l->retry_us <= now_us)
                link_open(l, &d->plan->to, d->epoll, now_us);
}

static void end_second(struct load *d)
{
        if (d->plan->second)
                d->plan->second(d->plan->arg, d->seconds, d->second);
        tally_reset(d->second);
        d->seconds++;
}

/* Time-outs, reconnects, and the tally of each second that has passed. */
static void tick(struct load *d, int64_t now_us)
{
        for (int i = 0; i < d->plan->connections; i++) {
                struct link *l = &d->links[i];

                if (l->state == LINK_BUSY && l->when.sent_us + d->plan->timeout_us <= now_us) {
                        failed(d, l->when.due_us, CAUSE_TIMEOUT);
                        link_drop(l, now_us);
                }
                if (l->state == LINK_DOWN && l->retry_us <= now_us)
                        link_open(l, &d->plan->to, d->epoll, now_us);
        }
        while (d->schedule.start_us + (d->seconds + 1LL) * SECOND_US <= now_us)
                end_second(d);
        d->last_tick_us = now_us;
}

static bool all_answered(const struct load *d)
{
        if (d->next_due_us < d->stop_us)
                return false;
        for (int i = 0; i < d->plan->connections; i++)
                if (d->links[i].state == LINK_BUSY)
                        return false;
        return true;
}

static void arm(struct load *d)
{
        int64_t at = d->last_tick_us + TICK_US;

        if (d->n_idle > 0 && d->next_due_us < at && d->next_due_us < d->stop_us)
                at = d->next_due_us;
        struct itimerspec when = { .it_value = { .tv_sec = at / SECOND_US, .tv_nsec = at % SECOND_US * 1000 } };
        (void) timerfd_settime(d->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void wait_and_handle(struct load *d)
{
        struct epoll_event events[EVENTS];
        int n;

        arm(d);
        n = epoll_wait(d->epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
                if (events[i].data.ptr == &d->timer)
                        continue; /* armed anew each time */
                if (events[i].data.ptr == &d->stop_us) {
                        int64_t now_us = clock_us();

                        d->stop_us = now_us < d->stop_us ? now_us : d->stop_us;
                        (void) epoll_ctl(d->epoll, EPOLL_CTL_DEL, d->plan->stop_fd, NULL);
                        continue;
                }
                link_happened(d, events[i].data.ptr, clock_us());
        }
}

static void run(struct load *d)
{
        for (;;) {
                int64_t now_us = clock_us();

                send_due(d, now_us);
                if (d->last_tick_us + TICK_US <= now_us)
                        tick(d, now_us);
                if (all_answered(d))
                        return;
                wait_and_handle(d);
        }
}

static int open_all(struct load *d, struct err *e)
{
        struct epoll_event timer = { .events = EPOLLIN | EPOLLET, .data.ptr = &d->timer };
        struct epoll_event stop = { .events = EPOLLIN, .data.ptr = &d->stop_us };

        d->epoll = epoll_create1(EPOLL_CLOEXEC);
        d->timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
        if (d->epoll < 0 || d->timer < 0 || epoll_ctl(d->epoll, EPOLL_CTL_ADD, d->timer, &timer) < 0 ||
            (d->plan->stop_fd >= 0 && epoll_ctl(d->epoll, EPOLL_CTL_ADD, d->plan->stop_fd, &stop) < 0))
                return err_errno(e, errno, "cannot set up epoll");
        return 0;
}

static void start(struct load *d)
{
        const struct load_plan *p = d->plan;
        int64_t now_us = clock_us();

        schedule_init(&d->schedule, p->rate, p->poisson, p->seed, now_us);
        d->measure_from_us = now_us + p->warmup_us;
        d->stop_us = p->duration_us ? d->measure_from_us + p->duration_us : INT64_MAX;
        d->last_tick_us = now_us;
        d->next_due_us = schedule_next(&d->schedule);
        for (int i = 0; i < p->connections; i++) {
                link_init(&d->links[i]);
                link_open(&d->links[i], &p->to, d->epoll, now_us);
        }
}

int load_run(const struct load_plan *plan, struct tally *whole, double *seconds, struct err *e)
{
        struct load d = { .plan = plan, .whole = whole, .epoll = -1, .timer = -1 };
        int rc;

        tally_reset(whole);
        d.second = xcalloc(1, sizeof *d.second);
        d.second->good_us = whole->good_us;
        d.links = xcalloc((size_t) plan->connections, sizeof *d.links);
        d.idle = xcalloc((size_t) plan->connections, sizeof(struct link *));
        rc = open_all(&d, e);
        if (rc == 0) {
                start(&d);
                run(&d);
                end_second(&d); /* the last one is not whole */
                for (int i = 0; i < plan->connections; i++)
                        link_done(&d.links[i]);
        }
        *seconds = rc == 0 ? (double) (clock_us() - d.measure_from_us) / 1e6 : 0;
        if (d.epoll >= 0)
                (void) close(d.epoll);
        if (d.timer >= 0)
                (void) close(d.timer);
        free(d.links);
        free((void *) d.idle);
        free(d.second);
        return rc;
}
