/*
 * The shape of ctl's command table. One row of commands.c is a command: its words, arguments, flags, help and handler.
 * Parsing, `ctl help`, completion and the man page all read the same rows.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ctl/values.h"
#include "lib/err.h"

enum { ARGS_MAX = 4, FLAGS_MAX = 20 };

struct ctl;
struct call;

struct arg {
        const char *name; /* "MODEL"; NULL ends the list */
        enum value kind;
        bool optional, many; /* only the last argument may be `many` */
};

struct flag {
        const char *name;  /* "policy", without dashes; NULL ends the list */
        char letter;       /* 'o' for -o; 0: none */
        enum value kind;   /* VALUE_NONE: the flag stands alone */
        const char *value; /* placeholder, "POLICY" */
        bool many;         /* may be given more than once; otherwise the last one counts */
        const char *help;
};

enum group { GROUP_MODELS, GROUP_ROLLOUTS, GROUP_ACCESS, GROUP_SELF, GROUP_COUNT };

struct command {
        const char *words; /* "rollout start" */
        enum group group;
        const char *summary; /* one line, no full stop */
        const char *text;    /* paragraphs, each on one line, '\n' between; NULL: the summary says it all */
        const char *example;
        const char *role; /* what the token must be; NULL: no token needed */
        struct arg args[ARGS_MAX];
        struct flag flags[FLAGS_MAX];
        bool local; /* needs neither servers nor configuration */
        /* 0, -1 with an error, or an exit code of exit_codes[]. */
        int (*run)(struct ctl *c, const struct call *call, struct err *e);
};

struct exit_code {
        int code;
        const char *meaning;
};

enum { EXIT_ROLLED_BACK = 7, EXIT_INTERRUPTED = 130 };

extern const struct command commands[];
extern const size_t n_commands;
extern const struct flag global_flags[]; /* ended by a row without a name */
extern const char *const group_titles[GROUP_COUNT];
extern const struct exit_code exit_codes[];
extern const size_t n_exit_codes;

/* The row of exactly these words, or NULL. */
const struct command *command_find(const char *words);
/* "MODEL VERSION|@ALIAS [--policy POLICY] [--watch]"; the caller frees it. */
char *command_usage(const struct command *cmd);
