/* A folder of files, least recently used first out. */
#include "scorer/cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/mem.h"
#include "lib/sha256.h"

enum { VERSION_MAX_BYTES = 4 << 20 };

DEFINE_AUTO(dir, DIR *, closedir);

static char *blob_path(const struct cache *c, const char *digest)
{
        return xasprintf("%s/blob-%s", c->dir, digest + strlen("sha256:"));
}

static char *version_path(const struct cache *c, const char *model, int64_t version)
{
        return xasprintf("%s/version-%s-%lld", c->dir, model, (long long) version);
}

/* Its age counts from now. */
static void touch(const char *path)
{
        (void) utimensat(AT_FDCWD, path, NULL, 0);
}

int cache_get(const struct cache *c, const char *digest, size_t size, char **data)
{
        char found[DIGEST_TEXT_LEN + 1];
        struct err ignored;
        size_t len;

        if (!c->dir)
                return -1;
        AUTO(str) path = blob_path(c, digest);
        AUTO(str) bytes = NULL;
        if (fs_read(path, size, &bytes, &len, &ignored))
                return -1;
        digest_of(bytes, len, found);
        if (len != size || strcmp(found, digest) != 0) {
                (void) fs_remove(path, &ignored);
                return -1;
        }
        touch(path);
        *data = TAKE(bytes);
        return 0;
}

int cache_get_version(const struct cache *c, const char *model, int64_t version, char **text, size_t *len)
{
        struct err ignored;

        if (!c->dir)
                return -1;
        AUTO(str) path = version_path(c, model, version);
        if (fs_read(path, VERSION_MAX_BYTES, text, len, &ignored))
                return -1;
        touch(path);
        return 0;
}

/* --- keeping --- */

struct kept {
        char *path;
        int64_t bytes, used_ns;
};

struct kept_list {
        struct kept *files;
        size_t n;
        int64_t bytes;
};

static bool is_ours(const char *name)
{
        return strncmp(name, "blob-", 5) == 0 || strncmp(name, "version-", 8) == 0;
}

static int oldest_first(const void *a, const void *b)
{
        const struct kept *x = a, *y = b;

        return (x->used_ns > y->used_ns) - (x->used_ns < y->used_ns);
}

static void list_kept(const struct cache *c, struct kept_list *l)
{
        AUTO(dir) dir = opendir(c->dir);
        const struct dirent *entry;
        struct stat st;

        *l = (struct kept_list){ 0 };
        while (dir && (entry = readdir(dir))) {
                AUTO(str) path = xasprintf("%s/%s", c->dir, entry->d_name);
                if (!is_ours(entry->d_name) || lstat(path, &st) || !S_ISREG(st.st_mode))
                        continue;
                l->files = xrealloc(l->files, l->n + 1, sizeof *l->files);
                l->files[l->n++] =
                        (struct kept){ TAKE(path), st.st_size, st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec };
                l->bytes += st.st_size;
        }
        if (l->n)
                qsort(l->files, l->n, sizeof *l->files, oldest_first);
}

static void make_room(const struct cache *c, int64_t bytes)
{
        struct kept_list l;
        struct err ignored;

        list_kept(c, &l);
        for (size_t i = 0; i < l.n; i++) {
                if (l.bytes + bytes > c->max_bytes && fs_remove(l.files[i].path, &ignored) == 0)
                        l.bytes -= l.files[i].bytes;
                free(l.files[i].path);
        }
        free(l.files);
}

static int put(const struct cache *c, const char *path, const void *data, size_t len, struct err *e)
{
        if ((int64_t) len > c->max_bytes)
                return 0;
        if (fs_mkdirs(c->dir, 0700, e))
                return -1;
        make_room(c, (int64_t) len);
        return fs_write_quick(path, data, len, 0600, e);
}

int cache_put(const struct cache *c, const char *digest, const void *data, size_t len, struct err *e)
{
        if (!c->dir)
                return 0;
        AUTO(str) path = blob_path(c, digest);
        return put(c, path, data, len, e);
}

int cache_put_version(const struct cache *c, const char *model, int64_t version, const char *text, size_t len, struct err *e)
{
        if (!c->dir)
                return 0;
        AUTO(str) path = version_path(c, model, version);
        return put(c, path, text, len, e);
}

void cache_drop_version(const struct cache *c, const char *model, int64_t version)
{
        struct err ignored;

        if (!c->dir)
                return;
        AUTO(str) path = version_path(c, model, version);
        (void) fs_remove(path, &ignored);
}
