/* Following a rollout over server-sent events. */
#pragma once

#include <jansson.h>

#include "ctl/app.h"

/*
 * Show the model's rollout until it is at rest. `first` is the rollout as it was started, or NULL for whichever is under way.
 * 0 when it is done (or nothing is under way), EXIT_ROLLED_BACK, EXIT_INTERRUPTED after Ctrl-C, -1 on failure: CONFLICT when
 * another rollout took its place. Connects again when the connection breaks, for five minutes.
 */
int watch_rollout(struct ctl *c, const char *model, json_t *first, struct err *e);
