/* One keep-alive connection of the load generator: non-blocking, one request at a time, in the caller's epoll. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "bench/load/answer.h"
#include "bench/load/request.h"
#include "bench/load/tally.h"
#include "lib/strbuf.h"

struct address {
        struct sockaddr_storage at;
        socklen_t len;
};

enum link_state {
        LINK_DOWN, /* to be opened again at retry_us */
        LINK_CONNECTING,
        LINK_IDLE,
        LINK_BUSY
};

struct link {
        enum link_state state;
        int fd; /* -1 when down */
        int64_t retry_us;
        bool listed;                   /* for the caller: it stands in the list of idle links */
        const struct request *request; /* on its way, when busy; borrowed */
        size_t written;
        struct timing when;
        struct strbuf in;
        struct answer answer; /* after LINK_ANSWERED, with its text in `in`, until link_next() */
};

enum link_event {
        LINK_NOTHING,
        LINK_READY,    /* connected */
        LINK_ANSWERED, /* call link_next() when done with l->answer */
        LINK_LOST,     /* the request in flight will get no answer; the link is down */
        LINK_GONE,     /* ended while it had nothing to do; the link is down */
};

void link_init(struct link *l);
void link_done(struct link *l);

/* Start to connect; on failure the link stays down and is due again after 100 ms. Registers with epoll, edge triggered. */
void link_open(struct link *l, const struct address *to, int epoll, int64_t now_us);

/* Send on an idle link. LINK_NOTHING, or LINK_LOST when it broke at once. */
enum link_event link_send(struct link *l, const struct request *rq, int64_t due_us, int64_t now_us);

/* Something happened to its descriptor. `*cause` is set with LINK_LOST. */
enum link_event link_progress(struct link *l, int64_t now_us, enum cause *cause);

/* The answer has been looked at: idle again, or down (due at once) if the server closes. True when it is idle. */
bool link_next(struct link *l, int64_t now_us);

/* Drop the connection, for a request that took too long. */
void link_drop(struct link *l, int64_t retry_us);
