/* Asking a scorer whether it is ready: GET /v2/health/ready, often while it is not, once a second after. */
#pragma once

#include <stdint.h>

#include "rolloutd/local_process.h"

/* Ask when it is due; returns when it is due next. */
int64_t local_probe_run(struct local_replica *r, int64_t now_ms);
