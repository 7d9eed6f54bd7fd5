/* Kubernetes API calls one after the other, waiting for each. */
#pragma once

#include "lib/kube_client.h"

/* On success the caller owns *out (NULL: not wanted). On failure *why says what happened. */
int kube_talk(struct kube *k, const struct kube_call *call, json_t **out, struct kube_failure *why);
/* The first candidate that the server has; NULL: none, or it could not be found out, which *why tells. */
const struct kube_resource *kube_talk_served(struct kube *k, const struct kube_resource *candidates, size_t n,
                                             struct kube_failure *why);
void kube_talk_pause(int64_t ms);
