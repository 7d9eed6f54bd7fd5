/* The judge's memory as JSON in a rollout's record. Reading is strict: wrong sizes and values that are no numbers are refused. */
#pragma once

#include <jansson.h>

#include "lib/err.h"
#include "lib/judge.h"

json_t *judge_to_json(const struct judge *j);
int judge_from_json(json_t *doc, struct judge *out, struct err *e);
