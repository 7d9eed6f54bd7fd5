/* The two Services that an adopted route names (lib/kube_slots.h), as JSON. Pure. */
#pragma once

#include <jansson.h>

#include "lib/kube_slots.h"
#include "rolloutd/kube_private.h"

/* A slot's Service for a release (0: nothing). `port` is what the user's route calls it by. Caller owns it. */
json_t *kube_slot_service(const struct kube_platform *k, const struct kube_target *t, int slot, int port, int64_t release);
/* Which release such a Service selects; 0: none. INVALID when it is not ours. service NULL: there is none. */
int kube_slot_release(const struct kube_target *t, const json_t *service, int64_t *release, struct err *e);
/* A JSON Patch from the Service as read to the one wanted, NULL if there is no difference. Caller owns it. */
json_t *kube_slot_patch(const json_t *live, const json_t *wanted);

/* Has a slot's list of EndpointSlices ready endpoints, and none of another release than this? */
bool kube_slot_follows(const json_t *slices, const struct kube_release *r);
