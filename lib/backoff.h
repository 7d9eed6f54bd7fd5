/* Retry policy is shared and constant; the attempt is yours; clock and dice are arguments. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct backoff_policy {
        int64_t base_ms, cap_ms;
        int64_t give_up_ms; /* 0: no limit in time */
        int max_tries;      /* 0: no limit in number */
};

struct backoff { /* zeroed: no attempt made yet */
        int tries;
        int64_t started_ms, wait_ms;
};

/*
 * True: wait b->wait_ms and try again. Decorrelated jitter: each wait is uniform between the base and three times
 * the previous wait (M. Brooker, "Exponential Backoff And Jitter"). rnd is uniform in [0, 2^32).
 */
bool backoff_next(const struct backoff_policy *p, struct backoff *b, int64_t now_ms, uint32_t rnd);
