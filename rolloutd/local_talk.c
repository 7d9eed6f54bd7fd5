/* Non-blocking conversations. */
#include "rolloutd/local_talk.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

int local_watch_add(int epoll, struct local_watch *w, uint32_t events, struct err *e)
{
        struct epoll_event ev = { .events = events, .data.ptr = w };

        return epoll_ctl(epoll, EPOLL_CTL_ADD, w->fd, &ev) ? err_errno(e, errno, "watch a descriptor") : 0;
}

void local_talk_stop(struct local_talk *t)
{
        if (!t->active)
                return;
        if (t->watch.fd >= 0)
                (void) close(t->watch.fd);
        t->watch.fd = -1;
        t->active = false;
        strbuf_done(&t->in);
        strbuf_done(&t->out);
}

static void finish(struct local_talk *t, const struct err *failure)
{
        AUTO_STRBUF answer = t->in;

        t->in = (struct strbuf){ 0 };
        local_talk_stop(t);
        t->done(t->arg, failure ? NULL : strbuf_str(&answer), failure);
}

static void fail(struct local_talk *t, int number, const char *what)
{
        struct err e;

        (void) err_errno(&e, number, "%s", what);
        e.kind = ERR_UNAVAILABLE;
        finish(t, &e);
}

/* 1: all is sent, 0: later, -1: finished with a failure. */
static int send_rest(struct local_talk *t)
{
        while (t->sent < t->out.len) {
                ssize_t n = send(t->watch.fd, strbuf_str(&t->out) + t->sent, t->out.len - t->sent, MSG_NOSIGNAL);
                if (n < 0 && (errno == EAGAIN || errno == ENOTCONN || errno == EINPROGRESS))
                        return 0;
                if (n < 0 && errno != EINTR) {
                        fail(t, errno, "send");
                        return -1;
                }
                t->sent += n > 0 ? (size_t) n : 0;
        }
        struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &t->watch };
        (void) epoll_ctl(t->epoll, EPOLL_CTL_MOD, t->watch.fd, &ev);
        return 1;
}

static void ready(void *arg)
{
        struct local_talk *t = arg;
        char chunk[4096];

        if (send_rest(t) <= 0)
                return;
        for (;;) {
                ssize_t n = recv(t->watch.fd, chunk, sizeof chunk, 0);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return;
                if (n < 0)
                        return fail(t, errno, "receive");
                if (n > 0 && !strbuf_add(&t->in, chunk, (size_t) n))
                        return fail(t, EMSGSIZE, "receive");
                if (n == 0 || (t->until && strstr(strbuf_str(&t->in), t->until)))
                        return finish(t, NULL);
        }
}

static int open_socket(struct local_talk *t, const struct local_talk_to *to)
{
        t->watch.fd = socket(to->address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (t->watch.fd < 0)
                return err_errno(&t->failure, errno, "make a socket");
        if (connect(t->watch.fd, to->address, to->address_len) && errno != EINPROGRESS) {
                (void) err_errno(&t->failure, errno, "connect");
                t->failure.kind = ERR_UNAVAILABLE; /* no such socket file is no answer either */
                return -1;
        }
        return local_watch_add(t->epoll, &t->watch, EPOLLIN | EPOLLOUT, &t->failure);
}

void local_talk_start(struct local_talk *t, int epoll, const struct local_talk_to *to, local_talk_fn done, void *arg)
{
        *t = (struct local_talk){
                .watch = { .fd = -1, .ready = ready, .arg = t },
                .active = true,
                .epoll = epoll,
                .until = to->until,
                .deadline_ms = to->deadline_ms,
                .done = done,
                .arg = arg,
        };
        strbuf_init(&t->in, to->max_answer);
        strbuf_init(&t->out, strlen(to->text));
        (void) strbuf_adds(&t->out, to->text);
        if (open_socket(t, to))
                t->deadline_ms = 0;
}

int64_t local_talk_run(struct local_talk *t, int64_t now_ms)
{
        struct err e;

        if (!t->active)
                return INT64_MAX;
        if (now_ms < t->deadline_ms)
                return t->deadline_ms;
        if (t->failure.kind)
                e = t->failure;
        else
                (void) err_set(&e, ERR_TIMEOUT, "no answer in time");
        finish(t, &e);
        return t->active ? t->deadline_ms : INT64_MAX;
}
