/* Statements and their answers. Answers travel in binary, so that bytea is neither doubled nor parsed. */
#include <endian.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/pg_conn.h"

enum { OID_INT8 = 20, OID_BYTEA = 17 }; /* pg_type.dat; 0 leaves the type to the statement */

struct wire { /* arguments as libpq wants them */
        Oid types[PG_ARGS_MAX];
        const char *values[PG_ARGS_MAX];
        int lengths[PG_ARGS_MAX], formats[PG_ARGS_MAX];
        uint64_t numbers[PG_ARGS_MAX];
};

static void encode(struct pg_args args, struct wire *w)
{
        for (int i = 0; i < args.n; i++) {
                const struct pg_arg *a = &args.list[i];
                w->types[i] = a->type == PG_TYPE_INT ? OID_INT8 : a->type == PG_TYPE_BYTES ? OID_BYTEA : 0;
                w->formats[i] = a->type != PG_TYPE_TEXT;
                w->values[i] = a->data;
                w->lengths[i] = (int) a->len;
                if (a->type == PG_TYPE_INT) {
                        w->numbers[i] = htobe64((uint64_t) a->number);
                        w->values[i] = (const char *) &w->numbers[i];
                        w->lengths[i] = sizeof w->numbers[i];
                }
        }
}

static int flush(struct pg_conn *c, struct err *e)
{
        for (;;) {
                int left = PQflush(c->pq);
                if (left == 0)
                        return 0;
                /* Reading too: a server that talks back while we write would otherwise block us and itself. */
                if (left < 0 || pg_conn_wait(c, POLLIN | POLLOUT, e))
                        return c->pq ? pg_failed(c, NULL, e) : -1;
                if (!PQconsumeInput(c->pq))
                        return pg_failed(c, NULL, e);
        }
}

static int closed(struct err *e)
{
        return err_set(e, ERR_UNAVAILABLE, "the database connection was closed after an earlier failure");
}

/* Its number on this connection, -1 if it was not prepared. */
static int find_prepared(const struct pg_conn *c, const char *sql)
{
        for (int i = 0; i < c->n_prepared; i++)
                if (strcmp(c->prepared[i], sql) == 0)
                        return i;
        return -1;
}

/* Planning costs more than a small statement itself, so the first use on a connection prepares. *number: -1 if there is no room. */
static int prepare(struct pg_conn *c, const char *sql, int n_args, const Oid *types, int *number, struct err *e)
{
        char name[16];

        *number = find_prepared(c, sql);
        if (*number >= 0 || c->n_prepared == PG_PREPARED_MAX)
                return 0;
        (void) snprintf(name, sizeof name, "s%d", c->n_prepared);
        if (!PQsendPrepare(c->pq, name, sql, n_args, types))
                return pg_failed(c, NULL, e);
        c->busy = true;
        if (flush(c, e) || pg_receive(c, NULL, e))
                return -1;
        c->prepared[c->n_prepared] = xstrdup(sql);
        *number = c->n_prepared++;
        return 0;
}

static bool send_now(struct pg_conn *c, const char *sql, int number, int n_args, const struct wire *w)
{
        char name[16];

        if (number < 0)
                return PQsendQueryParams(c->pq, sql, n_args, w->types, w->values, w->lengths, w->formats, 1);
        (void) snprintf(name, sizeof name, "s%d", number);
        return PQsendQueryPrepared(c->pq, name, n_args, w->values, w->lengths, w->formats, 1);
}

int pg_send(struct pg_conn *c, const char *sql, struct pg_args args, struct err *e)
{
        struct wire w;
        int number = -1;

        if (!c->pq || c->busy || args.n > PG_ARGS_MAX)
                return c->pq ? err_set(e, ERR_INTERNAL, "bad use of a database connection") : closed(e);
        encode(args, &w);
        c->sqlstate[0] = c->warning[0] = '\0';
        if (args.n && prepare(c, sql, args.n, w.types, &number, e))
                return -1;
        if (!send_now(c, sql, number, args.n, &w))
                return pg_failed(c, NULL, e);
        c->busy = true;
        return flush(c, e);
}

bool pg_ready(struct pg_conn *c)
{
        if (!c->pq || !c->busy)
                return true;
        return !PQconsumeInput(c->pq) || !PQisBusy(c->pq);
}

/* The next result; NULL in *out at the end of the answer. */
static int next_result(struct pg_conn *c, PGresult **out, struct err *e)
{
        while (PQisBusy(c->pq)) {
                if (pg_conn_wait(c, POLLIN, e))
                        return -1;
                if (!PQconsumeInput(c->pq))
                        return pg_failed(c, NULL, e);
        }
        *out = PQgetResult(c->pq);
        return 0;
}

static bool is_good(const PGresult *r)
{
        return PQresultStatus(r) == PGRES_TUPLES_OK || PQresultStatus(r) == PGRES_COMMAND_OK;
}

int pg_in_doubt(const char *why, struct err *e)
{
        return err_set(e, ERR_UNAVAILABLE, "it is not known whether this was stored: %s; ask again, repeating it is harmless",
                       why);
}

/* The server says "success" and warns when it gave up waiting for a standby to confirm a commit. */
static int check_commit(struct pg_conn *c, struct err *e)
{
        if (PQtransactionStatus(c->pq) != PQTRANS_IDLE || !c->warning[0])
                return 0;
        if (c->failed)
                c->failed(c->arg, ERR_UNAVAILABLE);
        return pg_in_doubt(c->warning, e);
}

/* Takes the answer to its end, so that the connection is free again. The first failure counts. */
int pg_receive(struct pg_conn *c, struct pg_rows **rows, struct err *e)
{
        PGresult *r = NULL;
        AUTO(pg_rows) kept = NULL;
        int failed = 0;

        if (!c->pq)
                return closed(e);
        while (!next_result(c, &r, e)) {
                if (!r) {
                        c->busy = false;
                        if (!failed)
                                failed = check_commit(c, e);
                        if (!failed && rows)
                                *rows = TAKE(kept);
                        return failed;
                }
                if (!failed && !is_good(r))
                        failed = pg_failed(c, r, e);
                pg_rows_free(kept);
                kept = (struct pg_rows *) r;
        }
        return -1;
}

int pg_query(struct pg_conn *c, const char *sql, struct pg_args args, struct pg_rows **rows, struct err *e)
{
        if (pg_send(c, sql, args, e))
                return -1;
        return pg_receive(c, rows, e);
}

int pg_script(struct pg_conn *c, const char *sql, struct err *e)
{
        if (!c->pq)
                return closed(e);
        c->sqlstate[0] = c->warning[0] = '\0';
        if (!PQsendQuery(c->pq, sql))
                return pg_failed(c, NULL, e);
        c->busy = true;
        if (flush(c, e))
                return -1;
        return pg_receive(c, NULL, e);
}

static const PGresult *result_of(const struct pg_rows *rows)
{
        return (const PGresult *) rows;
}

void pg_rows_free(struct pg_rows *rows)
{
        PQclear((PGresult *) rows);
}

int pg_count(const struct pg_rows *rows)
{
        return PQntuples(result_of(rows));
}

int64_t pg_affected(const struct pg_rows *rows)
{
        return strtoll(PQcmdTuples((PGresult *) rows), NULL, 10);
}

bool pg_is_null(const struct pg_rows *rows, int row, int column)
{
        return PQgetisnull(result_of(rows), row, column);
}

const char *pg_text(const struct pg_rows *rows, int row, int column)
{
        return pg_is_null(rows, row, column) ? NULL : PQgetvalue(result_of(rows), row, column);
}

const void *pg_bytes(const struct pg_rows *rows, int row, int column, size_t *len)
{
        *len = (size_t) PQgetlength(result_of(rows), row, column);
        return PQgetvalue(result_of(rows), row, column);
}

int64_t pg_int(const struct pg_rows *rows, int row, int column)
{
        const unsigned char *p = (const unsigned char *) PQgetvalue(result_of(rows), row, column);
        int len = PQgetlength(result_of(rows), row, column);
        int64_t v = len && (*p & 0x80) ? -1 : 0; /* big-endian two's complement of 1, 2, 4 or 8 bytes */

        for (int i = 0; i < len; i++)
                v = (int64_t) ((uint64_t) v << 8 | p[i]);
        return v;
}

int64_t pg_time_ms(const struct pg_rows *rows, int row, int column)
{
        static const int64_t EPOCH_2000_MS = 946684800000; /* timestamps count microseconds from 2000-01-01 */

        return pg_int(rows, row, column) / 1000 + EPOCH_2000_MS;
}
