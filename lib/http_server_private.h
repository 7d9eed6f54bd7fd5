/* What the files of the HTTP server share: one struct a server, one a request, one an event stream. */
#pragma once

#include <stdatomic.h>

#include <microhttpd.h>

#include "lib/http_server.h"
#include "lib/strbuf.h"

enum {
        HTTP_HEAD_MAX = 16 << 10,
        HTTP_QUERY_MAX = 32,
        HTTP_SOURCE_BLOCK = 1 << 20, /* bytes asked of a source at a time */
        /* A refused body up to this size is read and dropped, so that the client, which may not listen before it has sent all,
         * gets the reply on a connection that stays usable. */
        HTTP_SWALLOW_MAX = 1 << 20,
        /* The same where no thread can wait for a client that was answered in the middle (see http_server_cut.c). */
        HTTP_SWALLOW_MAX_SHARED = 64 << 20,
};

struct http_server {
        struct http_server_config config;
        struct MHD_Daemon *mhd;
        int port;
        atomic_bool draining;
        atomic_int inflight;
        struct http_stream *streams;
        struct http_later *laters;
};

struct http_pair {
        const char *name, *value;
};

struct http_conn { /* one request, from its request line until its reply has gone */
        struct http_request rq;
        struct http_server *server;
        struct MHD_Connection *mhd; /* NULL until the head is read */
        const struct http_route *route;
        char *target; /* as sent; rq.path and the query's pairs point into it */
        struct http_pair query[HTTP_QUERY_MAX];
        int n_query;
        struct strbuf body;
        int64_t received;
        bool uploading; /* begin has run: the handler or abandon has to */
        bool refused;   /* reply with `refusal` instead of calling the handler */
        struct err refusal;
        char allow[64];           /* methods that the path has, when it lacks the one asked for */
        bool counted;             /* in server->inflight */
        struct http_later *later; /* the answer comes later: suspended, or just resumed */
        int status;               /* 0: no reply yet */
        int64_t started_us, swallowed;
        char args[HTTP_URI_MAX];
};

/* Request line to path and decoded query. */
int http_conn_parse_target(struct http_conn *c, struct err *e);

/* Callbacks of libmicrohttpd. */
void *http_on_uri(void *server, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result http_on_request(void *server, struct MHD_Connection *mhd, const char *url, const char *method,
                                const char *version, const char *data, size_t *size, void **conn);
void http_on_completed(void *server, struct MHD_Connection *mhd, void **conn, enum MHD_RequestTerminationCode why);

/* Queue the reply and free what it owns. */
enum MHD_Result http_reply_send(struct http_conn *c, struct http_reply *rp);
void http_reply_problem(const struct http_conn *c, struct http_reply *rp, const struct err *e);
void http_reply_done(struct http_reply *rp);
/* Write the reply past libmicrohttpd, which takes none while a body comes in, and let go of the connection. */
void http_reply_cut(struct http_conn *c, struct http_reply *rp);

void http_conn_uncount(struct http_conn *c); /* its request is no longer in flight */

/* Event streams. */
struct MHD_Response *http_stream_response(struct http_conn *c, struct http_stream *s);
void http_stream_free(struct http_stream *s);
void http_streams_close(struct http_server *s);
void http_streams_beat(struct http_server *s, int64_t now_ms);
int64_t http_streams_next_ms(const struct http_server *s); /* when the next beat is due, on clock_ms(); INT64_MAX: never */

/* Answers that come later. */
void http_later_suspend(struct http_conn *c, struct http_later *l);
bool http_later_take(struct http_conn *c, struct http_reply *rp); /* the answer, if there is one by now */
void http_later_free(struct http_later *l);
void http_laters_drop(struct http_server *s); /* resume all, since a server cannot stop with suspended connections */
