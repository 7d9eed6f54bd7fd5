/*
 * Leader election by one shared record, as values: what to do next, given what was read and written and the time. No clock, no
 * network. The rules are those of client-go's tools/leaderelection:
 *
 * - The record's renewTime is another machine's clock: it is never compared with ours. What counts is how long, by our own
 *   monotonic clock, the record has not changed; and the duration is the one in the record, not our setting.
 * - Having led counts from the *start* of the write that renewed: until then plus renew_ms, and then it is over, whatever the
 *   server may say later. A follower waits lease_ms from when it *saw* the last renewal; the difference is the margin between an
 *   old and a new leader.
 * - Election alone does not fence: writes carry the epoch (leaseTransitions) and a version precondition.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { LEASE_TEXT_MAX = 254 };

struct lease_times { /* lease_ms > renew_ms > retry_ms */
        int64_t lease_ms, renew_ms, retry_ms;
};
extern const struct lease_times LEASE_TIMES_DEFAULT; /* 15 s, 10 s, 2 s */

struct lease_record {
        char holder[LEASE_TEXT_MAX];  /* "": nobody */
        char renewed[LEASE_TEXT_MAX]; /* renewTime: a text that changes */
        int64_t duration_ms;
        int64_t transitions;
};

enum lease_step {
        LEASE_WAIT, /* nothing to do before lease_wait_ms() */
        LEASE_READ,
        LEASE_CREATE, /* there is none: as lease_wanted() says */
        LEASE_WRITE,  /* over the one last read or written: as lease_wanted() says */
        LEASE_LOST,   /* we led and must not act any more: end the process */
};

struct lease {
        struct lease_times times;
        char identity[LEASE_TEXT_MAX];
        struct lease_record seen; /* and when it was seen to change, by our clock */
        int64_t seen_ms;
        bool known;
        bool leading;
        int64_t lead_until_ms;
        enum lease_step pending;
        int64_t pending_ms; /* not before */
        bool busy;          /* a call is under way */
        bool fast;          /* the write under way was made without reading first */
};

void lease_init(struct lease *l, const char *identity, const struct lease_times *t);

/* READ, CREATE and WRITE are to be carried out, and reported by one of the three functions below. */
enum lease_step lease_next(struct lease *l, int64_t now_ms);
int64_t lease_wait_ms(const struct lease *l, int64_t now_ms);
/* The record to write; `renewed` is the caller's to fill. */
void lease_wanted(const struct lease *l, struct lease_record *out);

/* r NULL: there is none. rnd is uniform in [0, 2^32). */
void lease_was_read(struct lease *l, const struct lease_record *r, int64_t now_ms, uint32_t rnd);
/* started_ms: when the write was sent. */
void lease_was_written(struct lease *l, const struct lease_record *r, int64_t started_ms, int64_t now_ms);
/* Any of the calls failed; with a conflict or without an answer, it is all the same. */
void lease_call_failed(struct lease *l, int64_t now_ms, uint32_t rnd);

/* May an action that can take so long begin now? */
bool lease_may_act(const struct lease *l, int64_t now_ms, int64_t needed_ms);
int64_t lease_epoch(const struct lease *l);
