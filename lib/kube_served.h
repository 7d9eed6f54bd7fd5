/* Which version of a kind this server speaks: clusters differ by years, so nothing is assumed from a version number. */
#pragma once

#include "lib/kube_client.h"

struct kube_served;

/* best: the first candidate that is served, NULL when none is. failure: it could not be found out; then best is NULL too. */
typedef void (*kube_served_fn)(void *arg, const struct kube_resource *best, const struct kube_failure *failure);

/* Candidates in order of preference; borrowed until done. */
struct kube_served *kube_served_start(struct kube *k, const struct kube_resource *candidates, size_t n, kube_served_fn done,
                                      void *arg);
void kube_served_cancel(struct kube_served *s);
