/* Clocks and time stamps. */
#include "lib/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
        struct timespec t;

        (void) clock_gettime(id, &t);
        return (int64_t) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_ms(void)
{
        return read_us(CLOCK_BOOTTIME) / 1000;
}

int64_t clock_us(void)
{
        return read_us(CLOCK_BOOTTIME);
}

int64_t clock_wall_ms(void)
{
        return read_us(CLOCK_REALTIME) / 1000;
}

int clock_left(int64_t deadline_ms, int64_t cap_ms)
{
        int64_t left = deadline_ms - clock_ms();

        if (left < 0)
                return 0;
        return (int) (left < cap_ms ? left : cap_ms);
}

void clock_rfc3339(int64_t wall_ms, char out[static RFC3339_MAX])
{
        time_t s = (time_t) (wall_ms / 1000);
        int ms = (int) (wall_ms % 1000);
        struct tm t;

        if (ms < 0) { /* before 1970, still a valid stamp */
                ms += 1000;
                s--;
        }
        (void) gmtime_r(&s, &t);
        size_t n = strftime(out, RFC3339_MAX, "%Y-%m-%dT%H:%M:%S", &t);
        (void) snprintf(out + n, RFC3339_MAX - n, ".%03dZ", ms);
}

int clock_rfc3339_parse(const char *text, int64_t *wall_ms)
{
        struct tm t = { 0 };
        const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &t);
        char again[RFC3339_MAX];
        int64_t ms;

        if (!rest || rest[0] != '.' || strlen(text) != RFC3339_MAX - 1)
                return -1;
        ms = (int64_t) timegm(&t) * 1000 + strtol(rest + 1, NULL, 10);
        clock_rfc3339(ms, again);
        if (strcmp(text, again) != 0) /* a 31st of June, a space for a zero */
                return -1;
        *wall_ms = ms;
        return 0;
}

/* Digits after the point, of which milliseconds are kept. */
static const char *parse_fraction(const char *p, int64_t *ms)
{
        int64_t scale = 100;

        *ms = 0;
        if (*p != '.')
                return p;
        for (p++; isdigit((unsigned char) *p); p++, scale /= 10)
                *ms += (*p - '0') * scale;
        return p;
}

static int parse_offset(const char *p, int64_t *seconds)
{
        int h, m, used = 0;

        *seconds = 0;
        if (*p == 'Z' || *p == 'z')
                return p[1] ? -1 : 0;
        if ((*p != '+' && *p != '-') || sscanf(p + 1, "%2d:%2d%n", &h, &m, &used) != 2 || used != 5 || p[6])
                return -1;
        *seconds = (*p == '-' ? -1 : 1) * (h * 3600 + m * 60);
        return 0;
}

int clock_rfc3339_any(const char *text, int64_t *wall_ms)
{
        struct tm t = { 0 };
        int64_t ms, offset;
        const char *p = strptime(text, "%Y-%m-%dT%H:%M:%S", &t);

        if (!p || parse_offset(parse_fraction(p, &ms), &offset))
                return -1;
        *wall_ms = ((int64_t) timegm(&t) - offset) * 1000 + ms;
        return 0;
}
