/* Allocators that abort when memory is out: a supervised daemon restarts, and half the branches vanish. */
#include "lib/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static void out_of_memory(size_t n)
{
        (void) fprintf(stderr, "{\"level\":\"fatal\",\"msg\":\"out of memory\",\"bytes\":%zu}\n", n);
        abort();
}

void *xmalloc(size_t n)
{
        void *p = malloc(n ? n : 1);

        if (!p)
                out_of_memory(n);
        return p;
}

void *xcalloc(size_t n, size_t size)
{
        void *p = calloc(n ? n : 1, size ? size : 1);

        if (!p)
                out_of_memory(n);
        return p;
}

void *xrealloc(void *old, size_t n, size_t size)
{
        void *p = reallocarray(old, n ? n : 1, size ? size : 1);

        if (!p)
                out_of_memory(n);
        return p;
}

void *xmemdup(const void *p, size_t n)
{
        return memcpy(xmalloc(n), p, n);
}

char *xstrdup(const char *s)
{
        return xmemdup(s, strlen(s) + 1);
}

char *xstrndup(const char *s, size_t n)
{
        size_t len = strnlen(s, n);
        char *copy = xmalloc(len + 1);

        memcpy(copy, s, len);
        copy[len] = '\0';
        return copy;
}

char *xasprintf(const char *fmt, ...)
{
        char *out = NULL;
        va_list ap;

        va_start(ap, fmt);
        if (vasprintf(&out, fmt, ap) < 0 || !out)
                out_of_memory(0);
        va_end(ap);
        return out;
}

void mem_init(void)
{
        json_set_alloc_funcs(xmalloc, free);
        /* Many threads with an arena each would keep far more memory than is in use. */
        (void) mallopt(M_ARENA_MAX, 2);
}

void mem_trim(void)
{
        (void) malloc_trim(0);
}
