/* Lines out of pieces. */
#include "lib/kube_lines.h"

#include <string.h>

void kube_lines_init(struct kube_lines *l, size_t max_bytes)
{
        strbuf_init(&l->rest, max_bytes);
}

void kube_lines_done(struct kube_lines *l)
{
        strbuf_done(&l->rest);
}

void kube_lines_reset(struct kube_lines *l)
{
        strbuf_reset(&l->rest);
}

static int give(const char *line, size_t len, kube_line_fn fn, void *arg)
{
        if (len && line[len - 1] == '\r')
                len--;
        return len ? fn(arg, line, len) : 0;
}

/* A whole line that lies in one piece is not copied. */
static int end_line(struct kube_lines *l, const char *data, size_t len, kube_line_fn fn, void *arg)
{
        if (l->rest.len == 0)
                return len > l->rest.max ? -1 : give(data, len, fn, arg);
        if (!strbuf_add(&l->rest, data, len))
                return -1;
        int stopped = give(strbuf_str(&l->rest), l->rest.len, fn, arg);
        strbuf_reset(&l->rest);
        return stopped;
}

int kube_lines_feed(struct kube_lines *l, const char *data, size_t len, kube_line_fn fn, void *arg)
{
        const char *end;

        for (; (end = memchr(data, '\n', len)); len -= (size_t) (end - data) + 1, data = end + 1)
                if (end_line(l, data, (size_t) (end - data), fn, arg))
                        return -1;
        return strbuf_add(&l->rest, data, len) ? 0 : -1;
}
