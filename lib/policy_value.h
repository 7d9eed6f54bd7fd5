/* The values of a policy's file, from text: numbers are kept as text by the schema, because libcyaml's own stop at the first character
 * that does not fit (1O would be 1). A NULL text is a key that was left out: *out stays. Errors begin with the key. Internal to
 * policy_file.c and its parts. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define POLICY_OPT CYAML_FLAG_OPTIONAL
#define POLICY_NUMBER(key, type, flags) CYAML_FIELD_STRING_PTR(#key, (flags) | CYAML_FLAG_POINTER, type, key, 0, 64)
#define POLICY_DURATION(key, type, flags) CYAML_FIELD_STRING_PTR(#key, (flags), type, key, 1, 16)

int policy_duration(const char *key, const char *text, int64_t *out, struct err *e);
int policy_number(const char *key, const char *text, double *out, struct err *e); /* 0.5 or 5, all of the text */
int policy_whole(const char *key, const char *text, int64_t *out, struct err *e);
int policy_small(const char *key, const char *text, int *out, struct err *e); /* what is out of int's range becomes -1 */
void policy_text(char *out, size_t size, const char *text);                   /* cut to size */
