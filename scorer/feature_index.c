/* Names of features to columns. */
#include "scorer/feature_index.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

/* FNV-1a, 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/). */
static uint32_t hash(const char *s, size_t len)
{
        uint32_t h = 2166136261u;

        for (size_t i = 0; i < len; i++)
                h = (h ^ (unsigned char) s[i]) * 16777619u;
        return h;
}

static int is_name(const struct feature_index *x, uint32_t column, const char *name, size_t len)
{
        return strncmp(x->names[column], name, len) == 0 && x->names[column][len] == '\0';
}

int64_t feature_index_find(const struct feature_index *x, const char *name, size_t len, uint32_t hint)
{
        if (hint < x->n && is_name(x, hint, name, len))
                return hint;
        if (!x->slots)
                return -1;
        for (uint32_t i = hash(name, len) & x->mask; x->slots[i]; i = (i + 1) & x->mask)
                if (is_name(x, x->slots[i] - 1, name, len))
                        return x->slots[i] - 1;
        return -1;
}

int feature_index_init(struct feature_index *x, char *const *names, uint32_t n, struct err *e)
{
        uint32_t size = 16;

        *x = (struct feature_index){ 0 };
        if (!names)
                return 0;
        while (size < 2 * n)
                size *= 2;
        *x = (struct feature_index){ .names = names, .n = n, .slots = xcalloc(size, sizeof *x->slots), .mask = size - 1 };
        for (uint32_t column = 0; column < n; column++) {
                size_t len = strlen(names[column]);
                if (feature_index_find(x, names[column], len, UINT32_MAX) >= 0) {
                        feature_index_done(x);
                        return err_set(e, ERR_INVALID, "two features have the name \"%.64s\"", names[column]);
                }
                uint32_t i = hash(names[column], len) & x->mask;
                while (x->slots[i])
                        i = (i + 1) & x->mask;
                x->slots[i] = column + 1;
        }
        return 0;
}

void feature_index_done(struct feature_index *x)
{
        free(x->slots);
        *x = (struct feature_index){ 0 };
}
