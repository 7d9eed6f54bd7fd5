/* A policy as JSON: inside a rollout's record (whole, strict), and as the API lists it. */
#pragma once

#include <jansson.h>

#include "lib/policy.h"

json_t *policy_to_json(const struct policy *p);
int policy_from_json(json_t *doc, struct policy *out, struct err *e); /* also keeps policy_check_running()'s rules */

json_t *policy_steps_view(const struct policy *p); /* [5, 25, 100], percent */
json_t *policy_view(const struct policy *p);       /* {"name","steps","summary"} */
