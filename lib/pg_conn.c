/* Opening, waiting on and closing one connection. */
#include "lib/pg_conn.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/mem.h"

static void on_notice(void *arg, const PGresult *result)
{
        struct pg_conn *c = arg;
        const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
        const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

        if (severity && strcmp(severity, "WARNING") == 0)
                (void) snprintf(c->warning, sizeof c->warning, "%s", text ? text : "unknown");
}

static int deadline_passed(struct pg_conn *c, struct err *e)
{
        PQfinish(c->pq);
        c->pq = NULL;
        if (c->failed)
                c->failed(c->arg, ERR_TIMEOUT);
        return err_set(e, ERR_TIMEOUT, "the database did not answer in time");
}

int pg_conn_wait(struct pg_conn *c, short events, struct err *e)
{
        struct pollfd p = { .fd = PQsocket(c->pq), .events = events };

        for (;;) {
                int left = clock_left(c->deadline_ms, INT32_MAX);
                int n = left > 0 ? poll(&p, 1, left) : 0;
                if (n > 0)
                        return 0;
                if (n == 0 && clock_left(c->deadline_ms, 1) == 0)
                        return deadline_passed(c, e);
                if (n < 0 && errno != EINTR)
                        return err_errno(e, errno, "wait for the database");
        }
}

/* A password with an unescaped '/' makes a port of its first half, which libpq's message would show when it connects. */
static bool has_ports(const PQconninfoOption *options)
{
        for (const PQconninfoOption *o = options; o->keyword; o++)
                if (strcmp(o->keyword, "port") == 0 && o->val)
                        return strspn(o->val, "0123456789,") == strlen(o->val);
        return true;
}

int pg_check_uri(const char *uri, struct err *e)
{
        PQconninfoOption *options = PQconninfoParse(uri, NULL);
        bool is_good = options && has_ports(options);

        PQconninfoFree(options);
        return is_good ? 0
                       : err_set(e, ERR_INVALID,
                                 "this is no libpq URI (postgresql://USER@HOST:PORT/DATABASE, with special characters as %%XX) or"
                                 " keyword string; it is not shown, for there may be a password in it");
}

static int start(struct pg_conn *c, const struct pg_config *config, struct err *e)
{
        /* libpq: what stands before dbname is a default that the URI may override, what stands after it is not. */
        const char *const names[] = { "keepalives_idle",  "keepalives_interval", "keepalives_count",
                                      "tcp_user_timeout", "gssencmode",          "dbname",
                                      "application_name", "client_encoding",     NULL };
        const char *const values[] = { "5", "2", "3", "5000", "disable", config->uri, config->program, "UTF8", NULL };

        c->pq = PQconnectStartParams(names, values, 1);
        if (!c->pq || PQstatus(c->pq) == CONNECTION_BAD)
                return pg_failed(c, NULL, e);
        (void) PQsetNoticeReceiver(c->pq, on_notice, c);
        return 0;
}

static int finish_connecting(struct pg_conn *c, struct err *e)
{
        /* libpq wants a wait for writing before the first PQconnectPoll(). */
        PostgresPollingStatusType next = PGRES_POLLING_WRITING;

        while (next != PGRES_POLLING_OK) {
                if (next == PGRES_POLLING_FAILED)
                        return pg_failed(c, NULL, e);
                if (pg_conn_wait(c, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, e))
                        return -1;
                next = PQconnectPoll(c->pq);
        }
        if (PQsetnonblocking(c->pq, 1))
                return pg_failed(c, NULL, e);
        return 0;
}

/* Statements name what they use, so that nobody's search_path can slip something else in; a session never waits for ever. */
static int pin_session(struct pg_conn *c, const struct pg_config *config, struct err *e)
{
        AUTO(str)
        sql = xasprintf("SET search_path = pg_catalog, pg_temp; SET statement_timeout = %lld; SET lock_timeout = %lld;"
                        " SET idle_in_transaction_session_timeout = '60s'; SET synchronous_commit = %s;"
                        " SET TimeZone = 'UTC'; SET standard_conforming_strings = on",
                        (long long) config->statement_timeout_ms, (long long) config->lock_timeout_ms,
                        config->async_commit ? "off" : "on");

        return pg_script(c, sql, e);
}

int pg_conn_open(const struct pg_config *config, int64_t deadline_ms, struct pg_conn **out, struct err *e)
{
        struct pg_conn *c = xcalloc(1, sizeof *c);

        c->deadline_ms = deadline_ms;
        c->failed = config->failed;
        c->arg = config->arg;
        if (start(c, config, e) || finish_connecting(c, e) || pin_session(c, config, e)) {
                pg_conn_close(c);
                return -1;
        }
        *out = c;
        return 0;
}

void pg_conn_close(struct pg_conn *c)
{
        PQfinish(c->pq);
        for (int i = 0; i < c->n_prepared; i++)
                free(c->prepared[i]);
        free(c);
}

bool pg_conn_is_usable(struct pg_conn *c)
{
        if (!c->pq || c->busy || PQstatus(c->pq) != CONNECTION_OK || PQtransactionStatus(c->pq) != PQTRANS_IDLE)
                return false;
        struct pollfd p = { .fd = PQsocket(c->pq), .events = POLLIN };
        /* An idle server says nothing, unless it is going away: first a farewell, then the end, which is a failed read. */
        while (poll(&p, 1, 0) != 0)
                if (!PQconsumeInput(c->pq) || PQstatus(c->pq) != CONNECTION_OK)
                        return false;
        return true;
}

int pg_connect(const struct pg_config *config, int64_t deadline_ms, struct pg_conn **out, struct err *e)
{
        return pg_conn_open(config, deadline_ms, out, e);
}

void pg_set_deadline(struct pg_conn *c, int64_t deadline_ms)
{
        c->deadline_ms = deadline_ms;
}
