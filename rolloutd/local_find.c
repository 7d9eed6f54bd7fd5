/* Our processes in /proc. */
#include "rolloutd/local_find.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/mem.h"

#define MARK "SLUICE_LOCAL="
enum { ENVIRON_MAX = 2 << 20 };

DEFINE_AUTO(dir, DIR *, closedir);

char *local_mark(const char *state_dir, const char *name)
{
        return xasprintf(MARK "%s/%s", state_dir, name);
}

/* The mark's NAME, or NULL if the process is not ours. A process of another user, or one that has just ended, cannot be read. */
static const char *name_in(const char *environ_text, size_t len, const char *state_dir)
{
        size_t n = strlen(state_dir);

        for (const char *v = environ_text; v < environ_text + len; v += strlen(v) + 1)
                if (!strncmp(v, MARK, strlen(MARK)) && !strncmp(v + strlen(MARK), state_dir, n) && v[strlen(MARK) + n] == '/')
                        return v + strlen(MARK) + n + 1;
        return NULL;
}

static bool look_at(const char *pid, const char *state_dir, struct local_found *out)
{
        AUTO(str) path = xasprintf("/proc/%s/environ", pid);
        AUTO(str) text = NULL;
        size_t len;

        if (fs_read(path, ENVIRON_MAX, &text, &len, NULL))
                return false;
        const char *name = name_in(text, len, state_dir);
        if (!name || strlen(name) >= sizeof out->name)
                return false;
        out->pid = (pid_t) atoi(pid);
        (void) snprintf(out->name, sizeof out->name, "%s", name);
        return true;
}

size_t local_find(const char *state_dir, struct local_found **out)
{
        AUTO(dir) d = opendir("/proc");
        struct local_found found;
        size_t n = 0;

        *out = NULL;
        for (struct dirent *entry; d && (entry = readdir(d));) {
                if (!isdigit((unsigned char) *entry->d_name) || !look_at(entry->d_name, state_dir, &found))
                        continue;
                *out = xrealloc(*out, n + 1, sizeof **out);
                (*out)[n++] = found;
        }
        return n;
}
