/* Writing JSON. Not by json_dumps(): it prints 0.91 as 0.91000000000000003, or rounds what has 17 digits. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"

struct style {
        bool sorted;
};

static void write_value(struct strbuf *b, const json_t *v, const struct style *style);

/* The shortest decimal that reads back as the same double; always with a point or an exponent, so that it stays a real. */
static void write_real(struct strbuf *b, double v)
{
        char text[32];

        for (int digits = 15; digits <= 17; digits++) {
                (void) snprintf(text, sizeof text, "%.*g", digits, v);
                if (strtod(text, NULL) == v)
                        break;
        }
        strbuf_adds(b, text);
        if (!strpbrk(text, ".e"))
                strbuf_adds(b, ".0");
}

static int by_text(const void *a, const void *b)
{
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static void write_object(struct strbuf *b, const json_t *v, const struct style *style)
{
        size_t n = json_object_size(v), i = 0;
        const char **keys = xmalloc((n + 1) * sizeof *keys);

        for (void *it = json_object_iter((json_t *) v); it; it = json_object_iter_next((json_t *) v, it))
                keys[i++] = json_object_iter_key(it);
        if (style->sorted)
                qsort(keys, n, sizeof *keys, by_text);
        strbuf_addc(b, '{');
        for (i = 0; i < n; i++) {
                strbuf_adds(b, i ? "," : "");
                json_quote(b, keys[i]);
                strbuf_addc(b, ':');
                write_value(b, json_object_get(v, keys[i]), style);
        }
        strbuf_addc(b, '}');
        free(keys);
}

static void write_array(struct strbuf *b, const json_t *v, const struct style *style)
{
        strbuf_addc(b, '[');
        for (size_t i = 0; i < json_array_size(v); i++) {
                strbuf_adds(b, i ? "," : "");
                write_value(b, json_array_get(v, i), style);
        }
        strbuf_addc(b, ']');
}

static void write_value(struct strbuf *b, const json_t *v, const struct style *style)
{
        if (json_is_object(v))
                write_object(b, v, style);
        else if (json_is_array(v))
                write_array(b, v, style);
        else if (json_is_string(v))
                json_quote(b, json_string_value(v));
        else if (json_is_integer(v))
                strbuf_addf(b, "%lld", (long long) json_integer_value(v));
        else if (json_is_real(v))
                write_real(b, json_real_value(v));
        else
                strbuf_adds(b, json_is_true(v) ? "true" : json_is_false(v) ? "false" : "null");
}

static char *write_all(const json_t *doc, const struct style *style)
{
        struct strbuf b;

        strbuf_init(&b, SIZE_MAX / 2); /* a document in memory: what it came from was capped */
        write_value(&b, doc, style);
        return strbuf_take(&b);
}

char *json_text(const json_t *doc)
{
        return write_all(doc, &(struct style){ 0 });
}

char *json_canonical(const json_t *doc)
{
        return write_all(doc, &(struct style){ .sorted = true });
}
