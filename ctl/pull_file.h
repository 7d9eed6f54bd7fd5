/* One file of a version, from the registry to its place. */
#pragma once

#include <stdint.h>

#include "ctl/app.h"

struct pull_file {
        const char *folder, *path; /* FOLDER/PATH is where it goes; path is checked */
        const char *digest;        /* valid */
        int64_t size;
};

/*
 * After success FOLDER/PATH holds exactly these bytes; until then what was there before. A file that is right already is left
 * alone. What was transferred before a failure stays beside it as PATH.DIGITS.part, and the next call goes on from there.
 * Adds the bytes that came over the network to *fetched. CONFLICT while another process fetches the same file.
 */
int pull_file(struct ctl *c, const struct pull_file *f, int64_t *fetched, struct err *e);
