/* Ends the process when the time is up even if its main thread is stuck: for those who must not act after a moment. */
#pragma once

#include <stdint.h>

struct watchdog;

struct watchdog *watchdog_new(int exit_status); /* with _exit(), from a thread of its own */
void watchdog_free(struct watchdog *w);
void watchdog_set(struct watchdog *w, int64_t at_ms); /* by clock_ms(); 0: never */
