/* Text that is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms), so that it can stand in JSON. */
#pragma once

/* Length of the sequence at s, which is NUL-terminated; 0 if there is none. */
int utf8_len(const unsigned char *s);

/* Put '?' for every byte that is no UTF-8, in place: also for a character that was cut in the middle. */
void utf8_clean(char *text);
