/* Loading settings in order of precedence: defaults, file, environment, flags. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/mem.h"
#include "lib/settings_help.h"
#include "lib/settings_private.h"

static int load_defaults(const struct settings_spec *spec, void *out, struct err *e)
{
        for (const struct setting *r = spec->rows; r < spec->rows + spec->n_rows; r++)
                if ((*r->fallback || r->type == SETTING_STRING) && settings_set(r, out, r->fallback, e))
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
                for (int is_file = 0; is_file < (r->type == SETTING_SECRET ? 2 : 1); is_file++) {
                        AUTO(str) name = env_name(spec, r->name, is_file ? "_FILE" : "");
                        const char *text = getenv(name);
                        if (text && is_file && !*text) /* NAME_FILE= names no file: as if unset */
                                continue;
                        if (text && settings_assign(r, is_file, out, text, name, e))
                                return -1;
                }
        }
        return 0;
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

/* The flag's value: the next word. A boolean may stand alone and takes no word but true and false. */
static int flag_value(struct flag *f, bool is_bool, const char *next, struct err *e)
{
        if (f->value)
                return 0;
        if (is_bool && !(next && (strcmp(next, "true") == 0 || strcmp(next, "false") == 0))) {
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

        if (has_value && settings_find(spec, f->name, f->name_len, &is_file))
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
                const struct setting *row = settings_find(spec, f.name, f.name_len, &is_file);
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
                const struct setting *row = settings_find(spec, f.name, f.name_len, &is_file);
                if (flag_value(&f, row && row->type == SETTING_BOOL, argv[i + 1], e))
                        return -1;
                if (!row) /* --config, handled before */
                        continue;
                AUTO(str) where = xasprintf("--%.*s", (int) f.name_len, f.name);
                if (settings_assign(row, is_file, out, f.value, where, e))
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
        if (config && settings_load_file(spec, out, config, e))
                return -1;
        if (load_environment(spec, out, e) || load_flags(spec, out, argc, argv, &print, e))
                return -1;
        if (!print)
                return SETTINGS_RUN;
        settings_print(spec, out, print);
        settings_done(spec, out);
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
