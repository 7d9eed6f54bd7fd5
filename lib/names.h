/* What may be called what: the rules for names, in one place for every program. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

enum {
        NAME_MAX_LEN = 64,
        PATH_MAX_LEN = 512,
        TARGET_MAX_LEN = 127, /* what is rolled out: a model's name, on Kubernetes NAMESPACE.NAME */
};

/*
 * Names of models, aliases, policies, rollouts and tokens: 1 to 64 of a-z 0-9 . _ -, beginning and ending with a
 * letter or digit, never two dots in a row. They fit into a URL path, a DNS label's alphabet (save . and _), a file
 * name and an OCI repository component without escaping. `what` names the thing in the error.
 */
int name_check(const char *what, const char *name, struct err *e);

/* The same for what is rolled out, which may be longer: up to TARGET_MAX_LEN. */
int target_check(const char *name, struct err *e);

/* A file's path inside a version: relative, '/'-separated, no empty, "." or ".." part, no control character or '\\'. */
int path_check(const char *path, struct err *e);

/* A version's number: decimal, 1 to 2^31-1, no sign, no leading zero. */
int version_parse(const char *text, int64_t *number, struct err *e);
