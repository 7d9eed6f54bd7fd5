/* Tensors: members, data flat or nested, and whether the data fits its datatype. */
#include "scorer/v2_tensor.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "lib/mem.h"

enum { PARAMETERS_DEPTH = 4 };
enum { NAME = 1, SHAPE = 2, DATATYPE = 4, DATA = 8 };

static const size_t NONE = SIZE_MAX;

static const struct datatype {
        const char *name;
        bool integral, truth; /* integers only; true and false too */
        double least, most;
} datatypes[] = {
        { "FP32", false, false, -INFINITY, INFINITY },
        { "FP64", false, false, -INFINITY, INFINITY },
        { "INT64", true, false, -0x1p63, 0x1p63 },
        { "INT32", true, false, INT32_MIN, INT32_MAX },
        { "INT16", true, false, INT16_MIN, INT16_MAX },
        { "INT8", true, false, INT8_MIN, INT8_MAX },
        { "UINT64", true, false, 0, 0x1p64 },
        { "UINT32", true, false, 0, UINT32_MAX },
        { "UINT16", true, false, 0, UINT16_MAX },
        { "UINT8", true, false, 0, UINT8_MAX },
        { "BOOL", true, true, 0, 1 },
};

/* What is remembered of the data. Positions are indices into it, NONE if there is no such element. */
struct seen {
        size_t fraction, truth, least_at, most_at;
        double least, most;
        bool nested;
        size_t rows, columns; /* number and length of the inner lists */
};

static void add_value(struct v2_values *values, float v)
{
        if (values->n == values->cap) {
                values->cap = values->cap ? values->cap * 2 : 64;
                values->v = xrealloc(values->v, values->cap, sizeof *values->v);
        }
        values->v[values->n++] = v;
}

/* The last integers of INT64 and UINT64 are no doubles and round to the limit beyond: their digits tell them from it. */
static double before_limit(double v, const char *text, size_t len)
{
        const char *last = v == 0x1p63 ? "9223372036854775807" : v == 0x1p64 ? "18446744073709551615" : NULL;

        return last && len == strlen(last) && memcmp(text, last, len) <= 0 ? nextafter(v, 0) : v;
}

static void see_number(struct seen *seen, size_t at, double v)
{
        if (seen->fraction == NONE && v != nearbyint(v))
                seen->fraction = at;
        if (v < seen->least)
                seen->least = v, seen->least_at = at;
        if (v > seen->most)
                seen->most = v, seen->most_at = at;
}

static int scan_word(struct scan *s, struct v2_values *values, size_t at, struct seen *seen)
{
        if (scan_take(s, "null") || scan_take(s, "NaN"))
                return add_value(values, NAN), 0;
        bool yes = scan_take(s, "true");
        if (yes || scan_take(s, "false")) {
                seen->truth = seen->truth == NONE ? at : seen->truth;
                return add_value(values, yes ? 1.0f : 0.0f), 0;
        }
        if (scan_take(s, "Infinity") || scan_take(s, "-Infinity"))
                return scan_fail(s, "data[%zu] is infinite; missing values are null or NaN", at);
        return scan_fail(s, "data[%zu] is no number", at);
}

static int scan_element(struct scan *s, struct v2_values *values, size_t first, struct seen *seen)
{
        char c = scan_peek(s);
        size_t at = values->n - first;
        const char *text = s->at;
        double v;

        if (!((c >= '0' && c <= '9') || c == '-') || (c == '-' && s->end - s->at > 1 && s->at[1] == 'I'))
                return scan_word(s, values, at, seen);
        if (scan_number(s, &v))
                return -1;
        if (isinf((float) v))
                return scan_fail(s, "data[%zu] is too large for a 32-bit float", at);
        see_number(seen, at, before_limit(v, text, (size_t) (s->at - text)));
        add_value(values, (float) v);
        return 0;
}

static int scan_row(struct scan *s, struct v2_values *values, size_t first, struct seen *seen)
{
        bool begin = true;
        int r;

        while ((r = scan_next(s, ']', &begin)) > 0)
                if (scan_element(s, values, first, seen))
                        return -1;
        return r;
}

static int scan_rows(struct scan *s, struct v2_values *values, size_t first, struct seen *seen)
{
        bool begin = true;
        int r;

        seen->nested = true;
        while ((r = scan_next(s, ']', &begin)) > 0) {
                size_t before = values->n;
                if (scan_open(s, '[', "a row of \"data\"") || scan_row(s, values, first, seen))
                        return -1;
                if (seen->rows++ > 0 && values->n - before != seen->columns)
                        return scan_fail(s, "the inner lists of data differ in length");
                seen->columns = values->n - before;
        }
        return r;
}

static int scan_data(struct scan *s, struct v2_values *values, struct v2_tensor *t, struct seen *seen)
{
        t->first = values->n;
        if (scan_open(s, '[', "\"data\""))
                return -1;
        if (scan_peek(s) == '[' ? scan_rows(s, values, t->first, seen) : scan_row(s, values, t->first, seen))
                return -1;
        t->count = values->n - t->first;
        return 0;
}

static int scan_shape(struct scan *s, struct v2_tensor *t)
{
        bool begin = true;
        int64_t length;
        int r;

        if (scan_open(s, '[', "\"shape\""))
                return -1;
        while ((r = scan_next(s, ']', &begin)) > 0) {
                if (scan_integer(s, "a length in \"shape\"", &length))
                        return -1;
                if (length < 0 || length > INT32_MAX)
                        return scan_fail(s, "a length in shape is %" PRId64, length);
                if (t->rank == V2_RANK_MAX)
                        return scan_fail(s, "shape has more than two dimensions; [rows, columns] or [rows] are taken");
                t->shape[t->rank++] = length;
        }
        return r;
}

static int scan_datatype(struct scan *s, const struct datatype **type)
{
        struct scan_text text;

        if (scan_string(s, "\"datatype\"", &text))
                return -1;
        for (size_t i = 0; i < sizeof datatypes / sizeof *datatypes; i++)
                if (scan_text_is(&text, datatypes[i].name))
                        return *type = &datatypes[i], 0;
        return scan_fail(s, "datatype \"%.*s\" is not taken; FP32, FP64, INT8 to INT64, UINT8 to UINT64 and BOOL are",
                         (int) (text.len < 32 ? text.len : 32), text.s);
}

static int scan_parameters(struct scan *s)
{
        return scan_peek(s) == '{' ? scan_skip(s, PARAMETERS_DEPTH) : scan_fail(s, "\"parameters\" is no object");
}

static int scan_member(struct scan *s, struct v2_values *values, struct v2_tensor *t, struct seen *seen,
                       const struct datatype **type, unsigned *have)
{
        struct scan_text key;
        unsigned bit;

        if (scan_key(s, &key))
                return -1;
        if (scan_text_is(&key, "parameters"))
                return scan_parameters(s);
        bit = scan_text_is(&key, "name")       ? NAME
              : scan_text_is(&key, "shape")    ? SHAPE
              : scan_text_is(&key, "datatype") ? DATATYPE
              : scan_text_is(&key, "data")     ? DATA
                                               : 0;
        if (!bit || *have & bit)
                return scan_fail(s, "\"%.*s\" %s", (int) (key.len < 64 ? key.len : 64), key.s,
                                 bit ? "appears twice in an input" : "is no member of an input");
        *have |= bit;
        return bit == NAME       ? scan_string(s, "an input's \"name\"", &t->name)
               : bit == SHAPE    ? scan_shape(s, t)
               : bit == DATATYPE ? scan_datatype(s, type)
                                 : scan_data(s, values, t, seen);
}

/* Say in front which input it is, if that is known yet. */
static int located(const struct scan *s, const struct v2_tensor *t)
{
        return t->name.len ? err_wrap(s->e, "input \"%.*s\"", (int) (t->name.len < 100 ? t->name.len : 100), t->name.s) : -1;
}

static int refuse(const struct scan *s, const struct v2_tensor *t, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int refuse(const struct scan *s, const struct v2_tensor *t, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        (void) err_setv(s->e, ERR_INVALID, fmt, ap);
        va_end(ap);
        return located(s, t);
}

static int check_type(const struct scan *s, const struct v2_tensor *t, const struct seen *seen, const struct datatype *type)
{
        size_t bad = NONE;

        if (!type->truth)
                bad = seen->truth;
        if (bad == NONE && type->integral)
                bad = seen->fraction;
        if (bad == NONE && seen->least < type->least)
                bad = seen->least_at;
        if (bad == NONE && (seen->most > type->most || (seen->most == type->most && type->most >= 0x1p63)) && type->integral)
                bad = seen->most_at;
        return bad == NONE ? 0 : refuse(s, t, "data[%zu] does not fit %s", bad, type->name);
}

static int check_shape(const struct scan *s, const struct v2_tensor *t, const struct seen *seen)
{
        int64_t columns = t->rank == 2 ? t->shape[1] : 1;

        if (t->rank == 0)
                return refuse(s, t, "shape has no dimensions; [rows, columns] or [rows] are taken");
        if (t->shape[0] == 0)
                return refuse(s, t, "has no rows");
        if (t->count != (uint64_t) t->shape[0] * (uint64_t) columns)
                return refuse(s, t, "shape wants %" PRId64 " values, data has %zu", t->shape[0] * columns, t->count);
        if (seen->nested && (t->rank != 2 || seen->rows != (size_t) t->shape[0] || seen->columns != (size_t) columns))
                return refuse(s, t, "the lists in data do not have the lengths that shape says");
        return 0;
}

int v2_tensor_scan(struct scan *s, struct v2_values *values, struct v2_tensor *t)
{
        struct seen seen = {
                .fraction = NONE, .truth = NONE, .least_at = NONE, .most_at = NONE, .least = INFINITY, .most = -INFINITY
        };
        const struct datatype *type = NULL;
        unsigned have = 0;
        bool begin = true;
        int r;

        *t = (struct v2_tensor){ 0 };
        if (scan_open(s, '{', "an input"))
                return -1;
        while ((r = scan_next(s, '}', &begin)) > 0)
                if (scan_member(s, values, t, &seen, &type, &have))
                        return located(s, t);
        if (r)
                return r;
        if (!(have & NAME))
                return scan_fail(s, "an input has no name");
        if (!(have & SHAPE) || !(have & DATATYPE))
                return refuse(s, t, "has no %s", have & SHAPE ? "datatype" : "shape");
        if (!(have & DATA))
                return refuse(s, t, "has no data (binary tensors are not taken)");
        return check_type(s, t, &seen, type) || check_shape(s, t, &seen) ? -1 : 0;
}
