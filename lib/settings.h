/*
 * Settings from one table. A program keeps its rows in PROGRAM/settings.def:
 *
 *      SETTING(listen, STRING, "127.0.0.1:8470", false, "address and port to serve the API on")
 *
 * name, type, default as text, reloadable by SIGHUP, sentence. From a row come the struct member, --listen (dashes for
 * underscores), SLUICE_REGISTRYD_LISTEN, a key of the YAML file named by --config, --help, the man page and the chart's
 * check. The order of precedence is flag, environment, file, default.
 *
 * A SECRET never prints: everywhere it would appear stands ****. Each secret row NAME also takes --NAME-file PATH
 * (SLUICE_PROGRAM_NAME_FILE, NAME_file: in the file), and its first line is the value.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

enum setting_type {
        SETTING_STRING,   /* char *; NULL when empty */
        SETTING_SECRET,   /* char *; NULL when empty */
        SETTING_INT,      /* int64_t */
        SETTING_BOOL,     /* bool: true/false; the bare flag means true */
        SETTING_DURATION, /* int64_t milliseconds: 250ms, 5s, 10m, 2h */
        SETTING_SIZE,     /* int64_t bytes: 512, 64KiB, 64MiB, 2GiB */
};

#define SETTING_C_STRING char *
#define SETTING_C_SECRET char *
#define SETTING_C_INT int64_t
#define SETTING_C_BOOL bool
#define SETTING_C_DURATION int64_t
#define SETTING_C_SIZE int64_t

struct setting {
        const char *name;
        enum setting_type type;
        size_t offset;
        const char *fallback; /* default as text; "" is unset */
        bool reloadable;
        const char *help;
};

struct settings_tool { /* what a program does instead of running: for --help and the man page, the program looks for it itself */
        const char *flag, *value, *help; /* "check-policies", "FOLDER" or "", a sentence without its full stop */
};

struct settings_spec {
        const char *program; /* "registryd" */
        const char *summary; /* one line for --help and the man page */
        const struct setting *rows;
        size_t n_rows;
        size_t size;                       /* of the settings struct */
        const struct settings_tool *tools; /* ends with a row of NULL; NULL: none */
        const char *env;                   /* prefix of the environment's names; NULL: SLUICE_PROGRAM_ */
};

enum settings_result { SETTINGS_RUN, SETTINGS_EXIT };

/*
 * Fill *out (spec->size bytes) from defaults, --config file, environment and flags. Returns SETTINGS_RUN, or
 * SETTINGS_EXIT when --help, --version, --show-settings or --man was asked for and has been printed, or -1. A row may
 * have one of these names: `scorer --version 2` sets it, `scorer --version` prints.
 */
int settings_load(const struct settings_spec *spec, void *out, int argc, char **argv, struct err *e);

/* SIGHUP: load again and take over the rows marked reloadable; on error nothing changes. */
int settings_reload(const struct settings_spec *spec, void *out, int argc, char **argv, struct err *e);

void settings_done(const struct settings_spec *spec, void *s); /* frees the strings */

/* The two scales by themselves, for other tables (policies, ctl). 0 or -1. */
int duration_parse(const char *text, int64_t *ms, struct err *e);
int size_parse(const char *text, int64_t *bytes, struct err *e);
