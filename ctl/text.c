/* Widths, clean text, sizes, durations and ages. */
#include "ctl/text.h"

#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "lib/clock.h"

void text_init(void)
{
        (void) setlocale(LC_CTYPE, "C.UTF-8");
}

/* One character of s: its length in *len and its width; -1 for what must not reach a terminal. */
static int char_width(const char *s, size_t *len)
{
        mbstate_t state = { 0 };
        wchar_t wc;
        size_t n = mbrtowc(&wc, s, strlen(s), &state);

        if (n == (size_t) -1 || n == (size_t) -2 || n == 0) {
                *len = 1;
                return -1;
        }
        *len = n;
        return wcwidth(wc);
}

size_t text_width(const char *s)
{
        size_t width = 0, len;

        for (; *s; s += len) {
                int w = char_width(s, &len);
                width += w < 0 ? 1 : (size_t) w;
        }
        return width;
}

void text_clean(struct strbuf *b, const char *s, size_t max_width)
{
        size_t width = 0, len;
        bool cut = max_width > 3 && text_width(s) > max_width;
        size_t room = max_width == 0 ? SIZE_MAX : cut ? max_width - 3 : max_width;

        for (; *s; s += len) {
                int w = char_width(s, &len);
                width += w < 0 ? 1 : (size_t) w;
                if (width > room)
                        break;
                if (*s == '\n' || *s == '\t' || *s == '\r')
                        strbuf_addc(b, ' ');
                else if (w < 0)
                        strbuf_adds(b, "\xef\xbf\xbd");
                else
                        strbuf_add(b, s, len);
        }
        if (cut)
                strbuf_adds(b, "...");
}

void text_bytes(int64_t bytes, char out[static TEXT_MAX])
{
        static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
        double v = (double) bytes;
        size_t u = 0;

        while (v >= 1023.95 && u + 1 < sizeof units / sizeof *units) { /* what would round to 1024.0 */
                v /= 1024;
                u++;
        }
        (void) snprintf(out, TEXT_MAX, u ? "%.1f %s" : "%.0f %s", v, units[u]);
}

void text_duration(int64_t ms, char out[static TEXT_MAX])
{
        int64_t s = ms / 1000;

        if (ms < 0)
                (void) snprintf(out, TEXT_MAX, "0s");
        else if (ms < 10000 && ms % 1000)
                (void) snprintf(out, TEXT_MAX, "%" PRId64 ".%" PRId64 "s", s, ms % 1000 / 100);
        else if (s < 60)
                (void) snprintf(out, TEXT_MAX, "%" PRId64 "s", s);
        else if (s < 3600)
                (void) snprintf(out, TEXT_MAX, "%" PRId64 "m %02" PRId64 "s", s / 60, s % 60);
        else if (s < 86400)
                (void) snprintf(out, TEXT_MAX, "%" PRId64 "h %02" PRId64 "m", s / 3600, s / 60 % 60);
        else
                (void) snprintf(out, TEXT_MAX, "%" PRId64 "d %" PRId64 "h", s / 86400, s / 3600 % 24);
}

void text_percent(double pct, char out[static TEXT_MAX])
{
        if (!(pct >= 0))
                (void) snprintf(out, TEXT_MAX, "-");
        else
                (void) snprintf(out, TEXT_MAX, "%.4g %%", pct);
}

void text_age(const char *rfc3339, int64_t now_wall_ms, char out[static TEXT_MAX])
{
        static const struct {
                int64_t seconds;
                const char *unit;
        } units[] = { { 365 * 86400, "y" }, { 86400, "d" }, { 3600, "h" }, { 60, "m" }, { 1, "s" } };
        int64_t then;

        if (!rfc3339 || clock_rfc3339_parse(rfc3339, &then)) {
                (void) snprintf(out, TEXT_MAX, "%s", rfc3339 ? rfc3339 : "-");
                return;
        }
        int64_t s = llabs(now_wall_ms - then) / 1000;
        for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
                if (s < units[i].seconds)
                        continue;
                (void) snprintf(out, TEXT_MAX, "%s%" PRId64 "%s%s", then > now_wall_ms ? "in " : "", s / units[i].seconds,
                                units[i].unit, then > now_wall_ms ? "" : " ago");
                return;
        }
        (void) snprintf(out, TEXT_MAX, "just now");
}
