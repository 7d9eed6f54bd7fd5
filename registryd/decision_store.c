/* What rolloutds did, in the database: added and read, nothing else. */
#include "registryd/store.h"

/* Asking again after a lost answer, or after a restart of rolloutd, adds nothing. */
static const char DECISION_ADD[] =
        "INSERT INTO registry.decision (region, target, model, number, at, epoch, reason, event, received_by)"
        " SELECT $1, d.target, d.model, d.number, d.at, d.epoch, d.reason, d.event, $3"
        " FROM json_to_recordset($2::json) AS d (target text, model text, number bigint, at timestamptz, epoch bigint,"
        " reason text, event json) ON CONFLICT DO NOTHING";

int decision_store_add(struct pg *db, int64_t deadline_ms, const char *region, const char *list, const char *actor,
                       int64_t *added, struct err *e)
{
        AUTO(pg_rows) rows = NULL;

        if (store_query(db, deadline_ms, DECISION_ADD, PG_ARGS(PG_TEXT(region), PG_TEXT(list), PG_TEXT(actor)), &rows, e))
                return -1;
        *added = pg_affected(rows);
        return 0;
}

#define DECISIONS(where)                                                                                                         \
        "SELECT d.id, d.region, d.target, d.model, d.epoch, d.reason, d.event, d.received_at, d.received_by"                     \
        " FROM registry.decision d WHERE " where " AND ($1::text = '' OR d.region = $1) AND d.id < $4"                           \
        " ORDER BY d.id DESC LIMIT $5 + 1"

/* One statement for each index. */
static const char OF_ANY[] = DECISIONS("$2::text = '' AND $3::text = ''");
static const char OF_TARGET[] = DECISIONS("d.target = $2 AND ($3::text = '' OR d.model = $3)");
static const char OF_MODEL[] = DECISIONS("$2::text = '' AND d.model = $3");

static json_t *decision_of(const struct pg_rows *rows, int r)
{
        return json_pack("{s:I, s:s, s:s, s:s, s:I, s:s, s:o, s:o, s:s}", "id", (json_int_t) pg_int(rows, r, 0), "region",
                         pg_text(rows, r, 1), "target", pg_text(rows, r, 2), "model", pg_text(rows, r, 3), "epoch",
                         (json_int_t) pg_int(rows, r, 4), "reason", pg_text(rows, r, 5), "event", store_json(rows, r, 6),
                         "received_at", store_time(rows, r, 7), "received_by", pg_text(rows, r, 8));
}

int decision_store_list(struct pg *db, int64_t deadline_ms, const struct decision_filter *which, const struct page *page,
                        json_t **out, struct err *e)
{
        const char *sql = *which->target ? OF_TARGET : *which->model ? OF_MODEL : OF_ANY;
        AUTO(pg_rows) rows = NULL;
        AUTO(json) list = json_array();

        if (store_query(db, deadline_ms, sql,
                        PG_ARGS(PG_TEXT(which->region), PG_TEXT(which->target), PG_TEXT(which->model), PG_INT(page->before),
                                PG_INT(page->limit)),
                        &rows, e))
                return -1;
        for (int r = 0; r < pg_count(rows) && r < page->limit; r++)
                (void) json_array_append_new(list, decision_of(rows, r));
        bool more = pg_count(rows) > page->limit;
        *out = json_pack("{s:O, s:o}", "decisions", list, "next",
                         more ? json_integer(pg_int(rows, (int) page->limit - 1, 0)) : json_null());
        return 0;
}
