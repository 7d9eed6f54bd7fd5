/* Base64 (RFC 4648, section 4) by OpenSSL, with the padding accounted for. */
#pragma once

#include <stddef.h>

#include "lib/err.h"

/* White space between the digits is skipped, as in YAML block scalars. *out is NUL-terminated and the caller's. `what` names the
 * text in the error, INVALID. */
int base64_decode(const char *what, const char *text, char **out, size_t *len, struct err *e);

/* One line, padded. Caller frees. */
char *base64_encode(const void *data, size_t len);
