/* Allow-lists of members, checked in one place. */
#include "scorer/xgb_fields.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int field_refuse(struct err *e, const char *path, const char *name, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        (void) err_setv(e, ERR_INVALID, fmt, ap);
        va_end(ap);
        if (!name)
                return err_wrap(e, "%s", *path ? path : "model");
        return err_wrap(e, "%s%s%.64s", path, *path ? "." : "", name);
}

static const char *kinds_text(unsigned kinds)
{
        if (kinds & 1u << DOC_FLOATS)
                return doc_kind_text(DOC_FLOATS);
        for (int k = 0; k <= DOC_FLOATS; k++)
                if (kinds == 1u << k)
                        return doc_kind_text(k);
        return "something else";
}

static bool kind_fits(const struct doc_value *v, unsigned kinds)
{
        if (v->kind == DOC_LIST && v->count == 0)
                return kinds & (FIELD_LIST | FIELD_NUMBERS);
        return kinds & 1u << v->kind;
}

static int take_member(const struct doc_value *m, const char *path, const struct field *rows, size_t n_rows,
                       const struct doc_value **out, struct err *e)
{
        for (size_t i = 0; i < n_rows; i++) {
                if (strcmp(rows[i].name, m->key) != 0)
                        continue;
                if (out[i])
                        return field_refuse(e, path, m->key, "appears twice");
                if (!kind_fits(m, rows[i].kinds))
                        return field_refuse(e, path, m->key, "is %s, it has to be %s", doc_kind_text(m->kind),
                                            kinds_text(rows[i].kinds));
                out[i] = m;
                return 0;
        }
        return field_refuse(e, path, m->key, "is not a field that this scorer understands");
}

int fields_take(const struct doc_value *v, const char *path, const struct field *rows, size_t n_rows,
                const struct doc_value **out, struct err *e)
{
        if (v->kind != DOC_OBJECT)
                return field_refuse(e, path, NULL, "is %s, it has to be an object", doc_kind_text(v->kind));
        memset(out, 0, n_rows * sizeof *out);
        for (const struct doc_value *m = v->first; m; m = m->next)
                if (take_member(m, path, rows, n_rows, out, e))
                        return -1;
        for (size_t i = 0; i < n_rows; i++)
                if (!out[i] && !rows[i].optional)
                        return field_refuse(e, path, rows[i].name, "is missing");
        return 0;
}

int field_int(const struct doc_value *v, const char *path, int64_t low, int64_t high, int64_t *out, struct err *e)
{
        char *end;

        errno = 0;
        long long n = strtoll(v->text, &end, 10);
        if (errno || end == v->text || *end || end != v->text + v->count)
                return field_refuse(e, path, v->key, "is \"%.32s\", it has to be an integer", v->text);
        if (n < low || n > high)
                return field_refuse(e, path, v->key, "is %lld, it has to be from %" PRId64 " to %" PRId64, n, low, high);
        *out = n;
        return 0;
}
