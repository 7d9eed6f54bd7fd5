/* JSON, piece by piece. */
#include "scorer/scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

/* Longer numbers are no measurements. */
enum { NUMBER_MAX = 100 };

int scan_fail(const struct scan *s, const char *fmt, ...)
{
        char what[256];
        va_list ap;

        va_start(ap, fmt);
        (void) vsnprintf(what, sizeof what, fmt, ap);
        va_end(ap);
        return err_set(s->e, ERR_INVALID, "byte %zu: %s", (size_t) (s->at - s->start), what);
}

bool scan_take(struct scan *s, const char *word)
{
        size_t n = strlen(word);

        if ((size_t) (s->end - s->at) < n || memcmp(s->at, word, n) != 0)
                return false;
        s->at += n;
        return true;
}

int scan_open(struct scan *s, char bracket, const char *what)
{
        if (scan_peek(s) != bracket)
                return scan_fail(s, "%s is no %s", what, bracket == '[' ? "list" : "object");
        s->at++;
        return 0;
}

static bool is_hex(char c)
{
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static int check_escape(struct scan *s)
{
        size_t left = (size_t) (s->end - s->at);

        if (left >= 2 && s->at[1] && strchr("\"\\/bfnrt", s->at[1]))
                return s->at += 2, 0;
        if (left >= 6 && s->at[1] == 'u' && is_hex(s->at[2]) && is_hex(s->at[3]) && is_hex(s->at[4]) && is_hex(s->at[5]))
                return s->at += 6, 0;
        return scan_fail(s, "an unknown escape in a string");
}

int scan_string(struct scan *s, const char *what, struct scan_text *out)
{
        if (scan_peek(s) != '"')
                return scan_fail(s, "%s is no string", what);
        *out = (struct scan_text){ .s = ++s->at };
        while (s->at < s->end && *s->at != '"') {
                if ((unsigned char) *s->at < 0x20)
                        return scan_fail(s, "a control character in a string");
                if (*s->at != '\\') {
                        s->at++;
                        continue;
                }
                out->escaped = true;
                if (check_escape(s))
                        return -1;
        }
        if (s->at == s->end)
                return scan_fail(s, "a string without an end");
        out->len = (size_t) (s->at++ - out->s);
        return 0;
}

/* What a number's text says: up to 19 digits of mantissa, and the power of ten that goes with them. */
struct decimal {
        uint64_t mantissa;
        int digits; /* significant ones, leading zeros not counted */
        int exponent;
        bool negative, plain; /* plain: no fraction, no exponent */
};

static void add_digit(struct decimal *d, char c)
{
        if (d->digits < 19)
                d->mantissa = d->mantissa * 10 + (uint64_t) (c - '0');
        if (d->mantissa)
                d->digits++;
}

static bool is_digit(const struct scan *s)
{
        return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

/* Move over the number at the cursor; false if the grammar of RFC 8259 has none there. */
static bool read_decimal(struct scan *s, struct decimal *d)
{
        *d = (struct decimal){ .negative = scan_take(s, "-"), .plain = true };
        if (!is_digit(s))
                return false;
        if (*s->at == '0')
                s->at++;
        else
                for (; is_digit(s); s->at++)
                        add_digit(d, *s->at);
        if (s->at < s->end && *s->at == '.') {
                d->plain = false;
                s->at++;
                if (!is_digit(s))
                        return false;
                for (; is_digit(s); s->at++, d->exponent--)
                        add_digit(d, *s->at);
        }
        if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
                int sign = 1, exponent = 0;
                d->plain = false;
                s->at++;
                if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
                        sign = *s->at++ == '-' ? -1 : 1;
                if (!is_digit(s))
                        return false;
                for (; is_digit(s); s->at++)
                        exponent = exponent < 100000 ? exponent * 10 + (*s->at - '0') : exponent;
                d->exponent += sign * exponent;
        }
        return true;
}

int scan_number(struct scan *s, double *out)
{
        /* A mantissa below 2^53 and a power of ten up to 10^22 are exact, so one operation rounds once. */
        static const double powers[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                         1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
        const char *begin = s->at;
        char token[NUMBER_MAX + 1];
        struct decimal d;

        if (!read_decimal(s, &d))
                return s->at = begin, scan_fail(s, "this is no number");
        if (d.digits <= 15 && d.exponent >= -22 && d.exponent <= 22) {
                double v = (double) d.mantissa;
                v = d.exponent < 0 ? v / powers[-d.exponent] : v * powers[d.exponent];
                return *out = d.negative ? -v : v, 0;
        }
        size_t len = (size_t) (s->at - begin);
        if (len > NUMBER_MAX)
                return s->at = begin, scan_fail(s, "a number is longer than %d characters", NUMBER_MAX);
        memcpy(token, begin, len);
        token[len] = '\0';
        return *out = strtod(token, NULL), 0;
}

int scan_integer(struct scan *s, const char *what, int64_t *out)
{
        const char *begin = s->at;
        struct decimal d;

        if (!read_decimal(s, &d) || !d.plain || d.digits > 18)
                return s->at = begin, scan_fail(s, "%s is no integer", what);
        *out = d.negative ? -(int64_t) d.mantissa : (int64_t) d.mantissa;
        return 0;
}

int scan_next(struct scan *s, char close, bool *first)
{
        char c = scan_peek(s);

        if (c == close)
                return s->at++, 0;
        if (!*first && c != ',')
                return scan_fail(s, "a comma or %c has to follow", close);
        if (!*first) {
                s->at++;
                if (scan_peek(s) == close)
                        return scan_fail(s, "a comma before %c", close);
        }
        *first = false;
        return 1;
}

int scan_key(struct scan *s, struct scan_text *key)
{
        if (scan_peek(s) != '"')
                return scan_fail(s, "the name of a member has to follow");
        if (scan_string(s, "", key))
                return -1;
        if (scan_peek(s) != ':')
                return scan_fail(s, "a colon has to follow");
        s->at++;
        return 0;
}

int scan_skip(struct scan *s, unsigned max_depth)
{
        struct scan_text text;
        double number;
        char c = scan_peek(s), close = c == '{' ? '}' : ']';
        bool first = true;
        int r;

        if (c == '"')
                return scan_string(s, "", &text);
        if (c != '{' && c != '[')
                return scan_take(s, "null") || scan_take(s, "true") || scan_take(s, "false") ? 0 : scan_number(s, &number);
        if (max_depth == 0)
                return scan_fail(s, "nested too deep");
        s->at++;
        while ((r = scan_next(s, close, &first)) > 0)
                if ((c == '{' && scan_key(s, &text)) || scan_skip(s, max_depth - 1))
                        return -1;
        return r;
}

bool scan_text_is(const struct scan_text *t, const char *word)
{
        if (!t->escaped)
                return strlen(word) == t->len && memcmp(t->s, word, t->len) == 0;
        char *copy = scan_text_copy(t);
        bool same = !strcmp(copy, word);
        free(copy);
        return same;
}

static unsigned hex4(const char *s)
{
        char digits[5] = { s[0], s[1], s[2], s[3] };

        return (unsigned) strtoul(digits, NULL, 16);
}

/* The code point of the \u escape at *s, which moves over it, and over the second half of a pair. */
static unsigned code_point(const char **s, const char *end)
{
        unsigned high = hex4(*s + 2);

        *s += 6;
        if (high < 0xd800 || high > 0xdfff)
                return high ? high : 0xfffd;
        if (high > 0xdbff || end - *s < 6 || (*s)[0] != '\\' || (*s)[1] != 'u')
                return 0xfffd;
        unsigned low = hex4(*s + 2);
        if (low < 0xdc00 || low > 0xdfff)
                return 0xfffd;
        *s += 6;
        return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

static char *put_utf8(char *out, unsigned c)
{
        if (c < 0x80)
                return *out++ = (char) c, out;
        if (c >= 0x10000) {
                *out++ = (char) (0xf0 | c >> 18);
                *out++ = (char) (0x80 | (c >> 12 & 0x3f));
        } else if (c >= 0x800) {
                *out++ = (char) (0xe0 | c >> 12);
        }
        *out++ = (char) (c >= 0x800 ? 0x80 | (c >> 6 & 0x3f) : 0xc0 | c >> 6);
        *out++ = (char) (0x80 | (c & 0x3f));
        return out;
}

char *scan_text_copy(const struct scan_text *t)
{
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        const char *s = t->s, *end = t->s + t->len;
        char *copy = xmalloc(t->len + 1), *out = copy; /* no escape is shorter than what it stands for */

        while (s < end) {
                if (*s != '\\') {
                        *out++ = *s++;
                } else if (s[1] == 'u') {
                        out = put_utf8(out, code_point(&s, end));
                } else {
                        *out++ = to[strchr(from, s[1]) - from];
                        s += 2;
                }
        }
        *out = '\0';
        return copy;
}
