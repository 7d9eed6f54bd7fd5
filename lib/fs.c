/* File helpers. */
#include "lib/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/auto.h"
#include "lib/mem.h"
#include "lib/strbuf.h"

int fs_read(const char *path, size_t max, char **out, size_t *len, struct err *e)
{
        char chunk[16384];
        AUTO_STRBUF b;
        size_t got;

        strbuf_init(&b, max);
        AUTO(file) f = fopen(path, "re");
        if (!f)
                return err_errno(e, errno, "open %s", path);
        while ((got = fread(chunk, 1, sizeof chunk, f)) > 0)
                if (!strbuf_add(&b, chunk, got))
                        return err_set(e, ERR_TOO_LARGE, "%s is over %zu bytes", path, max);
        if (ferror(f))
                return err_errno(e, errno, "read %s", path);
        if (len)
                *len = b.len;
        *out = strbuf_take(&b);
        return 0;
}

int fs_read_line(const char *path, char **out, struct err *e)
{
        AUTO(str) text = NULL;

        if (fs_read(path, 65536, &text, NULL, e))
                return -1;
        text[strcspn(text, "\r\n")] = '\0';
        if (!*text)
                return err_set(e, ERR_INVALID, "%s holds no text in its first line", path);
        *out = TAKE(text);
        return 0;
}

static int write_all(int fd, const char *data, size_t len)
{
        while (len) {
                ssize_t n = write(fd, data, len);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -1;
                data += n;
                len -= (size_t) n;
        }
        return 0;
}

static int sync_folder_of(const char *path, struct err *e)
{
        AUTO(str) copy = xstrdup(path);
        __attribute__((cleanup(fd_release_))) fd_t_ fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 || fsync(fd))
                return err_errno(e, errno, "sync the folder of %s", path);
        return 0;
}

static int replace(const char *path, const void *data, size_t len, mode_t mode, bool sync, struct err *e)
{
        AUTO(str) tmp = xasprintf("%s.XXXXXX", path);
        __attribute__((cleanup(fd_release_))) fd_t_ fd = mkostemp(tmp, O_CLOEXEC);

        if (fd < 0)
                return err_errno(e, errno, "create a file beside %s", path);
        if (fchmod(fd, mode) || write_all(fd, data, len) || (sync && fsync(fd)) || rename(tmp, path)) {
                int number = errno;
                (void) unlink(tmp);
                return err_errno(e, number, "write %s", path);
        }
        return sync ? sync_folder_of(path, e) : 0;
}

int fs_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct err *e)
{
        return replace(path, data, len, mode, true, e);
}

int fs_write_quick(const char *path, const void *data, size_t len, mode_t mode, struct err *e)
{
        return replace(path, data, len, mode, false, e);
}

static int make_folder(const char *path, mode_t mode, struct err *e)
{
        struct stat st;

        if (mkdir(path, mode) == 0)
                return 0;
        int number = errno;
        if (number == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
                return 0;
        return err_errno(e, number, "create folder %s", path);
}

int fs_mkdirs(const char *path, mode_t mode, struct err *e)
{
        AUTO(str) copy = xstrdup(path);

        for (char *p = copy + 1; *p; p++) {
                if (*p != '/')
                        continue;
                *p = '\0';
                if (make_folder(copy, 0755, e))
                        return -1;
                *p = '/';
        }
        return make_folder(copy, mode, e);
}

int fs_remove(const char *path, struct err *e)
{
        if (unlink(path) && errno != ENOENT)
                return err_errno(e, errno, "remove %s", path);
        return 0;
}

bool fs_exists(const char *path)
{
        return access(path, F_OK) == 0;
}
