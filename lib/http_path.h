/* Percent-decoding for the HTTP server. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Decode in[0..n) into out, which has room for n + 1 bytes and may be `in` itself. -1 if an escape is malformed or the
 * outcome holds a NUL or is not UTF-8. '+' means a space in queries, not in paths.
 */
int http_unescape(const char *in, size_t n, bool plus_is_space, char *out);
