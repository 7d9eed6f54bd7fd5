/* Text to numbers. */
#include "lib/policy_value.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/settings.h"

int policy_duration(const char *key, const char *text, int64_t *out, struct err *e)
{
        if (!text || duration_parse(text, out, e) == 0)
                return 0;
        return err_wrap(e, "%s", key);
}

int policy_number(const char *key, const char *text, double *out, struct err *e)
{
        char *end;

        if (!text)
                return 0;
        double v = strtod(text, &end);
        if (end == text || *end || text[strspn(text, "0123456789+-.eE")] || !isfinite(v))
                return err_set(e, ERR_INVALID, "%s: \"%s\" is not a number like 5 or 0.5", key, text);
        *out = v;
        return 0;
}

int policy_whole(const char *key, const char *text, int64_t *out, struct err *e)
{
        char *end;

        if (!text)
                return 0;
        errno = 0;
        int64_t v = strtoll(text, &end, 10);
        if (end == text || *end || errno || text[strspn(text, "0123456789+-")])
                return err_set(e, ERR_INVALID, "%s: \"%s\" is not a whole number", key, text);
        *out = v;
        return 0;
}

int policy_small(const char *key, const char *text, int *out, struct err *e)
{
        int64_t v = *out;

        if (policy_whole(key, text, &v, e) < 0)
                return -1;
        *out = v < 0 || v > 1000000 ? -1 : (int) v; /* out of int's range is out of any range */
        return 0;
}

void policy_text(char *out, size_t size, const char *text)
{
        size_t n = strnlen(text, size - 1);

        memcpy(out, text, n);
        out[n] = '\0';
}
