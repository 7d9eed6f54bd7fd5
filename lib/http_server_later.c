/* Answers that come later: the connection is suspended until there is one. */
#include <assert.h>
#include <stdlib.h>

#include <utlist.h>

#include "lib/http_server_private.h"
#include "lib/mem.h"

struct http_later {
        struct http_server *server;
        struct http_conn *conn;
        struct http_reply reply;
        bool ready;
        struct http_later *prev, *next;
};

struct http_later *http_reply_later(struct http_request *rq, struct http_reply *rp)
{
        struct http_later *l = xcalloc(1, sizeof *l);

        assert(rq->conn->server->config.mode == HTTP_EXTERNAL);
        l->server = rq->conn->server;
        l->conn = rq->conn;
        DL_APPEND(l->server->laters, l);
        rp->later = l;
        return l;
}

void http_later_free(struct http_later *l)
{
        if (!l)
                return;
        DL_DELETE(l->server->laters, l);
        http_reply_done(&l->reply);
        free(l);
}

void http_later_suspend(struct http_conn *c, struct http_later *l)
{
        c->later = l;
        MHD_suspend_connection(c->mhd);
}

bool http_later_take(struct http_conn *c, struct http_reply *rp)
{
        struct http_later *l = c->later;

        if (!l->ready)
                return false;
        *rp = l->reply;
        l->reply = (struct http_reply){ 0 };
        c->later = NULL;
        http_later_free(l);
        return true;
}

static void wake(struct http_later *l)
{
        assert(!l->ready); /* exactly one answer */
        l->ready = true;
        MHD_resume_connection(l->conn->mhd);
}

void http_later_json(struct http_later *l, int status, json_t *doc)
{
        (void) http_reply_json(&l->reply, status, doc);
        wake(l);
}

void http_later_err(struct http_later *l, const struct err *e)
{
        http_reply_problem(l->conn, &l->reply, e);
        wake(l);
}

void http_laters_drop(struct http_server *s)
{
        struct http_later *l;

        DL_FOREACH(s->laters, l)
        if (!l->ready)
                MHD_resume_connection(l->conn->mhd);
}
