/* Migrations. */
#include "lib/pg_migrate.h"

#include <string.h>

#include "lib/mem.h"

struct step {
        const char *schema;
        const struct pg_migration *list;
        unsigned n;
        bool applied; /* out: something was left to do */
};

static const char LOCK[] = "SELECT pg_advisory_xact_lock(hashtext('sluice migrations ' || $1::text))";
static const char ENCODING[] = "SELECT current_setting('server_encoding')";

static const char HAS_TABLE[] = "SELECT to_regclass($1 || '.migration') IS NOT NULL";

static int check_encoding(struct pg_conn *c, struct err *e)
{
        AUTO(pg_rows) rows = NULL;

        if (pg_query(c, ENCODING, PG_NO_ARGS, &rows, e))
                return -1;
        if (strcmp(pg_text(rows, 0, 0), "UTF8"))
                return err_set(e, ERR_INVALID, "the database is encoded in %s; it must be UTF8", pg_text(rows, 0, 0));
        return 0;
}

/* How many migrations the database has; INVALID if they are not the first ones of the list. */
static int count_applied(struct pg_conn *c, const struct step *s, unsigned *out, struct err *e)
{
        AUTO(str) sql = xasprintf("SELECT number, name FROM %s.migration ORDER BY number", s->schema);
        AUTO(pg_rows) rows = NULL;

        if (pg_query(c, sql, PG_NO_ARGS, &rows, e))
                return -1;
        unsigned have = (unsigned) pg_count(rows);
        if (have > s->n)
                return err_set(e, ERR_INVALID,
                               "the database is newer than this program: it has migration %s, this program knows %u",
                               pg_text(rows, (int) have - 1, 1), s->n);
        for (unsigned i = 0; i < have; i++)
                if (strcmp(pg_text(rows, (int) i, 1), s->list[i].name))
                        return err_set(e, ERR_INVALID, "migration %u of the database is %s, not %s: another program made it",
                                       i + 1, pg_text(rows, (int) i, 1), s->list[i].name);
        *out = have;
        return 0;
}

/* Asks first: on a finished schema a program without the right to create anything has to work. */
static int make_table(struct pg_conn *c, const char *schema, struct err *e)
{
        AUTO(str)
        sql = xasprintf("CREATE SCHEMA IF NOT EXISTS %s; CREATE TABLE %s.migration (number integer PRIMARY KEY,"
                        " name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())",
                        schema, schema);
        AUTO(pg_rows) rows = NULL;

        if (pg_query(c, HAS_TABLE, PG_ARGS(PG_TEXT(schema)), &rows, e))
                return -1;
        return pg_int(rows, 0, 0) ? 0 : pg_script(c, sql, e);
}

static int apply_next(struct pg_conn *c, void *arg, struct err *e)
{
        struct step *s = arg;
        unsigned have = 0;
        AUTO(str) remember = xasprintf("INSERT INTO %s.migration (number, name) VALUES ($1, $2)", s->schema);

        s->applied = false;
        if (pg_query(c, LOCK, PG_ARGS(PG_TEXT(s->schema)), NULL, e) || make_table(c, s->schema, e) ||
            count_applied(c, s, &have, e))
                return -1;
        if (have == s->n)
                return 0;
        const struct pg_migration *m = &s->list[have];
        if (pg_script(c, m->sql, e) || pg_query(c, remember, PG_ARGS(PG_INT(m->number), PG_TEXT(m->name)), NULL, e))
                return err_wrap(e, "migration %s", m->name);
        s->applied = true;
        return 0;
}

int pg_migrate(struct pg_conn *c, const char *schema, const struct pg_migration *list, unsigned n, int *applied, struct err *e)
{
        struct step s = { .schema = schema, .list = list, .n = n };

        *applied = 0;
        if (check_encoding(c, e))
                return -1;
        do {
                if (pg_tx_on(c, apply_next, &s, e))
                        return -1;
                *applied += s.applied;
        } while (s.applied);
        return 0;
}
