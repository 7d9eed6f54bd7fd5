/* Blobs and their chunks in the database. */
#include "registryd/store.h"

#include <string.h>

static const char BLOB_FIND[] = "SELECT id, size FROM registry.blob WHERE digest = $1";

int blob_store_find(struct pg *db, int64_t deadline_ms, const char *digest, struct blob *out, struct err *e)
{
        AUTO(pg_rows) rows = NULL;

        if (store_query(db, deadline_ms, BLOB_FIND, PG_ARGS(PG_TEXT(digest)), &rows, e))
                return -1;
        if (pg_count(rows) == 0)
                return err_set(e, ERR_NOT_FOUND, "there is no blob %s", digest);
        *out = (struct blob){ .id = pg_int(rows, 0, 0), .size = pg_int(rows, 0, 1) };
        memcpy(out->digest, digest, DIGEST_TEXT_LEN);
        return 0;
}

static const char CHUNK_GET[] = "SELECT data FROM registry.chunk WHERE blob_id = $1 AND n = $2";

int chunk_store_ask(struct pg_conn *c, int64_t blob_id, int64_t n, struct err *e)
{
        return pg_send(c, CHUNK_GET, PG_ARGS(PG_INT(blob_id), PG_INT(n)), e);
}

int chunk_store_take(struct pg_conn *c, size_t expected, struct pg_rows **out, struct err *e)
{
        AUTO(pg_rows) rows = NULL;
        size_t len = 0;

        if (pg_receive(c, &rows, e))
                return -1;
        if (pg_count(rows) == 1)
                (void) pg_bytes(rows, 0, 0, &len);
        if (len != expected)
                return err_set(e, ERR_INTERNAL, "a stored chunk has %zu bytes instead of %zu", len, expected);
        *out = TAKE(rows);
        return 0;
}
