/* Aliases and their history in the database. */
#include "registryd/store.h"

#define ALIAS_COLUMNS                                                                                                            \
        "SELECT m.name, a.name, a.number, a.revision, a.updated_at, a.updated_by"                                                \
        " FROM registry.alias a JOIN registry.model m ON m.id = a.model_id WHERE m.name = $1 "

static json_t *alias_of(const struct pg_rows *rows, int r)
{
        return json_pack("{s:s, s:s, s:I, s:I, s:o, s:s}", "model", pg_text(rows, r, 0), "alias", pg_text(rows, r, 1), "version",
                         (json_int_t) pg_int(rows, r, 2), "revision", (json_int_t) pg_int(rows, r, 3), "updated_at",
                         store_time(rows, r, 4), "updated_by", pg_text(rows, r, 5));
}

static int no_alias(const char *model, const char *alias, struct err *e)
{
        return err_set(e, ERR_NOT_FOUND, "model \"%s\" has no alias \"%s\"", model, alias);
}

static const char ALIAS_GET[] = ALIAS_COLUMNS "AND a.name = $2";

int alias_store_get(struct pg *db, int64_t deadline_ms, const char *model, const char *alias, json_t **out, struct err *e)
{
        AUTO(pg_rows) rows = NULL;

        if (store_query(db, deadline_ms, ALIAS_GET, PG_ARGS(PG_TEXT(model), PG_TEXT(alias)), &rows, e))
                return -1;
        if (pg_count(rows) == 0)
                return store_need_model(db, deadline_ms, model, e) ? -1 : no_alias(model, alias, e);
        *out = alias_of(rows, 0);
        return 0;
}

static const char ALIAS_LIST[] = ALIAS_COLUMNS "ORDER BY a.name";

int alias_store_list(struct pg *db, int64_t deadline_ms, const char *model, json_t **out, struct err *e)
{
        AUTO(pg_rows) rows = NULL;
        AUTO(json) list = json_array();

        if (store_need_model(db, deadline_ms, model, e) ||
            store_query(db, deadline_ms, ALIAS_LIST, PG_ARGS(PG_TEXT(model)), &rows, e))
                return -1;
        for (int r = 0; r < pg_count(rows); r++)
                (void) json_array_append_new(list, alias_of(rows, r));
        *out = json_pack("{s:O}", "aliases", list);
        return 0;
}

static const char HISTORY[] = "SELECT h.revision, h.number, h.previous, h.actor, h.reason, h.at FROM registry.alias_event h"
                              " JOIN registry.model m ON m.id = h.model_id WHERE m.name = $1 AND h.alias = $2 AND h.revision < $3"
                              " ORDER BY h.revision DESC LIMIT $4";

int alias_store_history(struct pg *db, int64_t deadline_ms, const char *model, const char *alias, const struct page *page,
                        json_t **out, struct err *e)
{
        AUTO(pg_rows) rows = NULL;
        AUTO(json) list = json_array();

        if (store_query(db, deadline_ms, HISTORY,
                        PG_ARGS(PG_TEXT(model), PG_TEXT(alias), PG_INT(page->before), PG_INT(page->limit)), &rows, e))
                return -1;
        int n = pg_count(rows);
        if (n == 0 && page->before == INT64_MAX) /* an alias that ever was has a first event */
                return store_need_model(db, deadline_ms, model, e) ? -1 : no_alias(model, alias, e);
        for (int r = 0; r < n; r++)
                (void) json_array_append_new(
                        list, json_pack("{s:I, s:o, s:o, s:s, s:s, s:o}", "revision", (json_int_t) pg_int(rows, r, 0), "version",
                                        store_int_or_null(rows, r, 1), "previous", store_int_or_null(rows, r, 2), "actor",
                                        pg_text(rows, r, 3), "reason", pg_text(rows, r, 4), "at", store_time(rows, r, 5)));
        int64_t last = n ? pg_int(rows, n - 1, 0) : 1;
        *out = json_pack("{s:O, s:o}", "events", list, "next", last > 1 ? json_integer(last) : json_null());
        return 0;
}

struct changing {
        const struct alias_change *want;
        int64_t model_id, number, revision; /* what stands; 0 for none */
        int64_t next;                       /* the revision of this change */
        json_t *doc;                        /* ALIAS as it stands afterwards */
};

static const char CURRENT[] = "SELECT coalesce(a.number, 0), coalesce(a.revision, 0),"
                              " (SELECT coalesce(max(h.revision), 0) + 1 FROM registry.alias_event h"
                              "  WHERE h.model_id = $1 AND h.alias = $2),"
                              " EXISTS (SELECT FROM registry.version v WHERE v.model_id = $1 AND v.number = $3)"
                              " FROM (SELECT) one LEFT JOIN registry.alias a ON a.model_id = $1 AND a.name = $2";

/* Read what stands, under the model's lock, and check what was asked for against it. */
static int look(struct pg_conn *c, struct changing *ch, struct err *e)
{
        const struct alias_change *w = ch->want;
        AUTO(pg_rows) rows = NULL;

        if (store_lock_model(c, w->model, &ch->model_id, e) ||
            pg_query(c, CURRENT, PG_ARGS(PG_INT(ch->model_id), PG_TEXT(w->alias), PG_INT(w->version)), &rows, e))
                return -1;
        ch->number = pg_int(rows, 0, 0);
        ch->revision = pg_int(rows, 0, 1);
        ch->next = pg_int(rows, 0, 2);
        if (!w->version && !ch->revision && !w->when.must_exist)
                return no_alias(w->model, w->alias, e);
        if (precondition_check(&w->when, ch->revision, e))
                return err_wrap(e, "alias \"%s\"", w->alias);
        if (w->version && !pg_int(rows, 0, 3))
                return err_set(e, ERR_NOT_FOUND, "model \"%s\" has no version %lld", w->model, (long long) w->version);
        return 0;
}

static const char ALIAS_SET[] =
        "INSERT INTO registry.alias (model_id, name, number, revision, updated_by) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (model_id, name) DO UPDATE SET number = excluded.number, revision = excluded.revision,"
        " updated_at = now(), updated_by = excluded.updated_by";
static const char ALIAS_DELETE[] = "DELETE FROM registry.alias WHERE model_id = $1 AND name = $2";
static const char EVENT_ADD[] = "INSERT INTO registry.alias_event (model_id, alias, revision, number, previous, actor, reason)"
                                " VALUES ($1, $2, $3, nullif($4, 0), nullif($5, 0), $6, $7)";

static int write_change(struct pg_conn *c, const struct changing *ch, struct err *e)
{
        const struct alias_change *w = ch->want;
        int r;

        if (w->version)
                r = pg_query(
                        c, ALIAS_SET,
                        PG_ARGS(PG_INT(ch->model_id), PG_TEXT(w->alias), PG_INT(w->version), PG_INT(ch->next), PG_TEXT(w->actor)),
                        NULL, e);
        else
                r = pg_query(c, ALIAS_DELETE, PG_ARGS(PG_INT(ch->model_id), PG_TEXT(w->alias)), NULL, e);
        if (r)
                return -1;
        return pg_query(c, EVENT_ADD,
                        PG_ARGS(PG_INT(ch->model_id), PG_TEXT(w->alias), PG_INT(ch->next), PG_INT(w->version), PG_INT(ch->number),
                                PG_TEXT(w->actor), PG_TEXT(w->reason)),
                        NULL, e);
}

static int change(struct pg_conn *c, void *arg, struct err *e)
{
        struct changing *ch = arg;
        AUTO(pg_rows) rows = NULL;

        json_decref(TAKE(ch->doc));
        if (look(c, ch, e) || (ch->want->version != ch->number && write_change(c, ch, e)))
                return -1;
        if (!ch->want->version)
                return 0;
        if (pg_query(c, ALIAS_GET, PG_ARGS(PG_TEXT(ch->want->model), PG_TEXT(ch->want->alias)), &rows, e))
                return -1;
        ch->doc = alias_of(rows, 0);
        return 0;
}

int alias_store_change(struct pg *db, int64_t deadline_ms, const struct alias_change *want, bool *added, json_t **out,
                       struct err *e)
{
        struct changing ch = { .want = want };

        if (pg_tx(db, deadline_ms, change, &ch, e)) {
                json_decref(ch.doc);
                return -1;
        }
        *added = ch.revision == 0;
        *out = ch.doc;
        return 0;
}
