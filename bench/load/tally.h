/* What became of the requests: by the model version that answered, by status code, by reason when there was no answer. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "bench/load/answer.h"
#include "bench/load/hist.h"

enum { TALLY_VERSIONS_MAX = 16, TALLY_CODES_MAX = 8, TALLY_EXAMPLE_MAX = 256, TALLY_LATE_US = 1000 };

enum cause {                 /* why a request has no answer */
             CAUSE_CLOSED,   /* the connection ended first */
             CAUSE_TIMEOUT,  /* sent, and nothing came */
             CAUSE_MANGLED,  /* what came was no answer */
             CAUSE_NOT_SENT, /* no connection could be had in time */
             CAUSE_COUNT
};

struct timing { /* one request, in clock_us() */
        int64_t due_us, sent_us, done_us;
};

struct tally_version {
        char name[ANSWER_VERSION_MAX]; /* "" for answers that name no version */
        struct {
                int status;
                uint64_t count;
        } codes[TALLY_CODES_MAX];
        int64_t first_sent_us, last_sent_us, last_done_us;
        char example[TALLY_EXAMPLE_MAX]; /* the first answer of 400 and above, cut off */
        struct hist latency;             /* from when it was due to its last byte */
};

struct tally {
        int64_t good_us;               /* set by the caller: a 2xx answer within this time is a good one */
        uint64_t sent, answered, late; /* late: sent more than TALLY_LATE_US after it was due */
        uint64_t good;
        uint64_t failed[CAUSE_COUNT];
        struct tally_version versions[TALLY_VERSIONS_MAX]; /* the last one takes what does not fit */
        int n_versions;
        struct hist latency;
};

void tally_reset(struct tally *t); /* keeps good_us */
void tally_sent(struct tally *t, const struct timing *when);
void tally_answer(struct tally *t, const struct timing *when, const struct answer *a, const char *body);
void tally_failure(struct tally *t, enum cause cause);

/* {"sent","answered","late","good","failed":{...},"latency":{...},"versions":{"1":{"codes":{"200":5},"latency","first_sent_ms",
 * "last_sent_ms","last_done_ms","example"?}}}; times are those of CLOCK_BOOTTIME. The caller owns it. */
json_t *tally_json(const struct tally *t);
