/* Models in the database. */
#include "registryd/store.h"

#define MODEL_COLUMNS                                                                                                            \
        "SELECT m.name, m.description, m.created_at, m.created_by, m.last_number,"                                               \
        " (SELECT coalesce(json_object_agg(a.name, a.number ORDER BY a.name), '{}')"                                             \
        "  FROM registry.alias a WHERE a.model_id = m.id)"                                                                       \
        " FROM registry.model m "

/* MODEL; versions are never removed, so the last number is also their count. */
static json_t *model_of(const struct pg_rows *rows, int r)
{
        return json_pack("{s:s, s:s, s:o, s:s, s:I, s:o, s:o}", "name", pg_text(rows, r, 0), "description", pg_text(rows, r, 1),
                         "created_at", store_time(rows, r, 2), "created_by", pg_text(rows, r, 3), "versions",
                         (json_int_t) pg_int(rows, r, 4), "latest", store_int_or_null(rows, r, 4), "aliases",
                         store_json(rows, r, 5));
}

static const char MODEL_ADD[] = "INSERT INTO registry.model (name, description, created_by) VALUES ($1, $2, $3)"
                                " ON CONFLICT DO NOTHING";

int model_store_add(struct pg *db, int64_t deadline_ms, const char *name, const char *description, const char *actor,
                    json_t **out, struct err *e)
{
        AUTO(pg_rows) rows = NULL;

        if (store_query(db, deadline_ms, MODEL_ADD, PG_ARGS(PG_TEXT(name), PG_TEXT(description), PG_TEXT(actor)), &rows, e))
                return -1;
        if (pg_affected(rows) == 0)
                return err_set(e, ERR_CONFLICT, "model \"%s\" exists already", name);
        return model_store_get(db, deadline_ms, name, out, e);
}

static const char MODEL_GET[] = MODEL_COLUMNS "WHERE m.name = $1";

int model_store_get(struct pg *db, int64_t deadline_ms, const char *name, json_t **out, struct err *e)
{
        AUTO(pg_rows) rows = NULL;

        if (store_query(db, deadline_ms, MODEL_GET, PG_ARGS(PG_TEXT(name)), &rows, e))
                return -1;
        if (pg_count(rows) == 0)
                return err_set(e, ERR_NOT_FOUND, "there is no model \"%s\"", name);
        *out = model_of(rows, 0);
        return 0;
}

/* One more than the page holds tells whether there is a next one. */
static const char MODEL_LIST[] = MODEL_COLUMNS "WHERE m.name > $1 ORDER BY m.name LIMIT $2 + 1";

int model_store_list(struct pg *db, int64_t deadline_ms, const struct page *page, json_t **out, struct err *e)
{
        AUTO(pg_rows) rows = NULL;
        AUTO(json) list = json_array();

        if (store_query(db, deadline_ms, MODEL_LIST, PG_ARGS(PG_TEXT(page->after), PG_INT(page->limit)), &rows, e))
                return -1;
        for (int r = 0; r < pg_count(rows) && r < page->limit; r++)
                (void) json_array_append_new(list, model_of(rows, r));
        const char *next = pg_count(rows) > page->limit ? pg_text(rows, (int) page->limit - 1, 0) : NULL;
        *out = json_pack("{s:O, s:s?}", "models", list, "next", next);
        return 0;
}
