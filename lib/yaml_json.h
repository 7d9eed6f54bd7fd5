/*
 * YAML as JSON values, for files whose shape is checked afterwards: one document of mappings, sequences and scalars.
 * Every scalar becomes a string, so that a token of digits stays what it is; a plain null, ~ or nothing becomes null.
 * Anchors, aliases, merge keys, duplicate keys, keys that are no scalars and NULs are refused, as is what is over the caps.
 */
#pragma once

#include <stddef.h>

#include <jansson.h>

#include "lib/err.h"

enum { YAML_MAX_BYTES = 1 << 20, YAML_MAX_DEPTH = 32, YAML_MAX_NODES = 100000 };

/* `what` names the text in errors, which are INVALID or TOO_LARGE. Caller owns *out. */
int yaml_json_parse(const char *what, const char *text, size_t len, json_t **out, struct err *e);
