/* Where a version came from: the Git commit that the current folder has checked out. */
#pragma once

#include <jansson.h>

#include "lib/err.h"

/*
 * {"commit","branch","dirty","remote"} of the checkout around `folder`; branch is left out on a detached HEAD, remote when
 * there is none. `dirty` says whether tracked files differ from the commit. *out stays NULL, with 0, when there is no checkout
 * or no commit yet. -1 when there is one that cannot be read. The caller owns *out.
 */
int git_lineage(const char *folder, json_t **out, struct err *e);

/* A remote's address without user name and password (http, https), without password (others), query and fragment. The caller
 * frees it. Pure. */
char *git_public_url(const char *url);
