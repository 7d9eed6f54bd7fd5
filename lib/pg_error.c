/* What a SQLSTATE means to the caller. */
#include <string.h>

#include "lib/pg_conn.h"

/* Classes as in PostgreSQL's documentation, appendix A; the first prefix that fits counts. */
static const struct {
        const char *prefix;
        enum err_kind kind;
} sqlstates[] = {
        { "08", ERR_UNAVAILABLE },    /* connection */
        { "22", ERR_INVALID },        /* data */
        { "23505", ERR_CONFLICT },    /* unique_violation */
        { "23", ERR_INVALID },        /* other constraints */
        { "25006", ERR_UNAVAILABLE }, /* read_only_sql_transaction: a standby, or a fenced primary */
        { "25P03", ERR_UNAVAILABLE }, /* idle_in_transaction_session_timeout */
        { "28", ERR_UNAVAILABLE },    /* not let in */
        { "3D000", ERR_UNAVAILABLE }, /* no such database */
        { "40", ERR_CONFLICT },       /* serialization failure, deadlock */
        { "53", ERR_UNAVAILABLE },    /* disk full, out of memory, too many connections */
        { "55P03", ERR_UNAVAILABLE }, /* lock_not_available: lock_timeout */
        { "57014", ERR_TIMEOUT },     /* query_canceled: statement_timeout */
        { "57P", ERR_UNAVAILABLE },   /* shutting down, crashed, starting */
        { "58", ERR_UNAVAILABLE },    /* operating system */
};

enum err_kind pg_kind(const char *sqlstate)
{
        if (!sqlstate || !*sqlstate)
                return ERR_UNAVAILABLE;
        for (size_t i = 0; i < sizeof sqlstates / sizeof *sqlstates; i++)
                if (strncmp(sqlstate, sqlstates[i].prefix, strlen(sqlstates[i].prefix)) == 0)
                        return sqlstates[i].kind;
        return ERR_INTERNAL;
}

bool pg_can_retry(const char *sqlstate)
{
        return strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0;
}

int pg_failed(struct pg_conn *c, const PGresult *result, struct err *e)
{
        const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
        const char *text = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;

        if (!text)
                text = PQerrorMessage(c->pq);
        c->sqlstate[0] = '\0';
        if (state)
                (void) strncat(c->sqlstate, state, sizeof c->sqlstate - 1);
        enum err_kind kind = pg_kind(state);
        if (c->failed)
                c->failed(c->arg, kind);
        /* libpq's own messages end in a newline and go on with hints; the first line is the sentence. */
        return err_set(e, kind, "database: %.*s", (int) strcspn(text, "\n"), *text ? text : "the connection was lost");
}
