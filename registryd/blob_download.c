/*
 * GET /v1/blobs/{digest} and the files of versions: chunk rows to the client, at most two in memory.
 *
 * While chunk n goes out, PostgreSQL reads chunk n + 1; but not for a slow client, who would occupy a connection without gaining
 * anything, nor while connections are scarce. A blob never changes, so no transaction spans the chunks.
 */
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "registryd/routes.h"

enum { SLOW_MS = 100 }; /* for one chunk: under 10 MiB/s */

struct download {
        struct registry *reg;
        struct blob blob;
        struct byte_range range;
        struct pg_rows *now, *ahead; /* chunks now_n and now_n + 1 */
        int64_t now_n;               /* -1: none yet */
        int64_t since_ms;            /* when chunk now_n was there */
        struct pg_conn *c;           /* chunk now_n + 1 is on its way */
};

static size_t chunk_len(const struct download *d, int64_t n)
{
        int64_t left = d->blob.size - n * CHUNK_BYTES;

        return left < CHUNK_BYTES ? (size_t) left : CHUNK_BYTES;
}

static int ask_ahead(struct download *d, struct err *e)
{
        AUTO(pg_conn) c = NULL;
        int64_t n = d->now_n + 1;

        if (n * CHUNK_BYTES >= d->range.first + d->range.length)
                return 0;
        if (pg_get(d->reg->transfers, clock_ms() + d->reg->settings->db_timeout, &c, e) || chunk_store_ask(c, d->blob.id, n, e))
                return -1;
        d->c = TAKE(c);
        return 0;
}

static int take_ahead(struct download *d, struct err *e)
{
        AUTO(pg_conn) c = TAKE(d->c);

        return c ? chunk_store_take(c, chunk_len(d, d->now_n + 1), &d->ahead, e) : 0;
}

/* Make chunk n, the first one or the one after the present, the present one. */
static int advance(struct download *d, int64_t n, struct err *e)
{
        bool is_fast = d->now_n >= 0 && clock_ms() - d->since_ms < SLOW_MS;

        d->now_n = n - 1;
        if ((!d->c && !d->ahead && ask_ahead(d, e)) || take_ahead(d, e))
                return -1;
        pg_rows_free(d->now);
        d->now = TAKE(d->ahead);
        d->now_n = n;
        d->since_ms = clock_ms();
        return is_fast && transfers_have_spare(d->reg, 1) ? ask_ahead(d, e) : 0;
}

static ssize_t download_read(void *arg, int64_t offset, void *out, size_t max)
{
        struct download *d = arg;
        struct err e = { 0 };
        int64_t at = d->range.first + offset, n = at / CHUNK_BYTES;
        size_t len, skip = (size_t) (at % CHUNK_BYTES), left = (size_t) (d->range.length - offset);

        if ((n != d->now_n && advance(d, n, &e)) || (d->c && pg_ready(d->c) && take_ahead(d, &e))) {
                LOG_WARN("a download was cut off", "digest", d->blob.digest, "error", e.msg);
                return -1;
        }
        const char *data = pg_bytes(d->now, 0, 0, &len);
        len -= skip;
        len = len < max ? len : max;
        len = len < left ? len : left;
        memcpy(out, data + skip, len);
        metric_add(d->reg->bytes_out, len);
        return (ssize_t) len;
}

static void download_close(void *arg)
{
        struct download *d = arg;

        if (d->c) {
                (void) take_ahead(d, NULL);
        }
        pg_rows_free(d->now);
        pg_rows_free(d->ahead);
        atomic_fetch_sub(&d->reg->downloads, 1);
        free(d);
}

static struct download *download_new(struct registry *reg, const struct blob *b, const struct byte_range *range)
{
        struct download *d = xcalloc(1, sizeof *d);

        *d = (struct download){ .reg = reg, .blob = *b, .range = *range, .now_n = -1 };
        atomic_fetch_add(&reg->downloads, 1);
        return d;
}

static int reply_with(struct http_request *rq, struct http_reply *rp, const struct blob *b, const struct byte_range *range,
                      struct err *e)
{
        struct download *d = download_new(registry_of(rq), b, range);

        rp->source = (struct http_source){ .size = range->length, .read = download_read, .close = download_close, .arg = d };
        /* The first chunk before the head: a database that is away is a 503, not a connection cut off. */
        if (range->length && strcmp(rq->method, "HEAD") != 0 && advance(d, range->first / CHUNK_BYTES, e))
                return -1;
        rp->status = range->partial ? 206 : 200;
        rp->content_type = "application/octet-stream";
        if (range->partial)
                http_reply_header(rp, "Content-Range", "bytes %lld-%lld/%lld", (long long) range->first,
                                  (long long) (range->first + range->length - 1), (long long) b->size);
        return 0;
}

int blob_reply(struct http_request *rq, struct http_reply *rp, const struct blob *b, struct err *e)
{
        const char *if_range = http_header(rq, "If-Range");
        struct byte_range range;

        http_reply_header(rp, "ETag", "\"%s\"", b->digest);
        http_reply_header(rp, "Accept-Ranges", "bytes");
        if (etag_is_listed(http_header(rq, "If-None-Match"), b->digest)) {
                rp->status = 304;
                return 0;
        }
        if (range_parse(if_range && !etag_is_listed(if_range, b->digest) ? NULL : http_header(rq, "Range"), b->size, &range, e)) {
                http_reply_header(rp, "Content-Range", "bytes */%lld", (long long) b->size);
                return -1;
        }
        return reply_with(rq, rp, b, &range, e);
}

int blob_get(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        struct blob b;

        if (!digest_is_valid(rq->arg[0]))
                return err_set(e, ERR_INVALID, "\"%.80s\" is not \"sha256:\" and 64 lower-case hex digits", rq->arg[0]);
        if (blob_store_find(registry_of(rq)->db, rq->deadline_ms, rq->arg[0], &b, e))
                return -1;
        return blob_reply(rq, rp, &b, e);
}
