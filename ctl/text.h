/* Text for people: widths on a terminal, harmless text from servers, sizes, durations, ages. Pure, but for the locale. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/strbuf.h"

/* Character widths come from the C library's UTF-8 tables; call once, first in main(). */
void text_init(void);

/* Columns that UTF-8 text takes on a terminal. Bytes that are no UTF-8 count one each. */
size_t text_width(const char *s);

/* Append s so that it cannot steer a terminal: control characters (C0, DEL, C1) and bytes that are no UTF-8 become U+FFFD,
 * line ends and tabs a blank. At most max_width columns (0: no limit), ended by "..." if it was cut. */
void text_clean(struct strbuf *b, const char *s, size_t max_width);

enum { TEXT_MAX = 32 };

/* "512 B", "1.5 KiB", "27.0 MiB" */
void text_bytes(int64_t bytes, char out[static TEXT_MAX]);
/* "0.4s", "42s", "3m 20s", "1h 05m", "2d 3h" */
void text_duration(int64_t ms, char out[static TEXT_MAX]);
/* Between a time as the servers write it (lib/clock.h) and now: "just now", "42s ago", "3m ago", "in 5h", "2y ago". "-" for NULL, the text itself if
 * it is no time. */
void text_age(const char *rfc3339, int64_t now_wall_ms, char out[static TEXT_MAX]);
/* "5 %", "5.08 %", "0.5 %"; "-" below 0 and for what is no number */
void text_percent(double pct, char out[static TEXT_MAX]);
