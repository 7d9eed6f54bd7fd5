/* Histories of the local platform: append one line, read lines from the end. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fs.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/names.h"
#include "lib/strbuf.h"
#include "rolloutd/local_store.h"

enum { BLOCK = 65536 };

/* A file seen from its end: data[0, len) is what lies at `at`, and always ends where a line ends. */
struct tail {
        int fd;
        off_t at;
        char data[2 * BLOCK + 1];
        size_t len;
};

static void tail_free(struct tail *t)
{
        if (t->fd >= 0)
                (void) close(t->fd);
        free(t);
}
DEFINE_AUTO(tail, struct tail *, tail_free);

/* Put the block before what is there in front of it. 1: done, 0: at the start of the file. */
static int read_before(struct tail *t, const char *path, struct err *e)
{
        size_t want = t->at < BLOCK ? (size_t) t->at : BLOCK, got = 0;

        if (want == 0)
                return 0;
        if (t->len > BLOCK)
                return err_set(e, ERR_INVALID, "%s has a line over %d bytes", path, LOCAL_EVENT_MAX);
        memmove(t->data + want, t->data, t->len);
        while (got < want) {
                ssize_t n = pread(t->fd, t->data + got, want - got, t->at - (off_t) want + (off_t) got);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return err_errno(e, n ? errno : EIO, "read %s", path);
                got += (size_t) n;
        }
        t->at -= (off_t) want;
        t->len += want;
        return 1;
}

/* Leave out what follows the last line's end: a torn append. */
static int drop_torn(struct tail *t, const char *path, struct err *e)
{
        for (;;) {
                char *end = t->len ? memrchr(t->data, '\n', t->len) : NULL;
                int r;

                if (end || t->at == 0) {
                        t->len = end ? (size_t) (end + 1 - t->data) : 0;
                        return 0;
                }
                t->len = 0;
                if ((r = read_before(t, path, e)) <= 0)
                        return r;
        }
}

/* NULL: there is no such file. */
static int tail_open(const char *path, int flags, struct tail **out, struct err *e)
{
        AUTO(tail) t = xcalloc(1, sizeof *t);
        struct stat st;

        *out = NULL;
        t->fd = open(path, flags | O_CLOEXEC, 0640);
        if (t->fd < 0 && errno == ENOENT)
                return 0;
        if (t->fd < 0 || fstat(t->fd, &st))
                return err_errno(e, errno, "open %s", path);
        t->at = st.st_size;
        if (drop_torn(t, path, e))
                return -1;
        *out = TAKE(t);
        return 0;
}

/* Take the last line off the tail. 1: *line and *len (without the end) are good until the next call; 0: there is none. */
static int tail_line(struct tail *t, const char *path, char **line, size_t *len, struct err *e)
{
        for (;;) {
                char *end = t->len > 1 ? memrchr(t->data, '\n', t->len - 1) : NULL;
                int r;

                if (!end && (r = read_before(t, path, e)) < 0)
                        return -1;
                else if (!end && r > 0)
                        continue;
                if (t->len == 0)
                        return 0;
                *line = end ? end + 1 : t->data;
                *len = (size_t) (t->data + t->len - 1 - *line);
                t->len = (size_t) (*line - t->data);
                return 1;
        }
}

static int number_of(const char *what, const char *text, size_t len, int64_t *number, struct err *e)
{
        AUTO(json) doc = NULL;
        json_int_t n;

        if (json_parse(what, text, len, &doc, e) || json_peek(what, doc, e, "{s:I}", "number", &n))
                return -1;
        *number = n;
        return 0;
}

static int newest_number(struct tail *t, const char *path, int64_t *number, struct err *e)
{
        char *line;
        size_t len;
        int r = tail_line(t, path, &line, &len, e);

        *number = 0;
        return r <= 0 ? r : number_of(path, line, len, number, e);
}

static int append(int fd, off_t at, const char *path, const char *event, struct err *e)
{
        AUTO(str) line = xasprintf("%s\n", event);
        size_t len = strlen(line);

        if (ftruncate(fd, at))
                return err_errno(e, errno, "cut %s", path);
        ssize_t n = pwrite(fd, line, len, at);
        if (n != (ssize_t) len || fsync(fd)) {
                int number = n >= 0 && n != (ssize_t) len ? ENOSPC : errno;
                (void) !ftruncate(fd, at);
                return err_errno(e, number, "append to %s", path);
        }
        return 0;
}

int local_store_record(const struct local_store *s, const char *target, const char *event, struct err *e)
{
        AUTO(str) path = xasprintf("%s/history/%s.jsonl", s->dir, target);
        AUTO(tail) t = NULL;
        int64_t number, newest;

        if (name_check("target", target, e) || number_of("event", event, strlen(event), &number, e))
                return -1;
        if (strchr(event, '\n') || strlen(event) >= LOCAL_EVENT_MAX)
                return err_set(e, ERR_INVALID, "an event is one line of less than %d bytes", LOCAL_EVENT_MAX);
        /* Made this way, the file's name is on disk too when the first event is. */
        if (!fs_exists(path) && fs_write_atomic(path, "", 0, 0640, e))
                return -1;
        if (tail_open(path, O_RDWR, &t, e))
                return -1;
        off_t end = t->at + (off_t) t->len;
        if (newest_number(t, path, &newest, e))
                return -1;
        return number <= newest ? 0 : append(t->fd, end, path, event, e);
}

static int collect(struct tail *t, const char *path, int64_t before, int limit, json_t *events, struct err *e)
{
        char *line;
        size_t len;
        int r = 0;

        while ((int) json_array_size(events) < limit && (r = tail_line(t, path, &line, &len, e)) > 0) {
                AUTO(json) event = NULL;
                json_int_t number;
                if (json_parse(path, line, len, &event, e) || json_peek(path, event, e, "{s:I}", "number", &number))
                        return -1;
                if (before == 0 || number < before)
                        (void) json_array_append(events, event);
        }
        return r < 0 ? -1 : 0;
}

int local_store_history(const struct local_store *s, const char *target, int64_t before, int limit, char **out, struct err *e)
{
        AUTO(str) path = xasprintf("%s/history/%s.jsonl", s->dir, target);
        AUTO(json) events = json_array();
        AUTO(tail) t = NULL;

        if (name_check("target", target, e) || tail_open(path, O_RDONLY, &t, e))
                return -1;
        if (t && collect(t, path, before, limit < LOCAL_HISTORY_MAX ? limit : LOCAL_HISTORY_MAX, events, e))
                return -1;
        *out = json_text(events);
        return 0;
}
