/* Values of settings from text, and the rows that names mean. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/mem.h"
#include "lib/settings_private.h"

struct unit {
        const char *suffix;
        int64_t factor;
};

static int scaled_parse(const char *text, const struct unit *units, size_t n, const char *example, int64_t *out, struct err *e)
{
        char *end;

        errno = 0;
        int64_t v = strtoll(text, &end, 10);
        if (end == text || errno || v < 0 || !isdigit((unsigned char) *text))
                return err_set(e, ERR_INVALID, "\"%s\" is not like %s", text, example);
        for (size_t i = 0; i < n; i++) {
                if (strcmp(end, units[i].suffix))
                        continue;
                if (v > INT64_MAX / units[i].factor)
                        return err_set(e, ERR_INVALID, "\"%s\" is too large", text);
                *out = v * units[i].factor;
                return 0;
        }
        return err_set(e, ERR_INVALID, "\"%s\" is not like %s", text, example);
}

int duration_parse(const char *text, int64_t *ms, struct err *e)
{
        static const struct unit units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };

        return scaled_parse(text, units, sizeof units / sizeof *units, "250ms, 5s, 10m or 2h", ms, e);
}

int size_parse(const char *text, int64_t *bytes, struct err *e)
{
        static const struct unit units[] = { { "", 1 }, { "KiB", 1 << 10 }, { "MiB", 1 << 20 }, { "GiB", 1 << 30 } };

        return scaled_parse(text, units, sizeof units / sizeof *units, "512, 64KiB, 64MiB or 2GiB", bytes, e);
}

static int int_parse(const char *text, int64_t *out, struct err *e)
{
        char *end;

        errno = 0;
        int64_t v = strtoll(text, &end, 10);
        if (end == text || *end || errno)
                return err_set(e, ERR_INVALID, "\"%s\" is not a whole number", text);
        *out = v;
        return 0;
}

static int bool_parse(const char *text, bool *out, struct err *e)
{
        if (strcmp(text, "true") && strcmp(text, "false"))
                return err_set(e, ERR_INVALID, "\"%s\" is neither true nor false", text);
        *out = *text == 't';
        return 0;
}

static void set_string(char **slot, const char *text)
{
        free(*slot);
        *slot = *text ? xstrdup(text) : NULL;
}

int settings_set(const struct setting *row, void *out, const char *text, struct err *e)
{
        void *slot = (char *) out + row->offset;

        switch (row->type) {
        case SETTING_STRING:
        case SETTING_SECRET:
                set_string(slot, text);
                return 0;
        case SETTING_INT:
                return int_parse(text, slot, e);
        case SETTING_BOOL:
                return bool_parse(text, slot, e);
        case SETTING_DURATION:
                return duration_parse(text, slot, e);
        case SETTING_SIZE:
                return size_parse(text, slot, e);
        }
        return err_set(e, ERR_INTERNAL, "setting %s has no type", row->name);
}

/* `a` and `b` name the same setting when they differ only in '-' against '_'. */
static bool same_name(const char *a, const char *b, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (a[i] != b[i] && !(a[i] == '_' && b[i] == '-'))
                        return false;
        return a[n] == '\0';
}

const struct setting *settings_find(const struct settings_spec *spec, const char *name, size_t n, bool *is_file)
{
        *is_file = false;
        for (const struct setting *r = spec->rows; r < spec->rows + spec->n_rows; r++)
                if (same_name(r->name, name, n))
                        return r;
        if (n <= 5 || (strncmp(name + n - 5, "-file", 5) && strncmp(name + n - 5, "_file", 5)))
                return NULL;
        *is_file = true;
        for (const struct setting *r = spec->rows; r < spec->rows + spec->n_rows; r++)
                if (r->type == SETTING_SECRET && same_name(r->name, name, n - 5))
                        return r;
        return NULL;
}

int settings_assign(const struct setting *row, bool is_file, void *out, const char *text, const char *where, struct err *e)
{
        AUTO(str) secret = NULL;

        if (is_file && fs_read_line(text, &secret, e))
                return err_wrap(e, "%s", where);
        if (settings_set(row, out, is_file ? secret : text, e))
                return err_wrap(e, "%s", where);
        return 0;
}
