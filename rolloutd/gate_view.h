/* What api_explain.c says of gates that compare something other than requests: docs/api.md's GATE of kinds ratio, drift and mean. */
#pragma once

#include <jansson.h>

#include "lib/judge_explain.h"

/* Add their members to a GATE; nothing for other kinds. query: as it was asked of the candidate. */
void gate_view_compared(json_t *doc, const struct judge_view *w, const char *query);
