/* All objects of a kind, page by page, as of one moment. */
#pragma once

#include "lib/kube_client.h"

struct kube_list;

struct kube_list_call {
        const struct kube_resource *resource;
        const char *namespace_; /* NULL: all */
        const char *selector;   /* "labelSelector=...", escaped; NULL: all */
        enum kube_lane lane;
        void (*page)(void *arg, json_t *items); /* an array; it may be changed and kept */
        /* The moment, for a watch; or the failure: KUBE_GONE after some pages means that they are stale, begin again. */
        void (*done)(void *arg, const char *resource_version, const struct kube_failure *failure);
        void *arg;
};

/* Quorum read (resourceVersion unset): never older than what was seen before. Neither function runs from inside. *call is copied,
 * what it points to must live until done. */
struct kube_list *kube_list_start(struct kube *k, const struct kube_list_call *call);
void kube_list_cancel(struct kube_list *l); /* not from its own functions */
