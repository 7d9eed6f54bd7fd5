/* SHA-256 through OpenSSL's EVP. */
#include "lib/sha256.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

/* EVP fails here only when OpenSSL itself is broken or out of memory: nothing a caller could handle. */
static void must(int ok)
{
        if (ok != 1)
                abort();
}

static EVP_MD_CTX *ctx_of(struct sha256 *h)
{
        return (EVP_MD_CTX *) h;
}

struct sha256 *sha256_new(void)
{
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();

        must(ctx != NULL);
        must(EVP_DigestInit_ex(ctx, EVP_sha256(), NULL));
        return (struct sha256 *) ctx;
}

void sha256_free(struct sha256 *h)
{
        EVP_MD_CTX_free(ctx_of(h));
}

void sha256_update(struct sha256 *h, const void *data, size_t len)
{
        must(EVP_DigestUpdate(ctx_of(h), data, len));
}

void sha256_final(struct sha256 *h, unsigned char out[static SHA256_LEN])
{
        must(EVP_DigestFinal_ex(ctx_of(h), out, NULL));
}

static void text_of(const unsigned char raw[static SHA256_LEN], char out[static DIGEST_TEXT_LEN + 1])
{
        memcpy(out, "sha256:", 7);
        hex_encode(raw, SHA256_LEN, out + 7);
}

void sha256_final_text(struct sha256 *h, char out[static DIGEST_TEXT_LEN + 1])
{
        unsigned char raw[SHA256_LEN];

        sha256_final(h, raw);
        text_of(raw, out);
}

void sha256_of(const void *data, size_t len, unsigned char out[static SHA256_LEN])
{
        must(EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL));
}

void digest_of(const void *data, size_t len, char out[static DIGEST_TEXT_LEN + 1])
{
        unsigned char raw[SHA256_LEN];

        sha256_of(data, len, raw);
        text_of(raw, out);
}

bool digest_is_valid(const char *text)
{
        return strncmp(text, "sha256:", 7) == 0 && strlen(text) == DIGEST_TEXT_LEN && strspn(text + 7, "0123456789abcdef") == 64;
}

void hex_encode(const unsigned char *in, size_t n, char *out)
{
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < n; i++) {
                out[2 * i] = digits[in[i] >> 4];
                out[2 * i + 1] = digits[in[i] & 15];
        }
        out[2 * n] = '\0';
}
