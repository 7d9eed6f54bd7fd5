/* Verdicts and events as JSON, the same in the record, the history and the API; and the sampler's memory in the record. */
#pragma once

#include <jansson.h>

#include "rolloutd/rollout.h"

json_t *verdict_to_json(const struct verdict *v); /* null when there is none */
int verdict_from_json(json_t *doc, struct verdict *out, struct err *e);

json_t *event_to_json(const struct event *ev); /* docs/api.md's EVENT */
int event_from_json(json_t *doc, struct event *out, struct err *e);

json_t *sampler_to_json(const struct sampler *s);
int sampler_from_json(json_t *doc, struct sampler *out, struct err *e);

json_t *time_to_json(int64_t wall_ms); /* RFC 3339; null for 0 */
int time_from_json(json_t *v, int64_t *wall_ms, struct err *e);
json_t *percent_to_json(int weight_bp); /* 500 becomes 5, 50 becomes 0.5 */
json_t *version_to_json(int64_t key);   /* the version's number; null for 0 */
json_t *release_to_json(int64_t key);   /* "7.1"; null for 0 */
