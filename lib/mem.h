/* Allocation that aborts on failure; every size that comes from outside is capped before it gets here. */
#pragma once

#include <stddef.h>

void *xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
void *xmemdup(const void *p, size_t n) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2), malloc, returns_nonnull));

/* Make jansson allocate through us, so that it too never returns NULL for want of memory. Call once, first in main(). */
void mem_init(void);
/* Give back to the system what something large has left free; takes milliseconds. */
void mem_trim(void);
