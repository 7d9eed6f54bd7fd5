/* What the Kayenta gate says, for the explanation. */
#pragma once

#include <jansson.h>

#include "lib/judge_kayenta_gate.h"
#include "rolloutd/rollout.h"

/* docs/api.md's GATE of kind "kayenta", or NULL when the policy has none. j NULL, or of another step: not judged yet. */
json_t *kayenta_view(const struct rollout *r, const struct kayenta_judgement *j);
