/* JSON text to a document tree, by recursive descent under a depth cap. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/strbuf.h"
#include "scorer/doc.h"

/* Longer numbers than any program writes; std::stream's long mantissas of old models fit. */
enum { NUMBER_MAX = 127 };

struct input {
        const char *start, *at, *end;
        struct doc *doc;
        unsigned depth;
        struct strbuf text; /* the string being unescaped */
        struct doc_numbers numbers;
        struct err *e;
};

struct number {
        bool is_real;
        int64_t integer;
        float real;
};

static int parse_value(struct input *in, struct doc_value **out);

__attribute__((format(printf, 2, 3))) static int fail(const struct input *in, const char *fmt, ...)
{
        char what[128];
        va_list ap;

        va_start(ap, fmt);
        (void) vsnprintf(what, sizeof what, fmt, ap);
        va_end(ap);
        return err_set(in->e, ERR_INVALID, "byte %zu: %s", (size_t) (in->at - in->start), what);
}

static int located(const struct input *in)
{
        return err_wrap(in->e, "byte %zu", (size_t) (in->at - in->start));
}

/* The next byte that is no white space, '\0' at the end. */
static char peek(struct input *in)
{
        while (in->at < in->end && (*in->at == ' ' || *in->at == '\n' || *in->at == '\r' || *in->at == '\t'))
                in->at++;
        return in->at < in->end ? *in->at : '\0';
}

static bool take(struct input *in, const char *word)
{
        size_t n = strlen(word);

        if ((size_t) (in->end - in->at) < n || memcmp(in->at, word, n) != 0)
                return false;
        in->at += n;
        return true;
}

static const char *skip_digits(const char *p, const char *end)
{
        while (p < end && *p >= '0' && *p <= '9')
                p++;
        return p;
}

/* Length of the number at `s` by the grammar of RFC 8259, 0 if there is none. */
static size_t number_length(const char *s, const char *end, bool *is_real)
{
        const char *digits = s + (s < end && *s == '-'), *p = skip_digits(digits, end);

        *is_real = false;
        if (p == digits)
                return 0;
        if (*digits == '0')
                p = digits + 1;
        if (p < end && *p == '.') {
                *is_real = true;
                digits = p + 1;
                p = skip_digits(digits, end);
                if (p == digits)
                        return 0;
        }
        if (p < end && (*p == 'e' || *p == 'E')) {
                *is_real = true;
                digits = p + 1;
                digits += digits < end && (*digits == '+' || *digits == '-');
                p = skip_digits(digits, end);
                if (p == digits)
                        return 0;
        }
        return (size_t) (p - s);
}

static int parse_number(struct input *in, struct number *out)
{
        char token[NUMBER_MAX + 1];
        bool is_real;

        *out = (struct number){ .is_real = true };
        if (take(in, "NaN"))
                return out->real = NAN, 0;
        if (take(in, "Infinity"))
                return out->real = INFINITY, 0;
        if (take(in, "-Infinity"))
                return out->real = -INFINITY, 0;
        size_t len = number_length(in->at, in->end, &is_real);
        if (!len || len > NUMBER_MAX)
                return fail(in, len ? "a number is longer than %d characters" : "this is no value", NUMBER_MAX);
        memcpy(token, in->at, len);
        token[len] = '\0';
        errno = 0;
        out->integer = is_real ? 0 : strtoll(token, NULL, 10);
        out->is_real = is_real || errno == ERANGE;
        if (out->is_real)
                out->real = strtof(token, NULL);
        in->at += len;
        return 0;
}

static int parse_hex4(struct input *in, unsigned *out)
{
        *out = 0;
        for (int i = 0; i < 4; i++, in->at++) {
                static const char digits[] = "0123456789abcdef";
                char c = in->at < in->end ? *in->at : '\0';
                const char *d = c ? strchr(digits, c | (c > '9' ? 0x20 : 0)) : NULL;
                if (!d)
                        return fail(in, "\\u wants four hexadecimal digits");
                *out = *out * 16 + (unsigned) (d - digits);
        }
        return 0;
}

static void add_utf8(struct strbuf *b, unsigned c)
{
        if (c >= 0x10000) {
                strbuf_addc(b, (char) (0xf0 | c >> 18));
                strbuf_addc(b, (char) (0x80 | (c >> 12 & 0x3f)));
        } else if (c >= 0x800) {
                strbuf_addc(b, (char) (0xe0 | c >> 12));
        }
        if (c >= 0x800)
                strbuf_addc(b, (char) (0x80 | (c >> 6 & 0x3f)));
        else if (c >= 0x80)
                strbuf_addc(b, (char) (0xc0 | c >> 6));
        strbuf_addc(b, (char) (c >= 0x80 ? 0x80 | (c & 0x3f) : c));
}

static int parse_escape(struct input *in)
{
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        char c = in->at < in->end ? *in->at++ : '\0';
        const char *simple = c ? strchr(from, c) : NULL;
        unsigned code, low;

        if (simple)
                return strbuf_addc(&in->text, to[simple - from]), 0;
        if (c != 'u')
                return fail(in, "an unknown escape in a string");
        if (parse_hex4(in, &code))
                return -1;
        if (code >= 0xd800 && code < 0xdc00) {
                if (!take(in, "\\u") || parse_hex4(in, &low) || low < 0xdc00 || low > 0xdfff)
                        return fail(in, "half a surrogate pair in a string");
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
        add_utf8(&in->text, code);
        return 0;
}

/* The string whose opening quote is next. */
static int parse_string(struct input *in, const char **text, uint32_t *len)
{
        strbuf_reset(&in->text);
        for (in->at++; in->at < in->end && *in->at != '"';) {
                const char *plain = in->at;
                while (in->at < in->end && *in->at != '"' && *in->at != '\\' && (unsigned char) *in->at >= 0x20)
                        in->at++;
                strbuf_add(&in->text, plain, (size_t) (in->at - plain));
                if (in->at < in->end && (unsigned char) *in->at < 0x20)
                        return fail(in, "a control character in a string");
                if (in->at < in->end && *in->at == '\\') {
                        in->at++;
                        if (parse_escape(in))
                                return -1;
                }
        }
        if (in->at == in->end)
                return fail(in, "a string without an end");
        *text = doc_text(in->doc, strbuf_str(&in->text), in->text.len, in->e);
        if (!*text)
                return located(in);
        *len = (uint32_t) in->text.len;
        in->at++;
        return 0;
}

static int parse_member(struct input *in, struct doc_value **out)
{
        const char *key;
        uint32_t len;

        if (peek(in) != '"')
                return fail(in, "the name of a member has to follow");
        if (parse_string(in, &key, &len))
                return -1;
        if (peek(in) != ':')
                return fail(in, "a colon has to follow");
        in->at++;
        if (parse_value(in, out))
                return -1;
        (*out)->key = key;
        return 0;
}

/* Members or elements up to `close`, which begins after the opening bracket. */
static int parse_children(struct input *in, struct doc_value *parent, char close)
{
        struct doc_value **tail = &parent->first;

        if (parent->count == 0 && peek(in) == close)
                return in->at++, 0;
        for (;;) {
                if (parent->count > 0 && peek(in) == close)
                        return in->at++, 0;
                if (parent->count > 0 && peek(in) != ',')
                        return fail(in, "a comma or %c has to follow", close);
                in->at += parent->count > 0;
                if (close == '}' ? parse_member(in, tail) : parse_value(in, tail))
                        return -1;
                enum doc_kind kind = (*tail)->kind;
                if (close == ']' && (kind == DOC_INT || kind == DOC_FLOAT || kind == DOC_BOOL))
                        return fail(in, "a list that mixes numbers with other values");
                tail = &(*tail)->next;
                parent->count++;
        }
}

static int parse_number_element(struct input *in)
{
        struct number n;
        char c = peek(in);

        if (c && strchr("\"{[n", c))
                return fail(in, "a list that mixes numbers with other values");
        if (take(in, "true"))
                return doc_numbers_add_int(&in->numbers, in->doc, 1, in->e);
        if (take(in, "false"))
                return doc_numbers_add_int(&in->numbers, in->doc, 0, in->e);
        if (parse_number(in, &n))
                return -1;
        if (n.is_real)
                return doc_numbers_add_real(&in->numbers, in->doc, n.real, in->e);
        return doc_numbers_add_int(&in->numbers, in->doc, n.integer, in->e);
}

static int parse_numbers(struct input *in, struct doc_value *list)
{
        doc_numbers_done(&in->numbers);
        for (;;) {
                if (parse_number_element(in))
                        return -1;
                char c = peek(in);
                if (c != ',' && c != ']')
                        return fail(in, "a comma or ] has to follow");
                in->at++;
                if (c == ']')
                        return doc_numbers_take(&in->numbers, in->doc, list, in->e) ? located(in) : 0;
        }
}

static int parse_container(struct input *in, struct doc_value *v)
{
        int r;

        if (++in->depth > in->doc->limits.max_depth)
                return fail(in, "nested deeper than %u levels", in->doc->limits.max_depth);
        char open = *in->at++, first = peek(in);
        if (open == '[' && first && strchr("-0123456789NItf", first))
                r = parse_numbers(in, v);
        else
                r = parse_children(in, v, open == '{' ? '}' : ']');
        in->depth--;
        return r;
}

static int parse_scalar(struct input *in, struct doc_value *v)
{
        struct number n;

        if (take(in, "null"))
                return v->kind = DOC_NULL, 0;
        if (take(in, "true"))
                return v->kind = DOC_BOOL, v->truth = true, 0;
        if (take(in, "false"))
                return v->kind = DOC_BOOL, 0;
        if (parse_number(in, &n))
                return -1;
        v->kind = n.is_real ? DOC_FLOAT : DOC_INT;
        if (n.is_real)
                v->real = n.real;
        else
                v->integer = n.integer;
        return 0;
}

static int parse_value(struct input *in, struct doc_value **out)
{
        char c = peek(in);
        enum doc_kind kind = c == '{' ? DOC_OBJECT : c == '[' ? DOC_LIST : c == '"' ? DOC_STRING : DOC_NULL;
        struct doc_value *v = doc_add(in->doc, kind, in->e);

        if (!v)
                return located(in);
        *out = v;
        if (kind == DOC_STRING)
                return parse_string(in, &v->text, &v->count);
        return kind == DOC_NULL ? parse_scalar(in, v) : parse_container(in, v);
}

int doc_json_parse(const char *text, size_t len, const struct doc_limits *limits, struct doc *d, struct err *e)
{
        struct input in = { .start = text, .at = text, .end = text + len, .doc = d, .e = e };

        *d = (struct doc){ .limits = *limits };
        strbuf_init(&in.text, len);
        int r = parse_value(&in, &d->root);
        if (r == 0 && (peek(&in) || in.at < in.end))
                r = fail(&in, "more text after the document");
        strbuf_done(&in.text);
        doc_numbers_done(&in.numbers);
        if (r)
                doc_done(d);
        return r;
}
