/* A Kayenta gate to and from JSON, inside its policy's. */
#pragma once

#include <jansson.h>

#include "lib/policy_kayenta.h"

json_t *policy_kayenta_to_json(const struct policy_kayenta *k); /* NULL: there is no such gate */
/* doc NULL: none. What policy_kayenta_check() wants is checked with the whole policy. */
int policy_kayenta_from_json(json_t *doc, struct policy_kayenta *out, struct err *e);
