/* A connection's life: connecting, idle, busy, down. */
#include "bench/load/link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { RETRY_US = 100000, IN_MAX = ANSWER_MAX + 128 * 1024 };

void link_init(struct link *l)
{
        *l = (struct link){ .fd = -1 };
        strbuf_init(&l->in, IN_MAX);
}

void link_done(struct link *l)
{
        link_drop(l, 0);
        strbuf_done(&l->in);
}

void link_drop(struct link *l, int64_t retry_us)
{
        if (l->fd >= 0)
                (void) close(l->fd); /* leaves the epoll set by itself */
        l->fd = -1;
        l->state = LINK_DOWN;
        l->retry_us = retry_us;
        strbuf_reset(&l->in);
}

void link_open(struct link *l, const struct address *to, int epoll, int64_t now_us)
{
        struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = l };
        int one = 1;

        l->state = LINK_CONNECTING;
        l->fd = socket(to->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (l->fd < 0 || setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0 ||
            (connect(l->fd, (const struct sockaddr *) &to->at, to->len) < 0 && errno != EINPROGRESS) ||
            epoll_ctl(epoll, EPOLL_CTL_ADD, l->fd, &ev) < 0)
                link_drop(l, now_us + RETRY_US);
}

static bool push(struct link *l)
{
        while (l->written < l->request->len) {
                ssize_t n = send(l->fd, l->request->text + l->written, l->request->len - l->written, MSG_NOSIGNAL);

                if (n < 0)
                        return errno == EAGAIN || errno == EINTR;
                l->written += (size_t) n;
        }
        return true;
}

enum link_event link_send(struct link *l, const struct request *rq, int64_t due_us, int64_t now_us)
{
        l->state = LINK_BUSY;
        l->request = rq;
        l->written = 0;
        l->when = (struct timing){ .due_us = due_us, .sent_us = now_us };
        if (push(l))
                return LINK_NOTHING;
        link_drop(l, now_us);
        return LINK_LOST;
}

/* Read what there is. False at the end of the stream or on an error. */
static bool pull(struct link *l)
{
        char piece[65536];

        for (;;) {
                ssize_t n = recv(l->fd, piece, sizeof piece, 0);

                if (n < 0)
                        return errno == EAGAIN || errno == EINTR;
                if (n == 0 || !strbuf_add(&l->in, piece, (size_t) n))
                        return false;
        }
}

static enum link_event finish_connect(struct link *l, int64_t now_us)
{
        struct sockaddr_storage peer;
        socklen_t peer_len = sizeof peer, len = sizeof(int);
        int failure = 0;

        if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &failure, &len) < 0 || failure != 0) {
                link_drop(l, now_us + RETRY_US);
                return LINK_NOTHING;
        }
        if (getpeername(l->fd, (struct sockaddr *) &peer, &peer_len) < 0)
                return LINK_NOTHING; /* not yet */
        l->state = LINK_IDLE;
        return LINK_READY;
}

enum link_event link_progress(struct link *l, int64_t now_us, enum cause *cause)
{
        bool open;
        int parsed;

        if (l->state == LINK_DOWN)
                return LINK_NOTHING;
        if (l->state == LINK_CONNECTING)
                return finish_connect(l, now_us);
        open = pull(l);
        if (l->state == LINK_IDLE) {
                if (open && l->in.len == 0)
                        return LINK_NOTHING;
                link_drop(l, now_us);
                return LINK_GONE;
        }
        open = open && push(l);
        parsed = answer_parse(strbuf_str(&l->in), l->in.len, &l->answer, NULL);
        if (parsed == 0 && open)
                return LINK_NOTHING;
        if (parsed == 1) {
                l->answer.closes |= !open || l->in.len != l->answer.head_len + l->answer.body_len;
                l->when.done_us = now_us;
                return LINK_ANSWERED;
        }
        *cause = parsed < 0 ? CAUSE_MANGLED : CAUSE_CLOSED;
        link_drop(l, now_us);
        return LINK_LOST;
}

bool link_next(struct link *l, int64_t now_us)
{
        if (l->answer.closes) {
                link_drop(l, now_us);
                return false;
        }
        strbuf_reset(&l->in);
        l->state = LINK_IDLE;
        return true;
}
