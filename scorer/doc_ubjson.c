/* UBJSON to a document tree; every length is checked against the bytes that are left before anything is allocated. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "scorer/doc.h"

struct input {
        const unsigned char *start, *at, *end;
        struct doc *doc;
        unsigned depth;
        struct doc_numbers numbers;
        struct err *e;
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

static size_t left(const struct input *in)
{
        return (size_t) (in->end - in->at);
}

static uint64_t big_endian(const unsigned char *p, size_t n)
{
        uint64_t v = 0;

        while (n--)
                v = v << 8 | *p++;
        return v;
}

/* Bytes of a number with this marker, 0 for everything else. */
static size_t number_size(int marker)
{
        switch (marker) {
        case 'i':
        case 'U':
        case 'C':
                return 1;
        case 'I':
                return 2;
        case 'l':
        case 'd':
                return 4;
        case 'L':
        case 'D':
                return 8;
        default:
                return 0;
        }
}

static bool is_real(int marker)
{
        return marker == 'd' || marker == 'D';
}

static int64_t integer_at(int marker, const unsigned char *p)
{
        uint64_t raw = big_endian(p, number_size(marker));

        switch (marker) {
        case 'i':
                return (int8_t) raw;
        case 'I':
                return (int16_t) raw;
        case 'l':
                return (int32_t) raw;
        default: /* U and C are unsigned bytes, L is as wide as the result */
                return (int64_t) raw;
        }
}

static float real_at(int marker, const unsigned char *p)
{
        uint64_t raw = big_endian(p, number_size(marker));
        uint32_t narrow = (uint32_t) raw;
        double wide;
        float value;

        if (marker == 'd')
                return memcpy(&value, &narrow, sizeof value), value;
        memcpy(&wide, &raw, sizeof wide);
        return (float) wide;
}

static int read_marker(struct input *in, int *marker)
{
        if (in->at == in->end)
                return fail(in, "the file ends in the middle of the document");
        *marker = *in->at++;
        return 0;
}

/* A length: an integer marker and its value, at most the bytes that are left divided by `unit`. */
static int read_length(struct input *in, size_t unit, size_t *out)
{
        int marker;

        if (read_marker(in, &marker))
                return -1;
        size_t size = number_size(marker);
        if (!size || is_real(marker) || marker == 'C')
                return fail(in, "a length has to follow");
        if (size > left(in))
                return fail(in, "the file ends inside a length");
        int64_t n = integer_at(marker, in->at);
        in->at += size;
        if (n < 0 || (uint64_t) n > left(in) / unit || n > UINT32_MAX)
                return fail(in, "length %" PRId64 " is beyond the end of the file", n);
        *out = (size_t) n;
        return 0;
}

static int read_string(struct input *in, const char **text, uint32_t *count)
{
        size_t len;

        if (read_length(in, 1, &len))
                return -1;
        *text = doc_text(in->doc, (const char *) in->at, len, in->e);
        if (!*text)
                return located(in);
        in->at += len;
        *count = (uint32_t) len;
        return 0;
}

/* `[$x#Ln`, then n bare values of x. */
static int parse_typed_array(struct input *in, struct doc_value *v)
{
        int type, hash;
        size_t n;

        if (read_marker(in, &type) || read_marker(in, &hash))
                return -1;
        size_t size = number_size(type);
        if (!size || hash != '#')
                return fail(in, "a typed array has to be of numbers and counted");
        if (read_length(in, size, &n))
                return -1;
        if (n == 0)
                return 0;
        v->count = (uint32_t) n;
        v->kind = is_real(type) ? DOC_FLOATS : DOC_INTS;
        void *copy = doc_alloc(in->doc, n * (is_real(type) ? sizeof(float) : sizeof(int64_t)), in->e);
        if (!copy)
                return located(in);
        v->ints = copy;
        for (size_t i = 0; i < n; i++, in->at += size) {
                if (is_real(type))
                        ((float *) copy)[i] = real_at(type, in->at);
                else
                        ((int64_t *) copy)[i] = integer_at(type, in->at);
        }
        return 0;
}

static int parse_number_element(struct input *in)
{
        int marker;

        if (read_marker(in, &marker))
                return -1;
        if (marker == 'T' || marker == 'F')
                return doc_numbers_add_int(&in->numbers, in->doc, marker == 'T', in->e);
        size_t size = number_size(marker);
        if (!size)
                return fail(in, "a list that mixes numbers with other values");
        if (size > left(in))
                return fail(in, "the file ends inside a number");
        const unsigned char *p = in->at;
        in->at += size;
        if (is_real(marker))
                return doc_numbers_add_real(&in->numbers, in->doc, real_at(marker, p), in->e);
        return doc_numbers_add_int(&in->numbers, in->doc, integer_at(marker, p), in->e);
}

/* Whether the elements are all there; `counted` arrays have no closing bracket. */
static bool at_end(struct input *in, bool counted, size_t n, size_t done)
{
        if (counted)
                return done == n;
        if (in->at < in->end && *in->at == ']')
                return in->at++, true;
        return false;
}

static int parse_list(struct input *in, struct doc_value *v, bool counted, size_t n)
{
        struct doc_value **tail = &v->first;
        bool numbers = in->at < in->end && (number_size(*in->at) || *in->at == 'T' || *in->at == 'F');

        if (at_end(in, counted, n, 0))
                return 0;
        doc_numbers_done(&in->numbers);
        do {
                if (numbers ? parse_number_element(in) : parse_value(in, tail))
                        return -1;
                if (numbers)
                        continue;
                enum doc_kind kind = (*tail)->kind;
                if (kind == DOC_INT || kind == DOC_FLOAT || kind == DOC_BOOL)
                        return fail(in, "a list that mixes numbers with other values");
                tail = &(*tail)->next;
                v->count++;
        } while (!at_end(in, counted, n, numbers ? in->numbers.count : v->count));
        if (numbers && doc_numbers_take(&in->numbers, in->doc, v, in->e))
                return located(in);
        return 0;
}

static int parse_array(struct input *in, struct doc_value *v)
{
        size_t n;

        if (in->at < in->end && *in->at == '$')
                return in->at++, parse_typed_array(in, v);
        if (in->at == in->end || *in->at != '#')
                return parse_list(in, v, false, 0);
        in->at++;
        return read_length(in, 1, &n) ? -1 : parse_list(in, v, true, n);
}

static int parse_object(struct input *in, struct doc_value *v)
{
        struct doc_value **tail = &v->first;
        const char *key;
        uint32_t len;

        for (; in->at < in->end && *in->at != '}'; v->count++) {
                if (read_string(in, &key, &len) || parse_value(in, tail))
                        return -1;
                (*tail)->key = key;
                tail = &(*tail)->next;
        }
        if (in->at == in->end)
                return fail(in, "the file ends inside an object");
        in->at++;
        return 0;
}

static int parse_container(struct input *in, struct doc_value *v)
{
        if (++in->depth > in->doc->limits.max_depth)
                return fail(in, "nested deeper than %u levels", in->doc->limits.max_depth);
        int r = v->kind == DOC_OBJECT ? parse_object(in, v) : parse_array(in, v);
        in->depth--;
        return r;
}

static int parse_number(struct input *in, int marker, struct doc_value *v)
{
        size_t size = number_size(marker);

        if (!size)
                return in->at--, fail(in, "marker 0x%02x is unknown here", (unsigned) marker);
        if (size > left(in))
                return fail(in, "the file ends inside a number");
        v->kind = is_real(marker) ? DOC_FLOAT : DOC_INT;
        if (is_real(marker))
                v->real = real_at(marker, in->at);
        else
                v->integer = integer_at(marker, in->at);
        in->at += size;
        return 0;
}

static int parse_value(struct input *in, struct doc_value **out)
{
        int marker;

        if (read_marker(in, &marker))
                return -1;
        struct doc_value *v = *out = doc_add(in->doc, DOC_NULL, in->e);
        if (!v)
                return located(in);
        switch (marker) {
        case 'Z':
                return 0;
        case 'T':
        case 'F':
                return v->kind = DOC_BOOL, v->truth = marker == 'T', 0;
        case 'S':
                return v->kind = DOC_STRING, read_string(in, &v->text, &v->count);
        case '[':
        case '{':
                return v->kind = marker == '[' ? DOC_LIST : DOC_OBJECT, parse_container(in, v);
        default:
                return parse_number(in, marker, v);
        }
}

int doc_ubjson_parse(const void *data, size_t len, const struct doc_limits *limits, struct doc *d, struct err *e)
{
        const unsigned char *bytes = data;
        struct input in = { .start = bytes, .at = bytes, .end = bytes + len, .doc = d, .e = e };

        *d = (struct doc){ .limits = *limits };
        int r = parse_value(&in, &d->root);
        if (r == 0 && in.at < in.end)
                r = fail(&in, "more bytes after the document");
        doc_numbers_done(&in.numbers);
        if (r)
                doc_done(d);
        return r;
}
