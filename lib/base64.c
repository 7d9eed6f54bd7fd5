/* Base64 over OpenSSL's block decoder, which counts padding as data and leaves the rest to its users. */
#include "lib/base64.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#include <openssl/evp.h>

#include "lib/auto.h"
#include "lib/mem.h"

static char *without_space(const char *text, size_t *len)
{
        char *digits = xmalloc(strlen(text) + 1);

        *len = 0;
        for (const char *p = text; *p; p++)
                if (!isspace((unsigned char) *p))
                        digits[(*len)++] = *p;
        digits[*len] = '\0';
        return digits;
}

int base64_decode(const char *what, const char *text, char **out, size_t *len, struct err *e)
{
        size_t n;
        AUTO(str) digits = without_space(text, &n);
        const char *padding = strchr(digits, '=');
        size_t padded = padding ? strlen(padding) : 0;

        if (n % 4 || n > INT_MAX || padded > 2 || (padded == 2 && padding[1] != '='))
                return err_set(e, ERR_INVALID, "%s: no base64", what);
        AUTO(str) bytes = xmalloc(n / 4 * 3 + 1);
        int got = EVP_DecodeBlock((unsigned char *) bytes, (const unsigned char *) digits, (int) n);
        if (got < 0)
                return err_set(e, ERR_INVALID, "%s: no base64", what);
        *len = (size_t) got - padded;
        bytes[*len] = '\0';
        *out = TAKE(bytes);
        return 0;
}

char *base64_encode(const void *data, size_t len)
{
        char *text = xmalloc((len + 2) / 3 * 4 + 1);

        (void) EVP_EncodeBlock((unsigned char *) text, data, (int) len);
        return text;
}
