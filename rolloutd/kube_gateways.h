/* What to heed with the controllers behind a route's parents. */
#pragma once

#include "rolloutd/kube_private.h"

struct kube_quirks {
        const char *controller; /* GatewayClass.spec.controllerName */
        bool keep_zeros;        /* backends of weight 0 stay in the route, so that they are programmed before they are needed */
        int settle_ms;          /* from "accepted" until requests follow the new weights */
};

/* The row of a controller; of an unknown one, the usual. */
const struct kube_quirks *kube_gateways_row(const char *controller);

/* Of all these parents together, the most careful of each: the usual until it is known, then asked again every ten minutes. */
struct kube_quirks kube_gateways_quirks(struct kube_platform *k, const json_t *parent_refs, const char *namespace_);
void kube_gateways_free(struct kube_platform *k);
