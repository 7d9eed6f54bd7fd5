// with: lib/err.c lib/kube_lines.c lib/mem.c lib/strbuf.c
/* The watch splitter: the first byte says how large the pieces are; the lines must be those of a naive splitter. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/kube_lines.h"

enum { LINE_MAX_BYTES = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct naive { /* what is left of the text */
        const char *at, *end;
};

static int same_line(void *arg, const char *line, size_t len)
{
        struct naive *n = arg;

        for (;;) { /* the next line that is not empty */
                const char *newline = memchr(n->at, '\n', (size_t) (n->end - n->at));
                assert(newline);
                size_t theirs = (size_t) (newline - n->at);
                const char *start = n->at;
                n->at = newline + 1;
                if (theirs && start[theirs - 1] == '\r')
                        theirs--;
                if (!theirs)
                        continue;
                assert(theirs == len && memcmp(start, line, len) == 0);
                return 0;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct kube_lines l;

        if (size < 2)
                return 0;
        size_t piece = data[0] % 70 + 1;
        const char *text = (const char *) data + 1, *end = (const char *) data + size;
        struct naive n = { .at = text, .end = end };
        kube_lines_init(&l, LINE_MAX_BYTES);
        for (const char *p = text; p < end; p += piece) {
                size_t len = (size_t) (end - p) < piece ? (size_t) (end - p) : piece;
                if (kube_lines_feed(&l, p, len, same_line, &n))
                        break;
        }
        kube_lines_done(&l);
        return 0;
}
