/* JSON-lines log. */
#include "lib/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/strbuf.h"

enum { LINE_MAX_BYTES = 16384 };

static const char *const level_names[] = { "debug", "info", "warn", "error" };

static const char *program_name = "sluice"; /* written once, by log_init() before any thread starts */
static atomic_int least_level = LOG_LEVEL_INFO;

void log_init(const char *program, enum log_level least)
{
        program_name = program;
        atomic_store(&least_level, (int) least);
}

int log_level_parse(const char *text, enum log_level *out)
{
        for (int i = 0; text && i <= LOG_LEVEL_ERROR; i++) {
                if (strcmp(text, level_names[i]) == 0) {
                        *out = i;
                        return 0;
                }
        }
        return -1;
}

void log_set_level(const char *text)
{
        enum log_level level;

        if (log_level_parse(text, &level))
                LOG_WARN("the log level stays as it was", "log_level", text);
        else
                atomic_store(&least_level, (int) level);
}

struct log_int log_int(int64_t v)
{
        struct log_int t;

        (void) snprintf(t.text, sizeof t.text, "%lld", (long long) v);
        return t;
}

static void add_pair(struct strbuf *b, const char *key, const char *value)
{
        strbuf_addc(b, ',');
        json_quote(b, key);
        strbuf_addc(b, ':');
        if (value)
                json_quote(b, value);
        else
                strbuf_adds(b, "null");
}

void log_write(enum log_level level, const char *msg, ...)
{
        char stamp[RFC3339_MAX];
        AUTO_STRBUF b = { 0 }; /* cleaned up on the early return too */
        const char *key;
        va_list ap;

        if ((int) level < atomic_load_explicit(&least_level, memory_order_relaxed))
                return;
        strbuf_init(&b, LINE_MAX_BYTES);
        clock_rfc3339(clock_wall_ms(), stamp);
        strbuf_addf(&b, "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\"", stamp, level_names[level], program_name);
        add_pair(&b, "msg", msg);
        va_start(ap, msg);
        while ((key = va_arg(ap, const char *)))
                add_pair(&b, key, va_arg(ap, const char *));
        va_end(ap);
        strbuf_adds(&b, "}\n");
        if (!strbuf_ok(&b)) {
                strbuf_reset(&b);
                strbuf_addf(&b, "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\"", stamp, level_names[level], program_name);
                add_pair(&b, "msg", msg);
                strbuf_adds(&b, ",\"truncated\":\"true\"}\n");
        }
        /* One write a line, so that lines of several threads never mix. Nobody to tell if standard error is gone. */
        ssize_t ignored = write(STDERR_FILENO, strbuf_str(&b), b.len);
        (void) ignored;
}
