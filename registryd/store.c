/* What the store files share. */
#include "registryd/store.h"

#include "lib/clock.h"
#include "lib/json.h"

static const char PING[] = "SELECT 1 FROM registry.migration LIMIT 1";
static const char MODEL_EXISTS[] = "SELECT 1 FROM registry.model WHERE name = $1";
static const char MODEL_LOCK[] = "SELECT id FROM registry.model WHERE name = $1 FOR NO KEY UPDATE";

int store_query(struct pg *db, int64_t deadline_ms, const char *sql, struct pg_args args, struct pg_rows **rows, struct err *e)
{
        AUTO(pg_conn) c = NULL;

        if (pg_get(db, deadline_ms, &c, e))
                return -1;
        return pg_query(c, sql, args, rows, e);
}

json_t *store_time(const struct pg_rows *rows, int row, int column)
{
        char text[RFC3339_MAX];

        clock_rfc3339(pg_time_ms(rows, row, column), text);
        return json_string(text);
}

json_t *store_int_or_null(const struct pg_rows *rows, int row, int column)
{
        int64_t v = pg_int(rows, row, column);

        return v ? json_integer(v) : json_null();
}

json_t *store_json(const struct pg_rows *rows, int row, int column)
{
        size_t len;
        const char *text = pg_bytes(rows, row, column, &len);
        json_t *doc = NULL;

        return json_parse("stored", text, len, &doc, NULL) ? json_null() : doc;
}

int store_ping(struct pg *db, int64_t deadline_ms, struct err *e)
{
        return store_query(db, deadline_ms, PING, PG_NO_ARGS, NULL, e);
}

static int no_model(const char *name, struct err *e)
{
        return err_set(e, ERR_NOT_FOUND, "there is no model \"%s\"", name);
}

int store_need_model(struct pg *db, int64_t deadline_ms, const char *name, struct err *e)
{
        AUTO(pg_rows) rows = NULL;

        if (store_query(db, deadline_ms, MODEL_EXISTS, PG_ARGS(PG_TEXT(name)), &rows, e))
                return -1;
        return pg_count(rows) ? 0 : no_model(name, e);
}

int store_lock_model(struct pg_conn *c, const char *name, int64_t *id, struct err *e)
{
        AUTO(pg_rows) rows = NULL;

        if (pg_query(c, MODEL_LOCK, PG_ARGS(PG_TEXT(name)), &rows, e))
                return -1;
        if (pg_count(rows) == 0)
                return no_model(name, e);
        *id = pg_int(rows, 0, 0);
        return 0;
}
