/*
 * PUT /v1/blobs/{digest}: bytes from the client into chunk rows, one chunk in memory.
 *
 * While PostgreSQL stores chunk n, chunk n + 1 is received and hashed; but for a slow client, who gains nothing by that, and while
 * connections are scarce, the answer is waited for at once, so that none is occupied in between. Nothing shows until blob_put()
 * publishes.
 */
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "registryd/keeper.h"
#include "registryd/routes.h"

enum { SLOW_MS = 100 }; /* for one chunk: under 10 MiB/s */

struct upload {
        struct registry *reg;
        struct blob blob; /* size: what has come so far */
        bool is_known;    /* stored already: check the bytes, keep none */
        bool is_done;
        struct sha256 *hash;
        struct pg_conn *c; /* a chunk is on its way to PostgreSQL */
        int64_t n_chunks;  /* sent */
        int64_t since_ms;  /* when the chunk being filled was begun */
        size_t fill;
        unsigned char chunk[CHUNK_BYTES];
};

static int64_t step_deadline(const struct registry *reg)
{
        return clock_ms() + reg->settings->db_timeout;
}

/* Wait for the chunk under way, if there is one. */
static int settle(struct upload *u, struct err *e)
{
        AUTO(pg_conn) c = TAKE(u->c);

        return c ? upload_store_sent(c, e) : 0;
}

static int ship(struct upload *u, struct err *e)
{
        AUTO(pg_conn) c = NULL;

        if (settle(u, e) || pg_get(u->reg->transfers, step_deadline(u->reg), &c, e) ||
            upload_store_send(c, u->blob.id, u->n_chunks, u->chunk, u->fill, e))
                return -1;
        u->c = TAKE(c);
        u->n_chunks++;
        u->fill = 0;
        bool is_slow = clock_ms() - u->since_ms > SLOW_MS;
        u->since_ms = clock_ms();
        return is_slow || !transfers_have_spare(u->reg, 0) ? settle(u, e) : 0;
}

static int upload_begin(struct http_request *rq, struct err *e)
{
        struct registry *reg = registry_of(rq);
        struct blob known;
        struct err missing;

        if (!digest_is_valid(rq->arg[0]))
                return err_set(e, ERR_INVALID, "\"%.80s\" is not \"sha256:\" and 64 lower-case hex digits", rq->arg[0]);
        if (rq->content_length > reg->settings->max_blob_size)
                return err_set(e, ERR_TOO_LARGE, "an artifact may have %lld bytes (max_blob_size)",
                               (long long) reg->settings->max_blob_size);
        bool is_known = blob_store_find(reg->db, rq->deadline_ms, rq->arg[0], &known, &missing) == 0;
        if (!is_known && missing.kind != ERR_NOT_FOUND) {
                *e = missing;
                return -1;
        }
        int64_t id = 0;
        /* Committed to the disk: a crash that took the id back would give it to a second upload, and mix their chunks. */
        if (!is_known && upload_store_begin(reg->db, rq->deadline_ms, rq->arg[0], rq->actor, &id, e))
                return -1;
        struct upload *u = xmalloc(sizeof *u); /* not xcalloc: small uploads touch little of it */
        memset(u, 0, offsetof(struct upload, chunk));
        u->reg = reg;
        u->since_ms = clock_ms();
        u->is_known = is_known;
        u->blob.id = id;
        memcpy(u->blob.digest, rq->arg[0], DIGEST_TEXT_LEN);
        u->hash = sha256_new();
        atomic_fetch_add(&reg->uploads, 1);
        rq->upload = u;
        return 0;
}

static int store_piece(struct upload *u, const unsigned char *data, size_t len, struct err *e)
{
        while (len) {
                size_t n = len < CHUNK_BYTES - u->fill ? len : CHUNK_BYTES - u->fill;
                memcpy(u->chunk + u->fill, data, n);
                u->fill += n;
                data += n;
                len -= n;
                if (u->fill == CHUNK_BYTES && ship(u, e))
                        return -1;
        }
        return u->c && pg_ready(u->c) ? settle(u, e) : 0;
}

static int upload_data(struct http_request *rq, const void *data, size_t len, struct err *e)
{
        struct upload *u = rq->upload;

        u->blob.size += (int64_t) len;
        if (u->blob.size > u->reg->settings->max_blob_size)
                return err_set(e, ERR_TOO_LARGE, "an artifact may have %lld bytes (max_blob_size)",
                               (long long) u->reg->settings->max_blob_size);
        metric_add(u->reg->bytes_in, len);
        sha256_update(u->hash, data, len);
        return u->is_known ? 0 : store_piece(u, data, len, e);
}

static int check_digest(struct upload *u, struct err *e)
{
        char got[DIGEST_TEXT_LEN + 1];

        sha256_final_text(u->hash, got);
        if (strcmp(got, u->blob.digest))
                return err_set(e, ERR_INVALID, "the %lld bytes have digest %s, not %s", (long long) u->blob.size, got,
                               u->blob.digest);
        return 0;
}

/* Ends an upload of any fate: unpublished chunks are given up, and the keeper deletes them. */
static void upload_free(struct upload *u)
{
        struct err e = { 0 };

        if (u->c) {
                (void) settle(u, &e);
        }
        if (!u->is_known && !u->is_done) {
                if (upload_store_give_up(u->reg->transfers, step_deadline(u->reg), u->blob.id, &e))
                        LOG_WARN("an unfinished upload stays until its grace time is over", "digest", u->blob.digest, "error",
                                 e.msg);
                keeper_poke(u->reg->keeper);
        }
        atomic_fetch_sub(&u->reg->uploads, 1);
        sha256_free(u->hash);
        free(u);
}
DEFINE_AUTO(upload, struct upload *, upload_free);

int blob_put(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        struct registry *reg = registry_of(rq);
        AUTO(upload) u = TAKE(rq->upload);
        bool added = false;

        if (check_digest(u, e))
                return -1;
        if (!u->is_known && ((u->fill && ship(u, e)) || settle(u, e) ||
                             upload_store_publish(reg->db, step_deadline(reg), &u->blob, rq->actor, &added, e)))
                return -1;
        u->is_done = added;
        return http_reply_json(rp, added ? 201 : 200,
                               json_pack("{s:s, s:I}", "digest", u->blob.digest, "size", (json_int_t) u->blob.size));
}

static void upload_abandon(struct http_request *rq)
{
        AUTO(upload) u = TAKE(rq->upload);

        (void) u;
}

const struct http_upload blob_upload = { .begin = upload_begin, .data = upload_data, .abandon = upload_abandon };
