/* Help, effective settings and man page from the settings table. */
#include "lib/settings_help.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/version.h"

static const char *const placeholders[] = {
        [SETTING_STRING] = "TEXT", [SETTING_SECRET] = "SECRET",     [SETTING_INT] = "N",
        [SETTING_BOOL] = "BOOL",   [SETTING_DURATION] = "DURATION", [SETTING_SIZE] = "SIZE",
};

static void print_dashed(const char *name)
{
        for (; *name; name++)
                (void) putchar(*name == '_' ? '-' : *name);
}

static void print_upper(const char *name)
{
        for (; *name; name++)
                (void) putchar(toupper((unsigned char) *name));
}

static void print_help(const struct settings_spec *spec)
{
        (void) printf("%s: %s\n\nusage: %s [--NAME VALUE ...]\n\nsettings:\n", spec->program, spec->summary, spec->program);
        for (const struct setting *r = spec->rows; r < spec->rows + spec->n_rows; r++) {
                (void) printf("  --");
                print_dashed(r->name);
                (void) printf(" %s\n      %s", placeholders[r->type], r->help);
                if (*r->fallback)
                        (void) printf(" (default %s)", r->type == SETTING_SECRET ? "****" : r->fallback);
                (void) printf("%s\n", r->reloadable ? "; SIGHUP rereads it" : "");
        }
        for (const struct settings_tool *t = spec->tools; t && t->flag; t++)
                (void) printf("  --%s %s\n      %s; then leave\n", t->flag, t->value, t->help);
        (void) printf("  --config FILE\n      YAML file of \"name: value\" lines\n"
                      "  --show-settings, --man, --version, --help\n\n"
                      "Each setting is also an environment variable, SLUICE_");
        print_upper(spec->program);
        (void) printf("_NAME. Flags win over environment, environment over file.\n"
                      "A SECRET is better kept in a file: --NAME-file PATH reads its first line.\n");
}

static void print_value(const struct setting *r, const void *s)
{
        const void *slot = (const char *) s + r->offset;

        switch (r->type) {
        case SETTING_STRING:
                (void) printf("%s\n", *(char *const *) slot ? *(char *const *) slot : "");
                break;
        case SETTING_SECRET:
                (void) printf("%s\n", *(char *const *) slot ? "****" : "");
                break;
        case SETTING_BOOL:
                (void) printf("%s\n", *(const bool *) slot ? "true" : "false");
                break;
        case SETTING_DURATION:
                (void) printf("%" PRId64 "ms\n", *(const int64_t *) slot);
                break;
        case SETTING_INT:
        case SETTING_SIZE:
                (void) printf("%" PRId64 "\n", *(const int64_t *) slot);
                break;
        }
}

static void print_settings(const struct settings_spec *spec, const void *s)
{
        for (const struct setting *r = spec->rows; r < spec->rows + spec->n_rows; r++) {
                (void) printf("%s: ", r->name);
                print_value(r, s);
        }
}

/* Text in which scdoc shall see no markup. */
static void print_plain(const char *text)
{
        for (; *text; text++) {
                if (strchr("\\*_", *text))
                        (void) putchar('\\');
                (void) putchar(*text);
        }
}

/* scdoc source. */
static void print_man(const struct settings_spec *spec)
{
        (void) printf("%s(8)\n\n# NAME\n\n%s - %s\n\n# SYNOPSIS\n\n*%s* [--NAME VALUE ...]\n\n# SETTINGS\n\n", spec->program,
                      spec->program, spec->summary, spec->program);
        for (const struct setting *r = spec->rows; r < spec->rows + spec->n_rows; r++) {
                (void) printf("*--");
                print_dashed(r->name);
                (void) printf("* _%s_\n\t", placeholders[r->type]);
                print_plain(r->help);
                if (*r->fallback && r->type != SETTING_SECRET) {
                        (void) printf(" (default ");
                        print_plain(r->fallback);
                        (void) printf(")");
                }
                (void) printf(".%s\n\n", r->reloadable ? " SIGHUP rereads it." : "");
        }
        for (const struct settings_tool *t = spec->tools; t && t->flag; t++)
                (void) printf("*--%s* _%s_\n\t%s; then leave.\n\n", t->flag, t->value, t->help);
        (void) printf(
                "*--config* _FILE_\n\tA YAML file of \"name: value\" lines.\n\n# ENVIRONMENT\n\nEach setting is also read from "
                "SLUICE\\_");
        print_upper(spec->program);
        (void) printf("\\_NAME. Flags win over the environment, the environment over the file, the file over the default.\n");
}

void settings_print(const struct settings_spec *spec, const void *s, const char *what)
{
        if (strcmp(what, "version") == 0)
                (void) printf("%s %s\n", spec->program, SLUICE_VERSION);
        else if (strcmp(what, "man") == 0)
                print_man(spec);
        else if (strcmp(what, "show-settings") == 0)
                print_settings(spec, s);
        else
                print_help(spec);
}
