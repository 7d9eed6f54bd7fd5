/* Records, their listing, and the lock on the folder. */
#include "rolloutd/local_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/fault.h"
#include "lib/fs.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/names.h"
#include "lib/strbuf.h"

DEFINE_AUTO(dir, DIR *, closedir);

static int refuse_second(const char *path, struct err *e)
{
        AUTO(str) holder = NULL;

        if (fs_read_line(path, &holder, NULL))
                holder = xstrdup("unknown");
        return err_set(e, ERR_CONFLICT, "another rolloutd (process %s) uses this folder: %s is locked", holder, path);
}

static int take_lock(const char *dir, int *out, struct err *e)
{
        AUTO(str) path = xasprintf("%s/lock", dir);
        __attribute__((cleanup(fd_release_))) fd_t_ fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
        char pid[16];

        if (fd < 0)
                return err_errno(e, errno, "open %s", path);
        if (flock(fd, LOCK_EX | LOCK_NB))
                return errno == EWOULDBLOCK ? refuse_second(path, e) : err_errno(e, errno, "lock %s", path);
        int n = snprintf(pid, sizeof pid, "%d\n", (int) getpid());
        if (ftruncate(fd, 0) || pwrite(fd, pid, (size_t) n, 0) != n)
                return err_errno(e, errno, "write %s", path);
        *out = TAKE_FD(fd);
        return 0;
}

int local_store_open(struct local_store *s, const char *dir, struct err *e)
{
        static const char *const folders[] = { "targets", "history", "routes", "procs", "logs" };

        if (fs_mkdirs(dir, 0750, e))
                return -1;
        for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
                AUTO(str) path = xasprintf("%s/%s", dir, folders[i]);
                if (fs_mkdirs(path, 0750, e))
                        return -1;
        }
        if (take_lock(dir, &s->lock, e))
                return -1;
        s->dir = xstrdup(dir);
        return 0;
}

void local_store_close(struct local_store *s)
{
        if (!s->dir)
                return;
        (void) close(s->lock);
        free(s->dir);
        *s = (struct local_store){ 0 };
}

static bool ends_with(const char *text, const char *end)
{
        size_t n = strlen(text), m = strlen(end);

        return n > m && !strcmp(text + n - m, end);
}

/* fs_write_atomic() writes to NAME.json.XXXXXX first; the lock says that nobody is writing now. */
static bool is_leftover(const char *name)
{
        const char *mark = strstr(name, ".json.");

        return mark && strlen(mark) == strlen(".json.XXXXXX") && !ends_with(name, ".json");
}

static int by_name(const void *a, const void *b)
{
        return strcmp(*(char *const *) a, *(char *const *) b);
}

int local_store_list(const struct local_store *s, const char *folder, char ***paths, size_t *n, struct err *e)
{
        AUTO(str) path = xasprintf("%s/%s", s->dir, folder);
        AUTO(dir) d = opendir(path);

        *paths = NULL;
        *n = 0;
        if (!d)
                return err_errno(e, errno, "open folder %s", path);
        for (struct dirent *entry; (entry = readdir(d));) {
                char *full = xasprintf("%s/%s", path, entry->d_name);
                if (ends_with(entry->d_name, ".json")) {
                        *paths = xrealloc(*paths, *n + 1, sizeof **paths);
                        (*paths)[(*n)++] = full;
                        continue;
                }
                if (is_leftover(entry->d_name))
                        (void) fs_remove(full, NULL);
                free(full);
        }
        if (*n)
                qsort(*paths, *n, sizeof **paths, by_name);
        return 0;
}

void local_paths_free(char **paths, size_t n)
{
        for (size_t i = 0; i < n; i++)
                free(paths[i]);
        free(paths);
}

/* Splits the file's text; *body points into it. */
static int parse_envelope(const char *path, char *text, int64_t *revision, const char **body, struct err *e)
{
        AUTO(json) head = NULL;
        json_int_t number;
        char *end = strchr(text, '\n');

        if (!end)
                return err_set(e, ERR_INVALID, "%s has no revision in its first line", path);
        if (json_parse(path, text, (size_t) (end - text), &head, e) || json_take(path, head, e, "{s:I}", "revision", &number))
                return -1;
        *revision = number;
        *body = end + 1;
        return 0;
}

static int read_record(const char *path, struct platform_record *r, struct err *e)
{
        AUTO(str) text = NULL;
        const char *body, *name = strrchr(path, '/') + 1;

        if (fs_read(path, LOCAL_RECORD_MAX + 64, &text, NULL, e) || parse_envelope(path, text, &r->revision, &body, e))
                return -1;
        r->target = xstrndup(name, strlen(name) - strlen(".json"));
        r->json = xstrdup(body);
        return 0;
}

int local_store_load(const struct local_store *s, struct platform_record **out, size_t *n, struct err *e)
{
        char **paths;
        size_t n_paths, i;

        if (local_store_list(s, "targets", &paths, &n_paths, e))
                return -1;
        struct platform_record *r = xcalloc(n_paths + 1, sizeof *r);
        for (i = 0; i < n_paths && read_record(paths[i], &r[i], e) == 0; i++)
                ;
        local_paths_free(paths, n_paths);
        if (i < n_paths) {
                local_records_free(r, i);
                return -1;
        }
        *out = r;
        *n = n_paths;
        return 0;
}

void local_records_free(struct platform_record *r, size_t n)
{
        for (size_t i = 0; r && i < n; i++) {
                free((char *) r[i].target);
                free((char *) r[i].json);
        }
        free(r);
}

static int revision_of(const char *path, int64_t *revision, struct err *e)
{
        AUTO(str) text = NULL;
        const char *body;

        *revision = 0;
        if (!fs_exists(path))
                return 0;
        return fs_read(path, LOCAL_RECORD_MAX + 64, &text, NULL, e) ? -1 : parse_envelope(path, text, revision, &body, e);
}

int local_store_save(const struct local_store *s, const char *target, const char *json, int64_t expected, int64_t *revision,
                     struct err *e)
{
        AUTO(str) path = xasprintf("%s/targets/%s.json", s->dir, target);
        AUTO_STRBUF b;
        int64_t now;

        strbuf_init(&b, LOCAL_RECORD_MAX + 64);
        if (name_check("target", target, e) || revision_of(path, &now, e))
                return -1;
        if (now != expected)
                return err_set(e, ERR_CONFLICT, "%s stands at revision %lld, not %lld", target, (long long) now,
                               (long long) expected);
        strbuf_addf(&b, "{\"revision\":%lld}\n", (long long) now + 1);
        strbuf_adds(&b, json);
        if (!strbuf_ok(&b))
                return err_set(e, ERR_TOO_LARGE, "the record of %s is over %d bytes", target, LOCAL_RECORD_MAX);
        if (fs_write_atomic(path, strbuf_str(&b), b.len, 0640, e))
                return -1;
        fault_point("local-saved");
        *revision = now + 1;
        return 0;
}
