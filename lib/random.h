/* Randomness from the kernel: for tokens, ids and jitter. */
#pragma once

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *out, size_t n);
uint32_t random_u32(void);

enum { RANDOM_ID_LEN = 16 };
void random_id(char out[static RANDOM_ID_LEN + 1]); /* 64 bits as lower-case hex, NUL-terminated */
