/* Inside of lib/pg*: one connection and its waits. */
#pragma once

#include <libpq-fe.h>

#include "lib/pg.h"

enum { PG_PREPARED_MAX = 64 };

struct pg_conn {
        PGconn *pq;
        struct pg *pool; /* NULL for a connection of its own */
        struct pg_conn *next;
        int64_t deadline_ms;
        bool busy;                       /* a statement was sent and its answer not taken */
        char warning[128];               /* the last WARNING of this statement; "" for none */
        char sqlstate[6];                /* of the last failure; "" for none */
        char *prepared[PG_PREPARED_MAX]; /* text of the statements s0, s1, ... */
        int n_prepared;
        void (*failed)(void *arg, enum err_kind kind);
        void *arg;
};

/* Connect and pin the session's settings. */
int pg_conn_open(const struct pg_config *config, int64_t deadline_ms, struct pg_conn **out, struct err *e);
void pg_conn_close(struct pg_conn *c);
bool pg_conn_is_usable(struct pg_conn *c); /* idle, outside a transaction, and the server has not hung up */

/* Wait for `events` until the deadline; afterwards the connection is closed and the error TIMEOUT. */
int pg_conn_wait(struct pg_conn *c, short events, struct err *e);

/* The error of a commit whose outcome is unknown. Returns -1. */
int pg_in_doubt(const char *why, struct err *e);

/* Turn a failed result (NULL: the connection's own state) into *e, and remember its SQLSTATE. Returns -1. */
int pg_failed(struct pg_conn *c, const PGresult *result, struct err *e);
