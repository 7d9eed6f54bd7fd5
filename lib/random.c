/* getrandom() that cannot fail half-way. */
#include "lib/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "lib/sha256.h"

void random_bytes(void *out, size_t n)
{
        unsigned char *p = out;

        while (n) {
                ssize_t got = getrandom(p, n, 0);
                if (got < 0 && errno != EINTR)
                        abort(); /* no entropy source: nothing secret may be made */
                if (got > 0) {
                        p += got;
                        n -= (size_t) got;
                }
        }
}

uint32_t random_u32(void)
{
        uint32_t v;

        random_bytes(&v, sizeof v);
        return v;
}

void random_id(char out[static RANDOM_ID_LEN + 1])
{
        unsigned char raw[RANDOM_ID_LEN / 2];

        random_bytes(raw, sizeof raw);
        hex_encode(raw, sizeof raw, out);
}
