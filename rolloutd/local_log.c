/* Logs of our processes. */
#include "rolloutd/local_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/auto.h"
#include "lib/mem.h"

enum { LOG_MAX_BYTES = 8 << 20, LAST_BYTES = 4096 };

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

/* Our programs log {"msg":"what","error":"why",...}; libraries print plain text. */
static void words_of(const char *line, char *out, size_t size)
{
        AUTO(json) doc = json_loads(line, 0, NULL);
        const char *msg = json_string_value(json_object_get(doc, "msg"));
        const char *error = json_string_value(json_object_get(doc, "error"));

        if (msg && error)
                (void) snprintf(out, size, "%s: %s", msg, error);
        else
                (void) snprintf(out, size, "%s", msg ? msg : line);
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

void local_log_last_words(const char *path, long from, char *out, size_t size)
{
        char text[LAST_BYTES + 1], *start;

        *out = '\0';
        read_tail(path, from, text);
        const char *alert = strstr(text, "[ALERT]"); /* HAProxy tells the cause first and its despair last */
        if (alert) {
                (void) snprintf(out, size, "%.*s", (int) strcspn(alert, "\n"), alert);
                return;
        }
        do {
                size_t n = strlen(text);
                while (n && (text[n - 1] == '\n' || text[n - 1] == ' '))
                        text[--n] = '\0';
                start = strrchr(text, '\n');
                words_of(start ? start + 1 : text, out, size);
                if (start)
                        *start = '\0';
        } while (!*out && start);
}
