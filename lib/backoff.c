/* Decorrelated-jitter backoff. */
#include "lib/backoff.h"

static int64_t min64(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

bool backoff_next(const struct backoff_policy *p, struct backoff *b, int64_t now_ms, uint32_t rnd)
{
        if (b->tries++ == 0)
                b->started_ms = now_ms;
        int64_t high = b->wait_ms ? min64(b->wait_ms * 3, p->cap_ms * 3) : p->base_ms;
        if (high < p->base_ms)
                high = p->base_ms;
        b->wait_ms = min64(p->cap_ms, p->base_ms + (int64_t) (((uint64_t) (high - p->base_ms) * rnd) >> 32));
        if (p->max_tries && b->tries >= p->max_tries)
                return false;
        return !p->give_up_ms || now_ms + b->wait_ms - b->started_ms <= p->give_up_ms;
}
