/* Downloading, resuming, verifying and putting into place. */
#include "ctl/pull_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/client.h"
#include "ctl/progress.h"
#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/mem.h"
#include "lib/sha256.h"

DEFINE_AUTO(sha256, struct sha256 *, sha256_free);
#define AUTO_FD __attribute__((cleanup(fd_release_))) fd_t_

enum { READ_BYTES = 1 << 18 };

/* A download under way: the part file and the hash of what it holds. */
struct download {
        const struct pull_file *file;
        int fd;
        int64_t have;
        struct sha256 *hash;
        struct progress bar;
        struct err broken; /* why write_piece() gave up */
        bool spoilt;       /* what is there cannot be the beginning of the file */
};

/* Feed the file's bytes to the hash; how many there were, or -1. */
static int64_t hash_fd(int fd, struct sha256 *hash, const char *path, struct err *e)
{
        AUTO(str) buffer = xmalloc(READ_BYTES);
        int64_t total = 0;
        ssize_t n;

        while ((n = pread(fd, buffer, READ_BYTES, total)) > 0) {
                sha256_update(hash, buffer, (size_t) n);
                total += n;
        }
        return n < 0 ? err_errno(e, errno, "read %s", path) : total;
}

static bool holds(const char *path, const struct pull_file *f)
{
        AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
        AUTO(sha256) hash = sha256_new();
        char digest[DIGEST_TEXT_LEN + 1];
        struct stat st;

        if (fd < 0 || fstat(fd, &st) || st.st_size != f->size || hash_fd(fd, hash, path, NULL) < 0)
                return false;
        sha256_final_text(hash, digest);
        return strcmp(digest, f->digest) == 0;
}

static int open_part(const char *path, struct err *e)
{
        AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);

        if (fd < 0)
                return err_errno(e, errno, "create %s", path);
        if (flock(fd, LOCK_EX | LOCK_NB))
                return err_set(e, ERR_CONFLICT, "%s: another pull is writing it", path);
        return TAKE_FD(fd);
}

/* Begin with nothing. */
static int restart(struct download *d, struct err *e)
{
        sha256_free(d->hash);
        d->hash = sha256_new();
        d->have = 0;
        if (ftruncate(d->fd, 0) || lseek(d->fd, 0, SEEK_SET) < 0)
                return err_errno(e, errno, "truncate the part of %s", d->file->path);
        return 0;
}

/* Begin with what an earlier pull left. */
static int resume(struct download *d, struct err *e)
{
        d->hash = sha256_new();
        d->have = hash_fd(d->fd, d->hash, d->file->path, e);
        if (d->have < 0)
                return -1;
        if (d->have > d->file->size)
                return restart(d, e);
        if (lseek(d->fd, 0, SEEK_END) < 0)
                return err_errno(e, errno, "read the part of %s", d->file->path);
        return 0;
}

static int write_piece(void *arg, const void *data, size_t len)
{
        struct download *d = arg;
        const char *p = data;

        d->spoilt = (int64_t) len > d->file->size - d->have;
        if (d->spoilt)
                return err_set(&d->broken, ERR_INTERNAL, "%s: the registry sent more than %" PRId64 " bytes", d->file->path,
                               d->file->size);
        for (size_t left = len; left;) {
                ssize_t n = write(d->fd, p, left);
                if (n < 0 && errno != EINTR)
                        return err_errno(&d->broken, errno, "write %s", d->file->path);
                if (n > 0) {
                        p += n;
                        left -= (size_t) n;
                }
        }
        sha256_update(d->hash, data, len);
        d->have += (int64_t) len;
        progress_add(&d->bar, (int64_t) len);
        return 0;
}

/* One request for what is missing. */
static int fetch_once(struct ctl *c, struct download *d, struct http_response *r, struct err *e)
{
        AUTO(str) path = xasprintf("/v1/blobs/%s", d->file->digest);
        AUTO(str) range = xasprintf("Range: bytes=%" PRId64 "-", d->have);
        const char *const headers[] = { d->have ? range : NULL, NULL };
        struct http_call call = { .headers = headers, .write = write_piece, .arg = d };
        int64_t from = d->have;

        progress_begin(&d->bar, c, d->file->path, "fetched", d->file->size, from);
        if (client_transfer(c, SERVER_REGISTRY, path, d->file->path, &call, r, e)) {
                progress_clear(&d->bar);
                if (d->broken.kind)
                        *e = d->broken;
                return -1;
        }
        d->spoilt = from && r->status != 206;
        if (d->spoilt) {
                progress_clear(&d->bar);
                return err_set(e, ERR_INTERNAL, "%s: the registry did not go on at byte %" PRId64, d->file->path, from);
        }
        progress_end(&d->bar);
        return 0;
}

static int fetch(struct ctl *c, struct download *d, int64_t *fetched, struct err *e)
{
        struct backoff backoff = { 0 };
        struct err why = { 0 };

        while (d->have < d->file->size) {
                AUTO_RESPONSE r = { 0 };
                int64_t before = d->have;
                int failed = fetch_once(c, d, &r, &why);
                *fetched += d->have - before;
                if (!failed && d->have < d->file->size)
                        failed = err_set(&why, ERR_UNAVAILABLE, "%s: the transfer ended early", d->file->path);
                if (d->have > before)
                        backoff = (struct backoff){ 0 };
                if (failed && !client_again(c, &backoff, &why, r.retry_after_ms))
                        return err_set(e, why.kind, "%s", why.msg);
        }
        return 0;
}

static int verify(struct download *d, struct err *e)
{
        char digest[DIGEST_TEXT_LEN + 1];

        sha256_final_text(d->hash, digest);
        d->spoilt = strcmp(digest, d->file->digest) != 0;
        if (!d->spoilt)
                return 0;
        return err_set(e, ERR_INTERNAL, "%s: the bytes have digest %s, not %s", d->file->path, digest, d->file->digest);
}

/* What an earlier pull left may be spoilt: then once more from the beginning. */
static int download(struct ctl *c, struct download *d, int64_t *fetched, struct err *e)
{
        struct err why = { 0 };

        if (resume(d, e))
                return -1;
        bool resumed = d->have > 0;
        if (fetch(c, d, fetched, &why) == 0 && verify(d, &why) == 0)
                return 0;
        if (!resumed || !d->spoilt)
                return err_set(e, why.kind, "%s", why.msg);
        ctl_note(c, "%s; fetching it anew", why.msg);
        d->broken = (struct err){ 0 };
        if (restart(d, e))
                return -1;
        return fetch(c, d, fetched, e) || verify(d, e) ? -1 : 0;
}

static int make_parent(const char *target, struct err *e)
{
        AUTO(str) folder = xstrndup(target, (size_t) (strrchr(target, '/') - target));

        return fs_mkdirs(*folder ? folder : "/", 0755, e);
}

int pull_file(struct ctl *c, const struct pull_file *f, int64_t *fetched, struct err *e)
{
        AUTO(str) target = xasprintf("%s/%s", f->folder, f->path);
        AUTO(str) part = xasprintf("%s.%.12s.part", target, f->digest + strlen("sha256:"));
        struct download d = { .file = f };

        if (holds(target, f)) {
                ctl_note(c, "%s: it is there already", f->path);
                return 0;
        }
        if (make_parent(target, e))
                return -1;
        AUTO_FD fd = open_part(part, e);
        if (fd < 0)
                return -1;
        d.fd = fd;
        int r = download(c, &d, fetched, e);
        sha256_free(d.hash);
        if (r && d.spoilt)
                (void) unlink(part);
        if (r)
                return -1;
        if (fs_exists(target))
                ctl_note(c, "%s: replacing the file that was there, which had other contents", f->path);
        if (fsync(fd) || rename(part, target))
                return err_errno(e, errno, "write %s", target);
        return 0;
}
