/* Event stream parser. */
#include "ctl/sse.h"

#include <stdlib.h>
#include <string.h>

void sse_init(struct sse *p, size_t max)
{
        *p = (struct sse){ .retry_ms = -1 };
        strbuf_init(&p->line, max);
        strbuf_init(&p->data, max);
        strbuf_init(&p->type, 256);
        strbuf_init(&p->id, 256);
}

void sse_done(struct sse *p)
{
        strbuf_done(&p->line);
        strbuf_done(&p->data);
        strbuf_done(&p->type);
        strbuf_done(&p->id);
}

static int dispatch(struct sse *p, sse_fn fn, void *arg, struct err *e)
{
        int r = 0;

        if (p->has_data) {
                const struct sse_event ev = {
                        .type = p->type.len ? strbuf_str(&p->type) : "message",
                        .data = strbuf_str(&p->data),
                        .len = p->data.len,
                        .id = strbuf_str(&p->id),
                };
                r = fn(arg, &ev, e);
        }
        p->has_data = false;
        strbuf_reset(&p->data);
        strbuf_reset(&p->type);
        return r;
}

static bool field_is(const char *line, size_t len, const char *name)
{
        return strlen(name) == len && memcmp(line, name, len) == 0;
}

static void set(struct strbuf *b, const char *value, size_t len)
{
        strbuf_reset(b);
        strbuf_add(b, value, len);
}

static void take_retry(struct sse *p, const char *value)
{
        size_t len = strlen(value);

        if (len > 0 && len < 10 && strspn(value, "0123456789") == len)
                p->retry_ms = atoll(value);
}

static int take_field(struct sse *p, const char *line, size_t len, struct err *e)
{
        const char *colon = memchr(line, ':', len);
        size_t name = colon ? (size_t) (colon - line) : len;
        const char *value = colon ? colon + 1 + (colon + 1 < line + len && colon[1] == ' ') : line + len;
        size_t value_len = (size_t) (line + len - value);

        if (field_is(line, name, "data")) {
                if (p->has_data)
                        strbuf_addc(&p->data, '\n');
                strbuf_add(&p->data, value, value_len);
                p->has_data = true;
        } else if (field_is(line, name, "event")) {
                set(&p->type, value, value_len);
        } else if (field_is(line, name, "id") && !memchr(value, '\0', value_len)) {
                set(&p->id, value, value_len);
        } else if (field_is(line, name, "retry")) {
                take_retry(p, value);
        }
        if (!strbuf_ok(&p->data) || !strbuf_ok(&p->type) || !strbuf_ok(&p->id))
                return err_set(e, ERR_TOO_LARGE, "the stream holds an event over %zu bytes", p->line.max);
        return 0;
}

static int end_line(struct sse *p, sse_fn fn, void *arg, struct err *e)
{
        const char *line = strbuf_str(&p->line);
        size_t len = p->line.len;
        int r = 0;

        if (!strbuf_ok(&p->line))
                return err_set(e, ERR_TOO_LARGE, "the stream holds a line over %zu bytes", p->line.max);
        if (!p->begun && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) { /* byte order mark */
                line += 3;
                len -= 3;
        }
        p->begun = true;
        if (len == 0)
                r = dispatch(p, fn, arg, e);
        else if (*line != ':')
                r = take_field(p, line, len, e);
        strbuf_reset(&p->line);
        return r;
}

int sse_feed(struct sse *p, const void *bytes, size_t n, sse_fn fn, void *arg, struct err *e)
{
        const char *s = bytes, *end = s + n;

        while (s < end) {
                if (p->after_cr && *s == '\n') { /* the second half of "\r\n" */
                        p->after_cr = false;
                        s++;
                        continue;
                }
                p->after_cr = false;
                const char *stop = s;
                while (stop < end && *stop != '\n' && *stop != '\r')
                        stop++;
                if (!strbuf_add(&p->line, s, (size_t) (stop - s)))
                        return err_set(e, ERR_TOO_LARGE, "the stream holds a line over %zu bytes", p->line.max);
                if (stop == end)
                        return 0;
                p->after_cr = *stop == '\r';
                if (end_line(p, fn, arg, e))
                        return -1;
                s = stop + 1;
        }
        return 0;
}
