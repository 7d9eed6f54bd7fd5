/* Byte ranges and entity tags of RFC 9110. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "registryd/rules.h"

/* Decimal digits at *p, which moves past them; -1 if there is none. Numbers past int64 count as its largest. */
static int64_t take_number(const char **p)
{
        int64_t v = 0;

        if (!isdigit((unsigned char) **p))
                return -1;
        for (; isdigit((unsigned char) **p); (*p)++)
                if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, **p - '0', &v))
                        v = INT64_MAX;
        return v;
}

/* "a-b", "a-" or "-n" at p; false when it is none of them. Absent ends are -1. */
static bool spec_parse(const char *p, int64_t *first, int64_t *last)
{
        p += strspn(p, " \t");
        *first = take_number(&p);
        if (*p++ != '-')
                return false;
        *last = take_number(&p);
        p += strspn(p, " \t");
        if (*p != '\0' && *p != ',')
                return false;
        return *first < 0 ? *last >= 0 : *last < 0 || *first <= *last;
}

int range_parse(const char *header, int64_t size, struct byte_range *out, struct err *e)
{
        int64_t first, last;

        *out = (struct byte_range){ .length = size };
        if (!header || strncasecmp(header, "bytes=", 6) != 0 || !spec_parse(header + 6, &first, &last))
                return 0;
        if (first < 0) { /* the last n bytes */
                first = last < size ? size - last : 0;
                last = size - 1;
        }
        if (first >= size)
                return err_set(e, ERR_RANGE, "the file has %lld bytes; %.64s asks for none of them", (long long) size, header);
        if (last < 0 || last >= size)
                last = size - 1;
        *out = (struct byte_range){ .first = first, .length = last - first + 1, .partial = true };
        return 0;
}

bool etag_is_listed(const char *header, const char *tag)
{
        size_t len = strlen(tag);

        if (!header)
                return false;
        if (strcmp(header, "*") == 0)
                return true;
        for (const char *p = strchr(header, '"'); p; p = strchr(p + 1, '"'))
                if (strncmp(p + 1, tag, len) == 0 && p[1 + len] == '"')
                        return true;
        return false;
}
