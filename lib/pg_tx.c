/* Transactions: retried when the server asks for it, honest when the outcome is unknown. */
#include <string.h>
#include <unistd.h>

#include "lib/backoff.h"
#include "lib/clock.h"
#include "lib/pg_conn.h"
#include "lib/random.h"

static const struct backoff_policy RETRY = { .base_ms = 2, .cap_ms = 200, .max_tries = 20 };

static int commit(struct pg_conn *c, struct err *e)
{
        struct err why = { 0 };
        AUTO(pg_rows) rows = NULL;

        if (pg_query(c, "COMMIT", PG_NO_ARGS, &rows, &why)) {
                bool refused = c->sqlstate[0] && strncmp(c->sqlstate, "57P", 3) != 0; /* the server says that it did not happen */
                if (!refused)
                        return pg_in_doubt(c->warning[0] ? c->warning : why.msg, e);
                *e = why;
                return -1;
        }
        if (strcmp(PQcmdStatus((PGresult *) rows), "COMMIT"))
                return err_set(e, ERR_INTERNAL, "a failed transaction was committed");
        return 0;
}

int pg_tx_on(struct pg_conn *c, pg_tx_fn fn, void *arg, struct err *e)
{
        struct err own = { 0 };

        e = e ? e : &own; /* commit() and ROLLBACK look at it */
        if (pg_query(c, "BEGIN", PG_NO_ARGS, NULL, e))
                return -1;
        if (fn(c, arg, e) == 0)
                return commit(c, e);
        char cause[sizeof c->sqlstate]; /* ROLLBACK's success must not hide why we are here */
        memcpy(cause, c->sqlstate, sizeof cause);
        if (c->pq)
                (void) pg_query(c, "ROLLBACK", PG_NO_ARGS, NULL, NULL);
        memcpy(c->sqlstate, cause, sizeof cause);
        return -1;
}

int pg_tx(struct pg *db, int64_t deadline_ms, pg_tx_fn fn, void *arg, struct err *e)
{
        struct backoff b = { 0 };

        for (;;) {
                AUTO(pg_conn) c = NULL;
                if (pg_get(db, deadline_ms, &c, e))
                        return -1;
                if (pg_tx_on(c, fn, arg, e) == 0)
                        return 0;
                if (!pg_can_retry(c->sqlstate) || !backoff_next(&RETRY, &b, clock_ms(), random_u32()) ||
                    clock_left(deadline_ms, INT32_MAX) <= b.wait_ms)
                        return -1;
                (void) usleep((useconds_t) b.wait_ms * 1000);
        }
}
