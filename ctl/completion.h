/* Shell completion: a small script that asks `ctl __complete`, which reads the command table and, for names, the servers. */
#pragma once

#include "ctl/app.h"
#include "lib/strbuf.h"

void completion_script(const char *shell, struct strbuf *out);

/*
 * Candidates for the last of `words` (what stands after "ctl", up to the cursor), one "WORD\tDESCRIPTION" a line. A line
 * ":files" or ":folders" leaves it to the shell to complete those. Never an error: what is unknown has no candidates.
 */
void complete_words(char **words, struct strbuf *out);
