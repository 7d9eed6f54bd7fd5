/* Logs of our processes. */
#include "rolloutd/local_log.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/auto.h"
#include "lib/mem.h"

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

/*
 * What this line says went wrong; false when it says nothing of the kind. Our programs log {"level":"error","msg":"what","error":"why",...}
 * and tell much else on lower levels; what is no line of ours (a library, the loader, a sanitizer) is taken as it is.
 */
static bool words_of(const char *line, char *out, size_t size)
{
        AUTO(json) doc = json_loads(line, 0, NULL);
        const char *level = json_string_value(json_object_get(doc, "level"));
        const char *msg = json_string_value(json_object_get(doc, "msg"));
        const char *error = json_string_value(json_object_get(doc, "error"));

        if (level && msg && strcmp(level, "error") != 0)
                return false;
        if (msg && error)
                (void) snprintf(out, size, "%s: %s", msg, error);
        else
                (void) snprintf(out, size, "%s", msg ? msg : line);
        return *out;
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

static bool is_haproxys(const char *line)
{
        return strncmp(line, "[NOTICE]", 8) == 0 || strncmp(line, "[WARNING]", 9) == 0 || strncmp(line, "[ALERT]", 7) == 0;
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
        char text[LAST_BYTES + 1], *start;
        bool plain = false;

        *out = '\0';
        read_tail(path, from, text);
        if (first_alert(text, pid, out, size))
                return;
        do {
                char words[LAST_BYTES + 1];
                size_t n = strlen(text);
                while (n && (text[n - 1] == '\n' || text[n - 1] == ' '))
                        text[--n] = '\0';
                start = strrchr(text, '\n');
                const char *line = start ? start + 1 : text;
                bool ours = *line == '{';
                if (!is_haproxys(line) && (ours || !plain) && words_of(line, words, sizeof words)) {
                        (void) snprintf(out, size, "%s", words);
                        if (ours)
                                return;
                        plain = true;
                }
                if (start)
                        *start = '\0';
        } while (start);
}
