/* Loading settings: defaults, YAML file, environment, flags. */
#include "lib/settings.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/mem.h"
#include "lib/settings_help.h"

enum { FILE_MAX_BYTES = 1 << 20 };

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

static int assign(const struct setting *row, void *out, const char *text, struct err *e)
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

/* The row called name[0..n); *is_file is set when it is the "-file" spelling of a secret. */
static const struct setting *find(const struct settings_spec *spec, const char *name, size_t n, bool *is_file)
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

static int assign_named(const struct setting *row, bool is_file, void *out, const char *text, const char *where, struct err *e)
{
        AUTO(str) secret = NULL;

        if (is_file && fs_read_line(text, &secret, e))
                return err_wrap(e, "%s", where);
        if (assign(row, out, is_file ? secret : text, e))
                return err_wrap(e, "%s", where);
        return 0;
}

static int load_defaults(const struct settings_spec *spec, void *out, struct err *e)
{
        for (const struct setting *r = spec->rows; r < spec->rows + spec->n_rows; r++)
                if ((*r->fallback || r->type == SETTING_STRING) && assign(r, out, r->fallback, e))
                        return err_wrap(e, "default of %s", r->name);
        return 0;
}

/* "SLUICE_REGISTRYD_LISTEN"; the caller frees it. */
static char *env_name(const struct settings_spec *spec, const char *name, const char *suffix)
{
        char *out = spec->env ? xasprintf("%s%s%s", spec->env, name, suffix)
                              : xasprintf("SLUICE_%s_%s%s", spec->program, name, suffix);

        for (char *p = out; *p; p++)
                *p = (char) toupper((unsigned char) *p);
        return out;
}

static int load_environment(const struct settings_spec *spec, void *out, struct err *e)
{
        for (const struct setting *r = spec->rows; r < spec->rows + spec->n_rows; r++) {
                for (int is_file = 0; is_file <= (r->type == SETTING_SECRET); is_file++) {
                        AUTO(str) name = env_name(spec, r->name, is_file ? "_FILE" : "");
                        const char *text = getenv(name);
                        if (text && assign_named(r, is_file, out, text, name, e))
                                return -1;
                }
        }
        return 0;
}

/* One "key: value" pair of the file, which is a flat YAML mapping. */
static int load_pair(const struct settings_spec *spec, void *out, const char *path, const yaml_event_t *key,
                     const yaml_event_t *value, struct err *e)
{
        bool is_file;

        if (key->type != YAML_SCALAR_EVENT || value->type != YAML_SCALAR_EVENT)
                return err_set(e, ERR_INVALID, "%s line %zu: expected \"name: value\"", path, key->start_mark.line + 1);
        const char *name = (const char *) key->data.scalar.value;
        const struct setting *row = find(spec, name, strlen(name), &is_file);
        if (!row)
                return err_set(e, ERR_INVALID, "%s line %zu: there is no setting \"%s\"", path, key->start_mark.line + 1, name);
        AUTO(str) where = xasprintf("%s line %zu: %s", path, key->start_mark.line + 1, name);
        return assign_named(row, is_file, out, (const char *) value->data.scalar.value, where, e);
}

static int next_event(yaml_parser_t *p, yaml_event_t *ev, const char *path, struct err *e)
{
        if (yaml_parser_parse(p, ev))
                return 0;
        *ev = (yaml_event_t){ 0 };
        return err_set(e, ERR_INVALID, "%s line %zu: %s", path, p->problem_mark.line + 1, p->problem ? p->problem : "not YAML");
}

static int load_mapping(const struct settings_spec *spec, void *out, const char *path, yaml_parser_t *p, struct err *e)
{
        for (;;) {
                yaml_event_t key = { 0 }, value = { 0 };
                int r = next_event(p, &key, path, e);
                if (r == 0 && key.type == YAML_MAPPING_END_EVENT) {
                        yaml_event_delete(&key);
                        return 0;
                }
                if (r == 0)
                        r = next_event(p, &value, path, e);
                if (r == 0)
                        r = load_pair(spec, out, path, &key, &value, e);
                yaml_event_delete(&key);
                yaml_event_delete(&value);
                if (r)
                        return -1;
        }
}

/* The one mapping that the file holds; an empty file has none. */
static int load_documents(const struct settings_spec *spec, void *out, const char *path, yaml_parser_t *p, struct err *e)
{
        bool seen = false, more = true;

        while (more) {
                yaml_event_t ev;
                if (next_event(p, &ev, path, e))
                        return -1;
                yaml_event_type_t type = ev.type;
                yaml_event_delete(&ev);
                if (type == YAML_MAPPING_START_EVENT && !seen) {
                        if (load_mapping(spec, out, path, p, e))
                                return -1;
                        seen = true;
                } else if (type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT || type == YAML_SCALAR_EVENT ||
                           type == YAML_ALIAS_EVENT) {
                        return err_set(e, ERR_INVALID, "%s must be one list of \"name: value\" lines", path);
                }
                more = type != YAML_STREAM_END_EVENT;
        }
        return 0;
}

static int load_file(const struct settings_spec *spec, void *out, const char *path, struct err *e)
{
        AUTO(str) text = NULL;
        yaml_parser_t p;
        size_t len;

        if (fs_read(path, FILE_MAX_BYTES, &text, &len, e))
                return -1;
        if (!yaml_parser_initialize(&p))
                return err_set(e, ERR_INTERNAL, "no YAML parser");
        yaml_parser_set_input_string(&p, (const unsigned char *) text, len);
        int r = load_documents(spec, out, path, &p, e);
        yaml_parser_delete(&p);
        return r;
}

struct flag {
        const char *name; /* without dashes */
        size_t name_len;
        const char *value; /* after '=' or the next word; NULL for none */
        int words;         /* how many of argv it took */
};

static int flag_read(char **argv, int i, struct flag *f, struct err *e)
{
        const char *word = argv[i];

        if (strncmp(word, "--", 2) || !word[2])
                return err_set(e, ERR_INVALID, "unexpected argument \"%s\"; see --help", word);
        f->name = word + 2;
        f->name_len = strcspn(f->name, "=");
        f->value = f->name[f->name_len] ? f->name + f->name_len + 1 : NULL;
        f->words = 1;
        return 0;
}

static bool flag_is(const struct flag *f, const char *name)
{
        return strlen(name) == f->name_len && strncmp(f->name, name, f->name_len) == 0;
}

/* The flag's value; a boolean may stand alone, everything else takes the next word. */
static int flag_value(struct flag *f, bool bare_is_true, const char *next, struct err *e)
{
        if (f->value)
                return 0;
        if (bare_is_true) {
                f->value = "true";
                return 0;
        }
        if (!next)
                return err_set(e, ERR_INVALID, "--%.*s needs a value", (int) f->name_len, f->name);
        f->value = next;
        f->words = 2;
        return 0;
}

/* Asks for something to be printed. A program may have a row of that name too: with a value the flag means the row. */
static bool bare_flag(const struct settings_spec *spec, const struct flag *f, const char *next)
{
        bool is_file, has_value = f->value || (next && strncmp(next, "--", 2));

        if (has_value && find(spec, f->name, f->name_len, &is_file))
                return false;
        return flag_is(f, "help") || flag_is(f, "version") || flag_is(f, "show-settings") || flag_is(f, "man");
}

/* First pass: only --config, because the file ranks below environment and flags. */
static int find_config(const struct settings_spec *spec, int argc, char **argv, const char **path, struct err *e)
{
        struct flag f;
        bool is_file;

        *path = NULL;
        for (int i = 1; i < argc; i += f.words) {
                if (flag_read(argv, i, &f, e))
                        return -1;
                const struct setting *row = find(spec, f.name, f.name_len, &is_file);
                if (bare_flag(spec, &f, argv[i + 1]))
                        continue;
                if (!row && !flag_is(&f, "config"))
                        return err_set(e, ERR_INVALID, "there is no flag --%.*s; see --help", (int) f.name_len, f.name);
                if (flag_value(&f, row && row->type == SETTING_BOOL, argv[i + 1], e))
                        return -1;
                if (!row)
                        *path = f.value;
        }
        return 0;
}

static int load_flags(const struct settings_spec *spec, void *out, int argc, char **argv, const char **print, struct err *e)
{
        struct flag f;
        bool is_file;

        *print = NULL;
        for (int i = 1; i < argc; i += f.words) {
                if (flag_read(argv, i, &f, e))
                        return -1;
                if (bare_flag(spec, &f, argv[i + 1])) {
                        *print = f.name;
                        continue;
                }
                const struct setting *row = find(spec, f.name, f.name_len, &is_file);
                if (flag_value(&f, row && row->type == SETTING_BOOL, argv[i + 1], e))
                        return -1;
                if (!row) /* --config, handled before */
                        continue;
                AUTO(str) where = xasprintf("--%.*s", (int) f.name_len, f.name);
                if (assign_named(row, is_file, out, f.value, where, e))
                        return -1;
        }
        return 0;
}

int settings_load(const struct settings_spec *spec, void *out, int argc, char **argv, struct err *e)
{
        const char *config, *print;

        memset(out, 0, spec->size);
        if (load_defaults(spec, out, e) || find_config(spec, argc, argv, &config, e))
                return -1;
        if (!config) {
                AUTO(str) name = env_name(spec, "config", "");
                config = getenv(name);
        }
        if (config && load_file(spec, out, config, e))
                return -1;
        if (load_environment(spec, out, e) || load_flags(spec, out, argc, argv, &print, e))
                return -1;
        if (!print)
                return SETTINGS_RUN;
        settings_print(spec, out, print);
        return SETTINGS_EXIT;
}

int settings_reload(const struct settings_spec *spec, void *out, int argc, char **argv, struct err *e)
{
        void *fresh = xcalloc(1, spec->size);
        int r = settings_load(spec, fresh, argc, argv, e);

        for (const struct setting *row = spec->rows; r == SETTINGS_RUN && row < spec->rows + spec->n_rows; row++) {
                char *to = (char *) out + row->offset, *from = (char *) fresh + row->offset;
                if (!row->reloadable)
                        continue;
                if (row->type == SETTING_STRING || row->type == SETTING_SECRET) {
                        char *old = *(char **) to; /* swap: settings_done() below frees the old text */
                        *(char **) to = *(char **) from;
                        *(char **) from = old;
                } else if (row->type == SETTING_BOOL) {
                        *(bool *) to = *(bool *) from;
                } else {
                        *(int64_t *) to = *(int64_t *) from;
                }
        }
        settings_done(spec, fresh);
        free(fresh);
        return r < 0 ? -1 : 0;
}

void settings_done(const struct settings_spec *spec, void *s)
{
        for (const struct setting *r = spec->rows; r < spec->rows + spec->n_rows; r++) {
                if (r->type != SETTING_STRING && r->type != SETTING_SECRET)
                        continue;
                char **slot = (char **) ((char *) s + r->offset);
                free(*slot);
                *slot = NULL;
        }
}
