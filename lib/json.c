/* Helpers around jansson. */
#include "lib/json.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/utf8.h"

/* jansson nests up to 2048 levels and recurses for each, several times over when it prints: more than the stack of a server's
 * thread holds. Counted before it sees the text. */
static bool nests_too_deep(const char *text, size_t len)
{
        bool quoted = false;
        int depth = 0;

        for (size_t i = 0; i < len; i++) {
                if (quoted && text[i] == '\\')
                        i++;
                else if (text[i] == '"')
                        quoted = !quoted;
                else if (!quoted && (text[i] == '[' || text[i] == '{') && ++depth > JSON_DEPTH_MAX)
                        return true;
                else if (!quoted && (text[i] == ']' || text[i] == '}'))
                        depth--;
        }
        return false;
}

int json_parse(const char *what, const char *text, size_t len, json_t **out, struct err *e)
{
        json_error_t where;

        if (nests_too_deep(text, len))
                return err_set(e, ERR_INVALID, "%s: nested over %d levels deep", what, JSON_DEPTH_MAX);
        json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
        if (!doc)
                return err_set(e, ERR_INVALID, "%s: line %d: %s", what, where.line, where.text);
        *out = doc;
        return 0;
}

static int unpack(const char *what, json_t *doc, struct err *e, size_t flags, const char *fmt, va_list ap)
{
        json_error_t where;

        if (json_vunpack_ex(doc, &where, flags, fmt, ap))
                return err_set(e, ERR_INVALID, "%s: %s", what, where.text);
        return 0;
}

int json_take(const char *what, json_t *doc, struct err *e, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        int r = unpack(what, doc, e, JSON_STRICT, fmt, ap);
        va_end(ap);
        return r;
}

int json_peek(const char *what, json_t *doc, struct err *e, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        int r = unpack(what, doc, e, 0, fmt, ap);
        va_end(ap);
        return r;
}

bool json_is_utf8(const char *text)
{
        const unsigned char *s = (const unsigned char *) text;
        int n;

        while (*s && (n = utf8_len(s)))
                s += n;
        return !*s;
}

/* The short escapes of RFC 8259; 0 where there is none. */
static char short_escape(unsigned char c)
{
        static const char escapes[] = {
                ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'
        };

        return c < sizeof escapes ? escapes[c] : '\0';
}

void json_quote(struct strbuf *b, const char *text)
{
        const unsigned char *s = (const unsigned char *) text;

        strbuf_addc(b, '"');
        while (*s) {
                int n = utf8_len(s);
                if (short_escape(*s))
                        strbuf_addf(b, "\\%c", short_escape(*s));
                else if (*s < 0x20)
                        strbuf_addf(b, "\\u%04x", *s);
                else if (n)
                        strbuf_add(b, s, (size_t) n);
                else
                        strbuf_adds(b, "\xef\xbf\xbd");
                s += n ? n : 1;
        }
        strbuf_addc(b, '"');
}
