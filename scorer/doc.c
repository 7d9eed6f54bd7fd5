/* The document tree: its arena, its caps, and arrays of numbers while they grow. */
#include "scorer/doc.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"

enum { BLOCK_SIZE = 64 * 1024, ALIGNMENT = 16 };

struct doc_block {
        struct doc_block *next;
        size_t used, size;
        _Alignas(ALIGNMENT) unsigned char data[];
};

void doc_done(struct doc *d)
{
        while (d->blocks) {
                struct doc_block *b = d->blocks;
                d->blocks = b->next;
                free(b);
        }
        *d = (struct doc){ 0 };
}

void *doc_alloc(struct doc *d, size_t size, struct err *e)
{
        struct doc_block *b = d->blocks;

        if (size > d->limits.max_bytes - d->bytes || size > SIZE_MAX / 2) {
                err_set(e, ERR_TOO_LARGE, "the document needs more than %zu bytes of memory", d->limits.max_bytes);
                return NULL;
        }
        size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        if (!b || size > b->size - b->used) {
                size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
                b = xmalloc(sizeof *b + room);
                *b = (struct doc_block){ .next = d->blocks, .size = room };
                d->blocks = b;
        }
        void *p = b->data + b->used;
        b->used += size;
        d->bytes = size > d->limits.max_bytes - d->bytes ? d->limits.max_bytes : d->bytes + size;
        return p;
}

struct doc_value *doc_add(struct doc *d, enum doc_kind kind, struct err *e)
{
        struct doc_value *v;

        if (d->values >= d->limits.max_values) {
                err_set(e, ERR_TOO_LARGE, "the document has more than %zu values", d->limits.max_values);
                return NULL;
        }
        v = doc_alloc(d, sizeof *v, e);
        if (!v)
                return NULL;
        d->values++;
        *v = (struct doc_value){ .kind = kind };
        return v;
}

const char *doc_text(struct doc *d, const char *s, size_t len, struct err *e)
{
        char *copy;

        if (len > UINT32_MAX || (len && memchr(s, '\0', len))) {
                err_set(e, ERR_INVALID, "a string %s", len > UINT32_MAX ? "is too long" : "has a NUL byte");
                return NULL;
        }
        copy = doc_alloc(d, len + 1, e);
        if (!copy)
                return NULL;
        if (len)
                memcpy(copy, s, len);
        copy[len] = '\0';
        if (!json_is_utf8(copy)) {
                err_set(e, ERR_INVALID, "a string is not UTF-8");
                return NULL;
        }
        return copy;
}

const char *doc_kind_text(enum doc_kind kind)
{
        static const char *const texts[] = {
                [DOC_NULL] = "null",      [DOC_BOOL] = "a boolean",          [DOC_INT] = "an integer",
                [DOC_FLOAT] = "a number", [DOC_STRING] = "a string",         [DOC_OBJECT] = "an object",
                [DOC_LIST] = "a list",    [DOC_INTS] = "a list of integers", [DOC_FLOATS] = "a list of numbers",
        };

        return texts[kind];
}

static int numbers_grow(struct doc_numbers *a, const struct doc *d, struct err *e)
{
        size_t size = a->are_real ? sizeof *a->reals : sizeof *a->ints;

        if (a->count < a->cap)
                return 0;
        a->cap = a->cap ? a->cap * 2 : 64;
        if (a->cap / 2 > d->limits.max_bytes / size || a->count >= UINT32_MAX / 2)
                return err_set(e, ERR_TOO_LARGE, "an array needs more than %zu bytes of memory", d->limits.max_bytes);
        if (a->are_real)
                a->reals = xrealloc(a->reals, a->cap, size);
        else
                a->ints = xrealloc(a->ints, a->cap, size);
        return 0;
}

static void numbers_become_real(struct doc_numbers *a)
{
        a->reals = xmalloc((a->cap ? a->cap : 1) * sizeof *a->reals);
        for (size_t i = 0; i < a->count; i++)
                a->reals[i] = (float) a->ints[i];
        free(a->ints);
        a->ints = NULL;
        a->are_real = true;
}

int doc_numbers_add_int(struct doc_numbers *a, const struct doc *d, int64_t v, struct err *e)
{
        if (a->are_real)
                return doc_numbers_add_real(a, d, (float) v, e);
        if (numbers_grow(a, d, e))
                return -1;
        a->ints[a->count++] = v;
        return 0;
}

int doc_numbers_add_real(struct doc_numbers *a, const struct doc *d, float v, struct err *e)
{
        if (!a->are_real)
                numbers_become_real(a);
        if (numbers_grow(a, d, e))
                return -1;
        a->reals[a->count++] = v;
        return 0;
}

void doc_numbers_done(struct doc_numbers *a)
{
        free(a->ints);
        free(a->reals);
        *a = (struct doc_numbers){ 0 };
}

int doc_numbers_take(struct doc_numbers *a, struct doc *d, struct doc_value *v, struct err *e)
{
        size_t size = a->count * (a->are_real ? sizeof *a->reals : sizeof *a->ints);
        void *copy = doc_alloc(d, size, e);

        if (!copy)
                return -1;
        memcpy(copy, a->are_real ? (const void *) a->reals : a->ints, size);
        v->kind = a->are_real ? DOC_FLOATS : DOC_INTS;
        v->count = (uint32_t) a->count;
        if (a->are_real)
                v->reals = copy;
        else
                v->ints = copy;
        doc_numbers_done(a);
        return 0;
}
