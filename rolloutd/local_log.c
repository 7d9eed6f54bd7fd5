/* Logs of our processes. */
#include "rolloutd/local_log.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/auto.h"
#include "lib/mem.h"
#include "rolloutd/last_words.h"

enum { LOG_MAX_BYTES = 8 << 20, LAST_BYTES = 16384 };

long local_log_end(const char *path)
{
        struct stat st;

        return stat(path, &st) ? 0 : st.st_size;
}

long local_log_prepare(const char *path)
{
        struct stat st;

        if (stat(path, &st))
                return 0;
        if (st.st_size <= LOG_MAX_BYTES)
                return st.st_size;
        AUTO(str) old = xasprintf("%s.old", path);
        return rename(path, old) ? st.st_size : 0;
}

/* HAProxy tells the cause first and its despair last, and two of them share a log: lines are "[ALERT]    (PID) : what". */
static bool first_alert(const char *text, pid_t pid, char *out, size_t size)
{
        char mark[24];

        (void) snprintf(mark, sizeof mark, "(%d)", (int) pid);
        for (const char *at = strstr(text, "[ALERT]"); at; at = strstr(at + 1, "[ALERT]")) {
                const char *who = at + strlen("[ALERT]");

                who += strspn(who, " ");
                if (strncmp(who, mark, strlen(mark)) != 0)
                        continue;
                (void) snprintf(out, size, "%.*s", (int) strcspn(at, "\n"), at);
                return true;
        }
        return false;
}

static void read_tail(const char *path, long from, char text[static LAST_BYTES + 1])
{
        size_t n = 0;
        FILE *f = fopen(path, "re");

        if (f) {
                long end = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : 0;
                if (from < end - LAST_BYTES)
                        from = end - LAST_BYTES;
                if (from < end && fseek(f, from, SEEK_SET) == 0)
                        n = fread(text, 1, LAST_BYTES, f);
                (void) fclose(f);
        }
        text[n] = '\0';
}

void local_log_last_words(const char *path, long from, pid_t pid, char *out, size_t size)
{
        char text[LAST_BYTES + 1];

        *out = '\0';
        read_tail(path, from, text);
        if (!first_alert(text, pid, out, size))
                last_words(text, out, size);
}
