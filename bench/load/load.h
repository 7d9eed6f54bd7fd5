/* An open-loop load: requests leave when the schedule says so, whatever became of the ones before. One thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/load/link.h"
#include "bench/load/request.h"
#include "bench/load/schedule.h"
#include "bench/load/tally.h"
#include "lib/err.h"

struct load_plan {
        struct address to;
        const struct requests *requests; /* sent in turn; borrowed */
        double rate;
        bool poisson;
        uint64_t seed;
        int connections;
        int64_t warmup_us, duration_us; /* duration counts from the end of the warm-up; 0: until stop_fd */
        int64_t timeout_us;             /* of a request once sent, and of one that waits for a connection */
        int stop_fd;                    /* readable: stop */
        void (*second)(void *arg, int second, const struct tally *t); /* each second's tally, and the rest's; may be NULL */
        void *arg;
};

/*
 * Run it. A request that finds no idle connection waits for one in order of its time; latency counts from that time. After the
 * end no new request becomes due, those that are due or on their way are seen through. *whole gets the tally of everything that
 * was due after the warm-up, *seconds how long that took. -1 only when the load cannot be run at all.
 */
int load_run(const struct load_plan *plan, struct tally *whole, double *seconds, struct err *e);
