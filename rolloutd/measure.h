/* Metrics of the loop, the targets and the platform. What can be counted is counted when it happens, the rest is read at a scrape. */
#pragma once

#include "rolloutd/controller.h"

struct metrics *measure_new(void);
/* Have the platform's calls counted. */
void measure_platform(struct controller *c);

void measure_event(struct controller *c, const struct target *t, const struct event *ev);
void measure_failure(struct controller *c, const char *operation, enum err_kind kind);
void measure_rollback(struct controller *c, int64_t took_ms);
void measure_request(struct controller *c, const char *route, int status);
void measure_pass(struct controller *c, int64_t took_us); /* from something being known about a target to the end of its pass */
void measure_round(struct controller *c, int64_t took_us, size_t passes);

/* The exposition as of now; caller frees. */
char *measure_text(struct controller *c, size_t *len);
