/* What the judge remembers of PromQL gates that compare, to and from JSON. */
#pragma once

#include <jansson.h>

#include "lib/judge_gate.h"

json_t *judge_gates_to_json(const struct judge_gate *gates); /* NULL when nothing is remembered */
/* doc NULL: nothing. *out is to be freed by judge_gates_free(), also on failure. */
int judge_gates_from_json(json_t *doc, struct judge_gate **out, struct err *e);
