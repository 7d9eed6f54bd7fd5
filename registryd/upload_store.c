/* Uploads in the database: chunks under an id of their own, then one transaction that makes them a blob. */
#include "registryd/store.h"

enum { COLLECT_BATCH = 64 }; /* chunks deleted per transaction */

static const char UPLOAD_BEGIN[] = "INSERT INTO registry.upload (digest, owner) VALUES ($1, $2) RETURNING blob_id";

int upload_store_begin(struct pg *db, int64_t deadline_ms, const char *digest, const char *actor, int64_t *id, struct err *e)
{
        AUTO(pg_rows) rows = NULL;

        if (store_query(db, deadline_ms, UPLOAD_BEGIN, PG_ARGS(PG_TEXT(digest), PG_TEXT(actor)), &rows, e))
                return -1;
        *id = pg_int(rows, 0, 0);
        return 0;
}

/* The update is the sign of life, and its row lock keeps the upload from being given up while a chunk goes in. */
static const char CHUNK_ADD[] = "WITH alive AS (UPDATE registry.upload SET touched_at = now() WHERE blob_id = $1 AND NOT doomed"
                                " RETURNING blob_id)"
                                " INSERT INTO registry.chunk (blob_id, n, data) SELECT blob_id, $2::integer, $3 FROM alive";

int upload_store_send(struct pg_conn *c, int64_t id, int64_t n, const void *data, size_t len, struct err *e)
{
        return pg_send(c, CHUNK_ADD, PG_ARGS(PG_INT(id), PG_INT(n), PG_BYTES(data, len)), e);
}

static int given_up(struct err *e)
{
        return err_set(e, ERR_UNAVAILABLE,
                       "this upload was given up for want of progress or because the database restarted; send it again");
}

int upload_store_sent(struct pg_conn *c, struct err *e)
{
        AUTO(pg_rows) rows = NULL;

        if (pg_receive(c, &rows, e))
                return -1;
        return pg_affected(rows) == 1 ? 0 : given_up(e);
}

struct publishing {
        const struct blob *blob;
        const char *actor;
        bool added;
};

static const char UPLOAD_DELETE[] = "DELETE FROM registry.upload WHERE blob_id = $1 AND NOT doomed";
static const char UPLOAD_DOOM[] = "UPDATE registry.upload SET doomed = true WHERE blob_id = $1 AND NOT doomed";
static const char BLOB_ADD[] =
        "INSERT INTO registry.blob (id, digest, size, created_by) VALUES ($1, $2, $3, $4) ON CONFLICT (digest) DO NOTHING";
/* octet_length() reads the length from the row, not the bytes. */
static const char CHUNK_SUM[] = "SELECT count(*), coalesce(max(n), -1), coalesce(sum(octet_length(data)), 0)::bigint"
                                " FROM registry.chunk WHERE blob_id = $1";

/* Chunks are committed without waiting for the disk, so a database that crashed meanwhile may have forgotten some. */
static int check_chunks(struct pg_conn *c, const struct blob *b, struct err *e)
{
        AUTO(pg_rows) rows = NULL;
        int64_t n = (b->size + CHUNK_BYTES - 1) / CHUNK_BYTES;

        if (pg_query(c, CHUNK_SUM, PG_ARGS(PG_INT(b->id)), &rows, e))
                return -1;
        return pg_int(rows, 0, 0) == n && pg_int(rows, 0, 1) == n - 1 && pg_int(rows, 0, 2) == b->size ? 0 : given_up(e);
}

static int publish(struct pg_conn *c, void *arg, struct err *e)
{
        struct publishing *p = arg;
        AUTO(pg_rows) added = NULL;
        AUTO(pg_rows) ended = NULL;

        if (pg_query(c, BLOB_ADD,
                     PG_ARGS(PG_INT(p->blob->id), PG_TEXT(p->blob->digest), PG_INT(p->blob->size), PG_TEXT(p->actor)), &added, e))
                return -1;
        p->added = pg_affected(added) == 1;
        if (pg_query(c, p->added ? UPLOAD_DELETE : UPLOAD_DOOM, PG_ARGS(PG_INT(p->blob->id)), &ended, e))
                return -1;
        if (!p->added)
                return 0;
        return pg_affected(ended) == 1 ? check_chunks(c, p->blob, e) : given_up(e);
}

int upload_store_publish(struct pg *db, int64_t deadline_ms, const struct blob *b, const char *actor, bool *added, struct err *e)
{
        struct publishing p = { .blob = b, .actor = actor };

        if (pg_tx(db, deadline_ms, publish, &p, e))
                return -1;
        *added = p.added;
        return 0;
}

int upload_store_give_up(struct pg *db, int64_t deadline_ms, int64_t id, struct err *e)
{
        return store_query(db, deadline_ms, UPLOAD_DOOM, PG_ARGS(PG_INT(id)), NULL, e);
}

static const char STALE_DOOM[] = "UPDATE registry.upload SET doomed = true"
                                 " WHERE NOT doomed AND touched_at < now() - $1 * interval '1 millisecond'";
static const char DOOMED_PICK[] = "SELECT blob_id FROM registry.upload WHERE doomed ORDER BY blob_id LIMIT 1";
static const char CHUNKS_DELETE[] = "DELETE FROM registry.chunk WHERE blob_id = $1 AND n IN"
                                    " (SELECT n FROM registry.chunk WHERE blob_id = $1 ORDER BY n LIMIT $2)";
/* Another registryd may delete from the same upload: then few rows were left for us, but there may be more behind them. */
static const char DOOMED_DELETE[] = "DELETE FROM registry.upload WHERE blob_id = $1 AND doomed"
                                    " AND NOT EXISTS (SELECT FROM registry.chunk WHERE blob_id = $1)";

int upload_store_collect(struct pg *db, int64_t deadline_ms, int64_t grace_ms, struct collected *out, struct err *e)
{
        AUTO(pg_conn) c = NULL;
        AUTO(pg_rows) picked = NULL;
        AUTO(pg_rows) deleted = NULL;

        *out = (struct collected){ 0 };
        if (pg_get(db, deadline_ms, &c, e) || pg_query(c, STALE_DOOM, PG_ARGS(PG_INT(grace_ms)), NULL, e) ||
            pg_query(c, DOOMED_PICK, PG_NO_ARGS, &picked, e))
                return -1;
        if (pg_count(picked) == 0)
                return 0;
        int64_t id = pg_int(picked, 0, 0);
        if (pg_query(c, CHUNKS_DELETE, PG_ARGS(PG_INT(id), PG_INT(COLLECT_BATCH)), &deleted, e))
                return -1;
        *out = (struct collected){ .chunks = pg_affected(deleted), .more = true };
        if (out->chunks == COLLECT_BATCH)
                return 0;
        return pg_query(c, DOOMED_DELETE, PG_ARGS(PG_INT(id)), NULL, e);
}
