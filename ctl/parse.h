/* From argv to a command with its arguments and flags, or to a sentence that says what is wrong. Pure: no I/O. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ctl/command.h"

struct given_flag {
        const struct flag *row;
        const char *value; /* "" for a flag that stands alone */
};

struct call {
        const struct command *cmd; /* NULL: no command was named */
        const char **args;         /* in order; ended by NULL */
        size_t n_args;
        struct given_flag *flags; /* in order, global ones too */
        size_t n_flags;
        char topic[64];             /* the command words as far as they were given */
        const struct flag *pending; /* the last word was this flag, and its value is missing */
};

/*
 * Fill *out, which call_done() frees; text stays argv's. INVALID for misuse. Flags may stand anywhere after the words that
 * they belong to, global ones anywhere; `--` ends them. With --help, --man or --version nothing but the flags is checked.
 */
int call_parse(int argc, char **argv, struct call *out, struct err *e);
/* Parse on into *c as far as it goes, for completion: nothing has to be there yet. -1 if what is there makes no sense. */
int call_parse_more(char **words, struct call *c);
void call_done(struct call *c);
#define AUTO_CALL __attribute__((cleanup(call_done))) struct call

const char *call_arg(const struct call *c, size_t i); /* NULL when it was left out */
bool call_has(const struct call *c, const char *flag);
/* The flag's last value, or NULL. The flag must be the command's or a global one. */
const char *call_flag(const struct call *c, const char *flag);
/* Each value in turn: start with *i = 0; NULL after the last. */
const char *call_each(const struct call *c, const char *flag, size_t *i);
