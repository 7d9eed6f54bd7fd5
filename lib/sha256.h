/* SHA-256 (FIPS 180-4) by OpenSSL, whole and streaming, and the text form of digests: "sha256:" and 64 hex digits. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { SHA256_LEN = 32, DIGEST_TEXT_LEN = 7 + 64 };

struct sha256; /* a running hash */
struct sha256 *sha256_new(void);
void sha256_free(struct sha256 *h); /* NULL is fine */
void sha256_update(struct sha256 *h, const void *data, size_t len);
void sha256_final(struct sha256 *h, unsigned char out[static SHA256_LEN]); /* then only free */
void sha256_final_text(struct sha256 *h, char out[static DIGEST_TEXT_LEN + 1]);

void sha256_of(const void *data, size_t len, unsigned char out[static SHA256_LEN]);
void digest_of(const void *data, size_t len, char out[static DIGEST_TEXT_LEN + 1]);
bool digest_is_valid(const char *text); /* exactly "sha256:" and 64 lower-case hex digits */

void hex_encode(const unsigned char *in, size_t n, char *out); /* writes 2n digits and a NUL */
