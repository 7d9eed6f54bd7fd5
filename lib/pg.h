/*
 * PostgreSQL through non-blocking libpq: every wait has a deadline, every failure is a struct err.
 *
 *      AUTO(pg_conn) c = NULL;
 *      AUTO(pg_rows) rows = NULL;
 *      if (pg_get(db, deadline_ms, &c, e) || pg_query(c, MODEL_GET, PG_ARGS(PG_TEXT(name)), &rows, e))
 *              return -1;
 *
 * A passed deadline closes the connection instead of cancelling the statement: before version 17 libpq cancels in clear text,
 * and a cancelled wait for a standby commits. The server's statement_timeout ends what was left running.
 * The one wait without a deadline is the name look-up inside libpq; use addresses or a Unix socket where that matters.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auto.h"
#include "lib/err.h"

struct pg;      /* a bounded pool of connections; any thread may use it */
struct pg_conn; /* one connection, used by one thread at a time */
struct pg_rows; /* a result */

struct pg_config {
        const char *uri;     /* libpq URI or keyword string */
        const char *program; /* shows as application_name */
        int max_connections;
        int64_t statement_timeout_ms, lock_timeout_ms; /* the server's own; 0: none */
        bool async_commit;                             /* commits need not be on disk: a later synchronous one completes them */
        void (*failed)(void *arg, enum err_kind kind); /* counts failures; NULL: nobody does */
        void *arg;
};

/* INVALID if libpq cannot read the text. libpq's own message quotes it, and a password may be in it: this one does not. */
int pg_check_uri(const char *uri, struct err *e);

/* --- pool --- */

/* Copies the config; connects when somebody asks for a connection. Starts paused when `paused` names a reason. */
struct pg *pg_new(const struct pg_config *config, const char *paused);
void pg_free(struct pg *db); /* all connections must be back; NULL is fine */

/* While paused (reason: static text) pg_get() fails with UNAVAILABLE and the reason; NULL resumes. */
void pg_pause(struct pg *db, const char *reason);
/* The server is known to answer: the next pg_get() tries at once, even if the last one failed a moment ago. */
void pg_retry_now(struct pg *db);

/*
 * Borrow a connection whose operations all end by the deadline. UNAVAILABLE when all are busy until then, when the server
 * cannot be reached, or (at once) while the pool backs off after a failed attempt.
 */
int pg_get(struct pg *db, int64_t deadline_ms, struct pg_conn **out, struct err *e);
/* A connection of its own, outside any pool; pg_put() closes it. */
int pg_connect(const struct pg_config *config, int64_t deadline_ms, struct pg_conn **out, struct err *e);
void pg_put(struct pg_conn *c); /* back to its pool; closed when broken or inside a transaction */
void pg_set_deadline(struct pg_conn *c, int64_t deadline_ms);
DEFINE_AUTO(pg_conn, struct pg_conn *, pg_put);

struct pg_stats {
        int in_use, idle, max;
};
void pg_get_stats(struct pg *db, struct pg_stats *out);

/* --- statements --- */

enum pg_type { PG_TYPE_TEXT, PG_TYPE_INT, PG_TYPE_BYTES };
enum { PG_ARGS_MAX = 12 };

struct pg_arg {
        enum pg_type type;
        const void *data; /* text and bytes; NULL is SQL's NULL */
        size_t len;       /* bytes */
        int64_t number;
};

struct pg_args {
        const struct pg_arg *list;
        int n;
};

/* A text argument has no type of its own: the statement decides ($1::json). */
#define PG_TEXT(s) ((struct pg_arg){ .type = PG_TYPE_TEXT, .data = (s) })
#define PG_INT(v) ((struct pg_arg){ .type = PG_TYPE_INT, .number = (v) })
#define PG_BYTES(p, n) ((struct pg_arg){ .type = PG_TYPE_BYTES, .data = (p), .len = (n) })
#define PG_ARGS(...)                                                                                                             \
        ((struct pg_args){ (const struct pg_arg[]){ __VA_ARGS__ },                                                               \
                           sizeof((const struct pg_arg[]){ __VA_ARGS__ }) / sizeof(struct pg_arg) })
#define PG_NO_ARGS ((struct pg_args){ NULL, 0 })

/* Run one statement. One with arguments is prepared on its first use and kept with the connection. *rows may be NULL when nobody looks at the answer; otherwise the caller frees it. */
int pg_query(struct pg_conn *c, const char *sql, struct pg_args args, struct pg_rows **rows, struct err *e);
/* Run statements separated by ';', without arguments or rows, as one transaction unless they say otherwise. */
int pg_script(struct pg_conn *c, const char *sql, struct err *e);

/*
 * The same in two halves, so that the server works while the caller does something else. Between them nothing else may use the
 * connection. pg_send() returns when the statement has left; arguments need not live longer.
 */
int pg_send(struct pg_conn *c, const char *sql, struct pg_args args, struct err *e);
bool pg_ready(struct pg_conn *c); /* takes in what has arrived; true: pg_receive() will not wait */
int pg_receive(struct pg_conn *c, struct pg_rows **rows, struct err *e);

/* --- answers; rows and columns count from 0 --- */

void pg_rows_free(struct pg_rows *rows);
DEFINE_AUTO(pg_rows, struct pg_rows *, pg_rows_free);
int pg_count(const struct pg_rows *rows);        /* rows in the answer */
int64_t pg_affected(const struct pg_rows *rows); /* rows inserted, updated or deleted */
bool pg_is_null(const struct pg_rows *rows, int row, int column);
const char *pg_text(const struct pg_rows *rows, int row, int column); /* NULL for SQL's NULL; lives as long as rows */
const void *pg_bytes(const struct pg_rows *rows, int row, int column, size_t *len);
int64_t pg_int(const struct pg_rows *rows, int row, int column);     /* smallint, integer, bigint, boolean; 0 for NULL */
int64_t pg_time_ms(const struct pg_rows *rows, int row, int column); /* timestamptz as Unix time */

/* --- transactions --- */

typedef int (*pg_tx_fn)(struct pg_conn *c, void *arg, struct err *e);

/*
 * BEGIN, fn, COMMIT; ROLLBACK when fn fails. After a serialization failure or a deadlock everything runs again, until the
 * deadline, so fn must start from scratch each time. When the outcome of COMMIT is unknown (the connection was lost, the deadline
 * passed, or the server warned that a standby did not confirm) the error is UNAVAILABLE and says so: the caller may be told
 * to ask again only if asking again is harmless.
 */
int pg_tx(struct pg *db, int64_t deadline_ms, pg_tx_fn fn, void *arg, struct err *e);
/* The same once, on a connection in hand. */
int pg_tx_on(struct pg_conn *c, pg_tx_fn fn, void *arg, struct err *e);

/* --- errors --- */

/* The kind that a five-letter SQLSTATE stands for; NULL or "" (the connection was lost) is UNAVAILABLE. */
enum err_kind pg_kind(const char *sqlstate);
bool pg_can_retry(const char *sqlstate); /* 40001 serialization_failure, 40P01 deadlock_detected */
