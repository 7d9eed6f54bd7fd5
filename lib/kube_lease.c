/* Who leads, decided from values. */
#include "lib/kube_lease.h"

#include <stdio.h>
#include <string.h>

const struct lease_times LEASE_TIMES_DEFAULT = { .lease_ms = 15000, .renew_ms = 10000, .retry_ms = 2000 };

void lease_init(struct lease *l, const char *identity, const struct lease_times *t)
{
        *l = (struct lease){ .times = *t, .pending = LEASE_READ };
        (void) snprintf(l->identity, sizeof l->identity, "%s", identity);
}

enum lease_step lease_next(struct lease *l, int64_t now_ms)
{
        if (l->pending == LEASE_LOST || (l->leading && now_ms >= l->lead_until_ms)) {
                l->leading = false;
                l->pending = LEASE_LOST;
                return LEASE_LOST;
        }
        if (l->busy || now_ms < l->pending_ms)
                return LEASE_WAIT;
        l->busy = true;
        return l->pending;
}

int64_t lease_wait_ms(const struct lease *l, int64_t now_ms)
{
        int64_t due = l->busy ? INT64_MAX : l->pending_ms;

        if (l->leading && l->lead_until_ms < due)
                due = l->lead_until_ms;
        if (due == INT64_MAX)
                return -1;
        return due > now_ms ? due - now_ms : 0;
}

static bool is_mine(const struct lease *l)
{
        return l->known && strcmp(l->seen.holder, l->identity) == 0;
}

void lease_wanted(const struct lease *l, struct lease_record *out)
{
        *out = (struct lease_record){ .duration_ms = l->times.lease_ms };
        (void) snprintf(out->holder, sizeof out->holder, "%s", l->identity);
        /* A record that somebody deleted goes on counting where it was. */
        out->transitions = is_mine(l) ? l->seen.transitions : l->known ? l->seen.transitions + 1 : 0;
}

static bool differs(const struct lease_record *a, const struct lease_record *b)
{
        return strcmp(a->holder, b->holder) != 0 || strcmp(a->renewed, b->renewed) != 0 || a->duration_ms != b->duration_ms ||
               a->transitions != b->transitions;
}

/* Up to 1.2 times as long as asked: contenders that began together drift apart. */
static void later(struct lease *l, enum lease_step step, int64_t now_ms, uint32_t rnd)
{
        l->pending = step;
        l->pending_ms = now_ms + l->times.retry_ms + (int64_t) ((uint64_t) l->times.retry_ms / 5 * rnd >> 32);
}

static bool held_by_another(const struct lease *l, int64_t now_ms)
{
        return *l->seen.holder && !is_mine(l) && now_ms < l->seen_ms + l->seen.duration_ms;
}

void lease_was_read(struct lease *l, const struct lease_record *r, int64_t now_ms, uint32_t rnd)
{
        l->busy = false;
        l->pending_ms = now_ms;
        if (!r) {
                l->pending = LEASE_CREATE;
                return;
        }
        if (!l->known || differs(r, &l->seen)) {
                l->seen = *r;
                l->seen_ms = now_ms;
                l->known = true;
        }
        if (l->leading && !is_mine(l))
                l->pending = LEASE_LOST;
        else if (held_by_another(l, now_ms))
                later(l, LEASE_READ, now_ms, rnd);
        else
                l->pending = LEASE_WRITE;
}

void lease_was_written(struct lease *l, const struct lease_record *r, int64_t started_ms, int64_t now_ms)
{
        l->busy = false;
        l->seen = *r;
        l->seen_ms = now_ms;
        l->known = true;
        if (now_ms >= started_ms + l->times.renew_ms) { /* the answer came too late to be of use */
                l->pending = l->leading ? LEASE_LOST : LEASE_READ;
                l->pending_ms = now_ms;
                return;
        }
        l->leading = true;
        l->fast = true;
        l->lead_until_ms = started_ms + l->times.renew_ms;
        l->pending = LEASE_WRITE;
        l->pending_ms = now_ms + l->times.retry_ms;
}

void lease_call_failed(struct lease *l, int64_t now_ms, uint32_t rnd)
{
        bool at_once = l->fast && l->pending == LEASE_WRITE;

        l->busy = false;
        l->fast = false;
        later(l, LEASE_READ, now_ms, rnd);
        if (at_once)
                l->pending_ms = now_ms;
}

bool lease_may_act(const struct lease *l, int64_t now_ms, int64_t needed_ms)
{
        return l->leading && l->lead_until_ms - now_ms > needed_ms;
}

int64_t lease_epoch(const struct lease *l)
{
        return l->seen.transitions;
}
