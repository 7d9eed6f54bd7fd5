/* What a program that has ended said last, from the end of its log. */
#pragma once

#include <stddef.h>

/* The newest line that says what went wrong, as one sentence; "" when none does. Cuts `text` to pieces. */
void last_words(char *text, char *out, size_t size);
