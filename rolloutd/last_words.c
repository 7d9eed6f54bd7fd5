/* Logs read from their end: our own programs' lines are JSON, other ones' are taken as they are. */
#include "rolloutd/last_words.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/mem.h"

/*
 * What this line says went wrong; NULL when it says nothing of the kind. Our programs log {"level":"error","msg":"what","error":"why",...}
 * and tell much else on lower levels; what is no line of ours (a library, the loader, a sanitizer) is taken as it is.
 */
static char *words_of(const char *line)
{
        AUTO(json) doc = json_loads(line, 0, NULL);
        const char *level = json_string_value(json_object_get(doc, "level"));
        const char *msg = json_string_value(json_object_get(doc, "msg"));
        const char *error = json_string_value(json_object_get(doc, "error"));

        if (!*line || (level && msg && strcmp(level, "error") != 0))
                return NULL;
        return msg && error ? xasprintf("%s: %s", msg, error) : xstrdup(msg ? msg : line);
}

static bool is_haproxys(const char *line)
{
        return strncmp(line, "[NOTICE]", 8) == 0 || strncmp(line, "[WARNING]", 9) == 0 || strncmp(line, "[ALERT]", 7) == 0;
}

/* A line of ours is final; another one stands until an older line of ours is found. */
void last_words(char *text, char *out, size_t size)
{
        char *start;

        *out = '\0';
        do {
                size_t n = strlen(text);
                while (n && (text[n - 1] == '\n' || text[n - 1] == ' '))
                        text[--n] = '\0';
                start = strrchr(text, '\n');
                const char *line = start ? start + 1 : text;
                bool ours = *line == '{';
                AUTO(str) words = is_haproxys(line) || (*out && !ours) ? NULL : words_of(line);
                if (words)
                        (void) snprintf(out, size, "%s", words);
                if (words && ours)
                        return;
                if (start)
                        *start = '\0';
        } while (start);
}
