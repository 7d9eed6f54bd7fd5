/* What every command gets: settings, how to print, and the hint that goes with an error. */
#pragma once

#include <stdbool.h>

#include "ctl/config.h"
#include "ctl/parse.h"

enum output { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_NAME };

struct ctl {
        struct ctl_settings set;
        enum output output;
        bool quiet;            /* results only: no progress, no remarks */
        bool tty_out, tty_err; /* standard output, standard error are terminals */
        bool color_out, color_err;
        char hint[320]; /* printed under an error; "" for none */
};

/* A remark on standard error, unless --quiet. One line, without its end. */
void ctl_note(const struct ctl *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The whole program: parse, load the settings, run, report. Returns the exit code. */
int ctl_main(int argc, char **argv);
