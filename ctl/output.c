/* Standard output. */
#include "ctl/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl/text.h"
#include "lib/mem.h"

static void new_line(struct strbuf *out, int depth)
{
        strbuf_adds(out, "\n");
        for (int i = 0; i < depth; i++)
                strbuf_adds(out, "  ");
}

/* A string with its quotes, from the opening one; returns what follows it. */
static const char *copy_string(const char *s, struct strbuf *out)
{
        const char *end = s + 1;

        while (*end && *end != '"')
                end += *end == '\\' && end[1] ? 2 : 1;
        end += *end == '"';
        strbuf_add(out, s, (size_t) (end - s));
        return end;
}

static const char *skip_blanks(const char *s)
{
        return s + strspn(s, " \t\r\n");
}

void json_indent(const char *s, struct strbuf *out)
{
        int depth = 0;

        for (s = skip_blanks(s); *s; s = skip_blanks(s)) {
                char ch = *s;
                if (ch == '"') {
                        s = copy_string(s, out);
                        continue;
                }
                s++;
                if (ch == '{' || ch == '[') {
                        const char *next = skip_blanks(s);
                        strbuf_addc(out, ch);
                        if (*next == '}' || *next == ']')
                                strbuf_addc(out, *next), s = next + 1;
                        else
                                new_line(out, ++depth);
                } else if (ch == '}' || ch == ']') {
                        new_line(out, --depth);
                        strbuf_addc(out, ch);
                } else {
                        strbuf_addc(out, ch);
                        if (ch == ',')
                                new_line(out, depth);
                        else if (ch == ':')
                                strbuf_addc(out, ' ');
                }
        }
}

static void put(const struct strbuf *b)
{
        (void) fwrite(strbuf_str(b), 1, b->len, stdout);
}

void output_json(const struct ctl *c, const char *text)
{
        AUTO_STRBUF b;

        strbuf_init(&b, OUTPUT_MAX_BYTES);
        if (c->tty_out)
                json_indent(text, &b);
        else
                strbuf_adds(&b, text);
        if (!b.len || strbuf_str(&b)[b.len - 1] != '\n')
                strbuf_addc(&b, '\n');
        put(&b);
}

void output_names(const json_t *list, const char *key)
{
        size_t i;
        json_t *row;

        json_array_foreach (list, i, row) {
                const char *name = json_str(row, key);
                if (name)
                        output_line("%s", name);
                else
                        output_line("%" PRId64, json_num(row, key, 0));
        }
}

void output_table(const struct ctl *c, const struct table *t)
{
        AUTO_STRBUF b;

        strbuf_init(&b, OUTPUT_MAX_BYTES);
        table_print(t, c->color_out, &b);
        put(&b);
}

void output_line(const char *fmt, ...)
{
        AUTO_STRBUF b;
        va_list ap;

        strbuf_init(&b, OUTPUT_MAX_BYTES);
        va_start(ap, fmt);
        AUTO(str) text = NULL;
        if (vasprintf(&text, fmt, ap) < 0)
                text = xstrdup("");
        va_end(ap);
        text_clean(&b, text, 0);
        strbuf_addc(&b, '\n');
        put(&b);
}

int output_finish(struct err *e)
{
        errno = 0;
        bool failed = fflush(stdout) != 0 || ferror(stdout);

        if (!failed)
                return 0;
        /* an earlier write may have failed, and its errno is gone */
        return err_set(e, ERR_INTERNAL, "standard output could not be written%s%s", errno ? ": " : "",
                       errno ? strerror(errno) : "");
}

const char *json_str(const json_t *doc, const char *key)
{
        return json_string_value(json_object_get(doc, key));
}

int64_t json_num(const json_t *doc, const char *key, int64_t fallback)
{
        const json_t *v = json_object_get(doc, key);

        return json_is_integer(v) ? json_integer_value(v) : fallback;
}

double json_dbl(const json_t *doc, const char *key, double fallback)
{
        const json_t *v = json_object_get(doc, key);

        return json_is_number(v) ? json_number_value(v) : fallback;
}
