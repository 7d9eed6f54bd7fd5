/* Help texts and the manual page, from the command table. */
#pragma once

#include "ctl/command.h"
#include "lib/strbuf.h"

enum { HELP_MAX_BYTES = 256 << 10 };

void help_overview(struct strbuf *out);
void help_command(const struct command *cmd, struct strbuf *out);
/* `topic` is a command, the first word of several ("rollout"), or "" for the overview. NOT_FOUND otherwise. */
int help_topic(const char *topic, struct strbuf *out, struct err *e);
/* The whole manual as scdoc(5) source, section 1. */
void help_man(struct strbuf *out);

/* Append text broken at blanks (not inside square brackets) before `width` columns, each line after `indent` blanks; '\n' begins a new paragraph line. */
void help_wrap(struct strbuf *out, const char *text, int indent, int width);
