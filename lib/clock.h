/* Time: int64 milliseconds, monotonic inside the process; wall clock only for stamps that leave it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

int64_t clock_ms(void);      /* monotonic, counts through suspend (CLOCK_BOOTTIME) */
int64_t clock_us(void);      /* the same clock in microseconds, for measuring */
int64_t clock_wall_ms(void); /* Unix time */

/* Milliseconds left until the deadline, at least 0, at most `cap_ms`: what poll() and friends want. */
int clock_left(int64_t deadline_ms, int64_t cap_ms);

enum { RFC3339_MAX = sizeof "2026-01-02T03:04:05.678Z" };
void clock_rfc3339(int64_t wall_ms, char out[static RFC3339_MAX]);
int clock_rfc3339_parse(const char *text, int64_t *wall_ms); /* exactly that form; -1 otherwise */
/* A stamp with any fraction and any offset ("2026-01-02T03:04:05Z", "...05.678901+02:00") to Unix milliseconds. 0 or -1. */
int clock_rfc3339_any(const char *text, int64_t *wall_ms);
