/* Between rollout*.c. */
#pragma once

#include "rolloutd/rollout.h"

/* What it was; version 0: it was not there. */
struct placed rollout_window_remove(struct rollout *r, int64_t version);
/* As the newest, for as long as the policy keeps one; the oldest gives way. Version 0 is none. */
void rollout_window_push(struct rollout *r, struct placed p, int64_t now_ms);
