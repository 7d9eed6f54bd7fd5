/* Segments on disk: one file each, and a file that says how far they have been taken. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/mem.h"
#include "rolloutd/spool_private.h"

static char *path_of(const struct spool *s, int64_t number)
{
        return xasprintf("%s/%016" PRId64 ".log", s->folder, number);
}

static char *taken_path(const struct spool *s)
{
        return xasprintf("%s/taken", s->folder);
}

static struct spool_segment *add_segment(struct spool *s, int64_t number)
{
        s->segments = xrealloc(s->segments, s->n + 1, sizeof *s->segments);
        s->segments[s->n] = (struct spool_segment){ .number = number };
        s->last_number = number;
        return &s->segments[s->n++];
}

void spool_files_forget_oldest(struct spool *s)
{
        AUTO(str) path = path_of(s, s->segments[0].number);

        (void) fs_remove(path, NULL);
        if (s->n == 1 && s->fd >= 0)
                (void) close(TAKE_FD(s->fd));
        memmove(s->segments, s->segments + 1, --s->n * sizeof *s->segments);
        s->taken = 0;
        s->taken_lines = 0;
}

int64_t spool_files_bytes(const struct spool *s)
{
        int64_t sum = 0;

        for (size_t i = 0; i < s->n; i++)
                sum += s->segments[i].size;
        return sum;
}

void spool_files_give_way(struct spool *s)
{
        while (s->n > 1 && spool_files_bytes(s) > s->max_bytes) {
                s->dropped += (uint64_t) (s->segments[0].lines - s->taken_lines);
                spool_files_forget_oldest(s);
        }
}

static int begin_segment(struct spool *s, struct err *e)
{
        AUTO(str) path = path_of(s, s->last_number + 1);

        if (s->fd >= 0)
                (void) close(s->fd);
        s->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
        if (s->fd < 0)
                return err_errno(e, errno, "create %s", path);
        add_segment(s, s->last_number + 1);
        return 0;
}

int spool_files_append(struct spool *s, struct err *e)
{
        size_t len = s->unwritten.len;

        if ((s->fd < 0 || s->segments[s->n - 1].size >= s->segment_bytes) && begin_segment(s, e) < 0)
                return -1;
        struct spool_segment *last = &s->segments[s->n - 1];
        ssize_t n = pwrite(s->fd, strbuf_str(&s->unwritten), len, last->size);
        if (n != (ssize_t) len) {
                err_errno(e, n < 0 ? errno : ENOSPC, "write %zu bytes to %s", len, s->folder);
                if (ftruncate(s->fd, last->size) < 0) /* what is torn stays behind */
                        (void) close(TAKE_FD(s->fd));
                return -1;
        }
        last->size += n;
        last->lines += s->n_unwritten;
        return 0;
}

ssize_t spool_files_read(struct spool *s, struct err *e)
{
        AUTO(str) path = path_of(s, s->segments[0].number);
        __attribute__((cleanup(fd_release_))) fd_t_ fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0 && errno == ENOENT)
                return 0;
        ssize_t n = fd < 0 ? -1 : pread(fd, s->read, SPOOL_READ_BYTES, s->taken);
        return n < 0 ? err_errno(e, errno, "read %s", path) : n;
}

void spool_files_remember(const struct spool *s)
{
        AUTO(str) path = taken_path(s);
        AUTO(str) text = xasprintf("%" PRId64 " %" PRId64 "\n", s->segments[0].number, (int64_t) s->taken);

        (void) fs_write_quick(path, text, strlen(text), 0640, NULL); /* without it texts come twice */
}

/* --- loading --- */

static int is_segment(const struct dirent *d)
{
        int end = 0;

        return sscanf(d->d_name, "%*16[0-9].log%n", &end) == 0 && end == 20 && !d->d_name[end];
}

/* Bytes and lines of a file up to `end`. */
static void measure(struct spool *s, int64_t number, int64_t end, off_t *bytes, int64_t *lines)
{
        AUTO(str) path = path_of(s, number);
        __attribute__((cleanup(fd_release_))) fd_t_ fd = open(path, O_RDONLY | O_CLOEXEC);

        *bytes = 0;
        *lines = 0;
        while (fd >= 0 && *bytes < end) {
                int64_t want = end - *bytes < SPOOL_READ_BYTES ? end - *bytes : SPOOL_READ_BYTES;
                ssize_t n = pread(fd, s->read, (size_t) want, *bytes);
                if (n <= 0)
                        return;
                *bytes += n;
                for (const char *p = s->read; (p = memchr(p, '\n', (size_t) (s->read + n - p))); p++)
                        ++*lines;
        }
}

static int load_segments(struct spool *s, struct err *e)
{
        struct dirent **names;
        int n = scandir(s->folder, &names, is_segment, alphasort);

        if (n < 0)
                return err_errno(e, errno, "read folder %s", s->folder);
        for (int i = 0; i < n; i++) {
                struct spool_segment *found = add_segment(s, strtoll(names[i]->d_name, NULL, 10));
                measure(s, found->number, INT64_MAX, &found->size, &found->lines);
                free(names[i]);
        }
        free(names);
        return 0;
}

static void load_taken(struct spool *s)
{
        AUTO(str) path = taken_path(s);
        AUTO(str) line = NULL;
        int64_t number, bytes;

        if (!fs_exists(path) || fs_read_line(path, &line, NULL) < 0 ||
            sscanf(line, "%" SCNd64 " %" SCNd64, &number, &bytes) != 2 || number < 1)
                return;
        while (s->n && s->segments[0].number < number)
                spool_files_forget_oldest(s);
        if (s->last_number < number)
                s->last_number = number;
        if (s->n && s->segments[0].number == number && bytes <= s->segments[0].size)
                measure(s, number, bytes, &s->taken, &s->taken_lines);
}

int spool_files_load(struct spool *s, struct err *e)
{
        if (fs_mkdirs(s->folder, 0750, e) < 0 || load_segments(s, e) < 0)
                return -1;
        load_taken(s);
        spool_files_give_way(s);
        return 0;
}
