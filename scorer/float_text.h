/* The shortest decimal text of a float32 that reads back as the same float32. */
#pragma once

#include <stddef.h>

enum { FLOAT_TEXT_MAX = 24 };

/* A JSON number with a point or an exponent, NUL-terminated; v is finite. Returns its length. */
size_t float_text(float v, char out[static FLOAT_TEXT_MAX]);
