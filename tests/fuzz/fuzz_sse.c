// with: ctl/sse.c lib/err.c lib/mem.c lib/strbuf.c
/* Event streams: whatever the bytes and wherever they are cut, the same events in the same order, within the maximum. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ctl/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX = 64 };

static int note(void *arg, const struct sse_event *ev, struct err *e)
{
        (void) e;
        assert(ev->len <= MAX && strlen(ev->id) <= 256);
        strbuf_addf(arg, "%s\n", ev->type);
        strbuf_add(arg, ev->data, ev->len);
        strbuf_addf(arg, "\n%s\n", ev->id);
        return 0;
}

static int feed(const uint8_t *data, size_t size, size_t step, struct strbuf *seen)
{
        struct sse p;
        struct err e = { 0 };
        int r = 0;

        sse_init(&p, MAX);
        for (size_t at = 0; r == 0 && at < size; at += step)
                r = sse_feed(&p, data + at, size - at < step ? size - at : step, note, seen, &e);
        assert(r == 0 || (e.kind == ERR_TOO_LARGE && e.msg[0]));
        sse_done(&p);
        return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        AUTO_STRBUF whole;
        AUTO_STRBUF pieces;

        strbuf_init(&whole, 1 << 20);
        strbuf_init(&pieces, 1 << 20);
        int a = feed(data, size, size ? size : 1, &whole);
        int b = feed(data, size, size ? 1 + data[0] % 7 : 1, &pieces);
        assert(a == b);
        assert(whole.len == pieces.len && memcmp(strbuf_str(&whole), strbuf_str(&pieces), whole.len) == 0);
        return 0;
}
