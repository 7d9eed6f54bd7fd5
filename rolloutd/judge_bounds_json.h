/* The bounds at which latency is compared, with their evidence, to and from JSON. */
#pragma once

#include <jansson.h>

#include "lib/err.h"
#include "lib/judge_bounds.h"

json_t *judge_bounds_to_json(const struct judge_bounds *b);
/* doc may be NULL: none chosen. On success the caller owns *out (judge_bounds_done()). */
int judge_bounds_from_json(json_t *doc, struct judge_bounds *out, struct err *e);
