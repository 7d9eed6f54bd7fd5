/* PromQL gates as JSON, inside a rollout's record. */
#pragma once

#include <jansson.h>

#include "lib/policy.h"

json_t *policy_queries_to_json(const struct policy *p);
int policy_queries_from_json(json_t *list, struct policy *p, struct err *e); /* rules are policy_check()'s */
