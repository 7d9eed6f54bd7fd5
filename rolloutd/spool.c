/* The queue: lines with a check, the oldest first, in memory while the disk refuses. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/auto.h"
#include "lib/fault.h"
#include "lib/mem.h"
#include "lib/sha256.h"
#include "rolloutd/spool_private.h"

enum { CHECK_LEN = 8, SEGMENTS = 16, SEGMENT_LEAST = 4096, MEMORY = 0, NOTHING = -1 };

/* --- lines --- */

static void check_of(const char *text, size_t len, char out[static CHECK_LEN + 1])
{
        unsigned char raw[SHA256_LEN];

        sha256_of(text, len, raw);
        hex_encode(raw, CHECK_LEN / 2, out);
}

/* The text of a line without its end, NUL-terminated; NULL: it is damaged. */
static const char *text_of(const char *line, size_t len, int64_t *ms)
{
        char check[CHECK_LEN + 1], *end;

        if (len < CHECK_LEN + 1 || line[CHECK_LEN] != ' ' || memchr(line, '\0', len))
                return NULL;
        check_of(line + CHECK_LEN + 1, len - CHECK_LEN - 1, check);
        if (memcmp(check, line, CHECK_LEN) != 0)
                return NULL;
        *ms = strtoll(line + CHECK_LEN + 1, &end, 10);
        return *end == ' ' ? end + 1 : NULL;
}

/* --- adding --- */

static void flush(struct spool *s)
{
        struct err e = { 0 };

        if (s->n_unwritten == 0)
                return;
        if (spool_files_append(s, &e) < 0) {
                s->trouble = e;
                return;
        }
        s->trouble = (struct err){ 0 };
        strbuf_reset(&s->unwritten);
        s->n_unwritten = 0;
        if (s->peeked.number == MEMORY)
                s->peeked.number = NOTHING; /* they come again, from the file */
        spool_files_give_way(s);
}

static bool none_waits(const struct spool *s)
{
        return s->n_unwritten == 0 && (s->n == 0 || (s->n == 1 && s->taken >= s->segments[0].size));
}

void spool_add(struct spool *s, const char *text, int64_t wall_ms)
{
        AUTO(str) stamped = xasprintf("%" PRId64 " %s", wall_ms, text);
        size_t len = strlen(stamped);
        char check[CHECK_LEN + 1];

        if (none_waits(s))
                s->oldest_ms = wall_ms;
        check_of(stamped, len, check);
        if (strlen(text) > SPOOL_TEXT_MAX || strchr(text, '\n') || s->unwritten.len + len + CHECK_LEN + 2 > SPOOL_MEMORY_MAX) {
                s->dropped++;
        } else {
                strbuf_addf(&s->unwritten, "%s %s\n", check, stamped);
                s->n_unwritten++;
        }
        flush(s);
        fault_point("spooled");
}

/* --- reading --- */

/* Cut up to `most` whole lines off the `len` bytes in s->read. */
static void cut_lines(struct spool *s, size_t len, int most, struct spool_batch *out)
{
        char *line = s->read, *end;

        s->peeked.lines = 0;
        s->peeked.damaged = 0;
        while (out->n < most && (end = memchr(line, '\n', len - (size_t) (line - s->read)))) {
                int64_t ms;
                *end = '\0';
                const char *text = text_of(line, (size_t) (end - line), &ms);
                if (text && out->n == 0)
                        s->oldest_ms = ms;
                if (text)
                        out->texts[out->n++] = text;
                else
                        s->peeked.damaged++;
                s->peeked.lines++;
                line = end + 1;
        }
        s->peeked.bytes = line - s->read;
}

/* -1: the disk does not let us read now. */
static int peek_file(struct spool *s, int most, struct spool_batch *out)
{
        const struct spool_segment *first = &s->segments[0];
        struct err e = { 0 };
        ssize_t got = spool_files_read(s, &e);

        if (got < 0) {
                s->trouble = e;
                return -1;
        }
        s->peeked.number = first->number;
        cut_lines(s, (size_t) got, most, out);
        if (s->peeked.bytes > 0)
                return 0;
        /* A torn end, or somebody cut the file: nothing can be made of the rest. */
        s->peeked.bytes = got ? got : first->size - s->taken;
        s->peeked.lines = got ? 0 : first->lines - s->taken_lines;
        s->peeked.damaged = s->peeked.lines ? (uint64_t) s->peeked.lines : 1;
        return 0;
}

static void peek_memory(struct spool *s, int most, struct spool_batch *out)
{
        size_t len = s->unwritten.len < SPOOL_READ_BYTES ? s->unwritten.len : SPOOL_READ_BYTES;

        memcpy(s->read, strbuf_str(&s->unwritten), len);
        s->peeked.number = MEMORY;
        cut_lines(s, len, most, out);
}

void spool_peek(struct spool *s, int most, struct spool_batch *out)
{
        out->n = 0;
        most = most < SPOOL_BATCH_MAX ? most : SPOOL_BATCH_MAX;
        flush(s);
        while (out->n == 0 && s->n && (s->n > 1 || s->taken < s->segments[0].size)) {
                if (s->taken >= s->segments[0].size) {
                        spool_files_forget_oldest(s);
                        continue;
                }
                if (peek_file(s, most, out) < 0)
                        return;
                if (out->n == 0)
                        spool_take(s);
        }
        if (out->n == 0 && s->n_unwritten)
                peek_memory(s, most, out);
        if (out->n == 0)
                s->oldest_ms = 0;
}

void spool_take(struct spool *s)
{
        if (s->peeked.number == MEMORY) {
                strbuf_drop(&s->unwritten, (size_t) s->peeked.bytes);
                s->n_unwritten -= s->peeked.lines;
        } else if (s->n && s->peeked.number == s->segments[0].number) {
                s->taken += s->peeked.bytes;
                s->taken_lines += s->peeked.lines;
                s->damaged += s->peeked.damaged;
                spool_files_remember(s);
        } /* else it gave way meanwhile */
        s->peeked.number = NOTHING;
        if (none_waits(s))
                s->oldest_ms = 0;
}

void spool_get_stats(const struct spool *s, struct spool_stats *out)
{
        *out = (struct spool_stats){
                .waiting = s->n_unwritten - s->taken_lines,
                .bytes = spool_files_bytes(s),
                .oldest_ms = s->oldest_ms,
                .dropped = s->dropped,
                .damaged = s->damaged,
                .trouble = &s->trouble,
        };
        for (size_t i = 0; i < s->n; i++)
                out->waiting += s->segments[i].lines;
}

/* --- life --- */

struct spool *spool_open(const char *folder, int64_t max_bytes)
{
        struct spool *s = xcalloc(1, sizeof *s);
        struct spool_batch first;

        s->folder = xstrdup(folder);
        s->max_bytes = max_bytes;
        s->segment_bytes = max_bytes / SEGMENTS > SEGMENT_LEAST ? max_bytes / SEGMENTS : SEGMENT_LEAST;
        s->fd = -1;
        s->peeked.number = NOTHING;
        strbuf_init(&s->unwritten, SPOOL_MEMORY_MAX);
        if (spool_files_load(s, &s->trouble) == 0) {
                spool_peek(s, 1, &first); /* for the oldest's age */
                s->peeked.number = NOTHING;
        }
        return s;
}

void spool_close(struct spool *s)
{
        if (!s)
                return;
        if (s->fd >= 0)
                (void) close(s->fd);
        strbuf_done(&s->unwritten);
        free(s->segments);
        free(s->folder);
        free(s);
}
