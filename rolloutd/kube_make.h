/* One object as it should be: read it, then create, change, remove or leave it. Every write asks whether we still lead, and none is made
 * over what another leader has written meanwhile. */
#pragma once

#include "rolloutd/kube_private.h"

enum kube_verdict { KUBE_LEAVE, KUBE_MAKE, KUBE_CHANGE, KUBE_REMOVE };

struct kube_part {
        const struct kube_resource *resource;
        const char *name; /* in the target's namespace */
        bool foreign;     /* not ours by nature: nobody asks for its owner */
        /*
         * What is to be done, with *body the object to MAKE or the JSON Patch operations to CHANGE by; -1 gives up. found: NULL if there is
         * none, or if it belongs to somebody else: then MAKE ends with INVALID. May run twice.
         */
        int (*decide)(void *arg, json_t *found, json_t **body, struct err *e);
        void (*is)(void *arg, const json_t *object); /* as it is now, written or left; NULL: nobody wants to know */
};

struct kube_making;

/* done runs later. *p is copied, its name too. */
struct kube_making *kube_make_start(struct kube_platform *k, struct kube_target *t, const struct kube_part *p,
                                    platform_done_fn done, void *arg);
void kube_make_cancel(struct kube_making *m); /* NULL is fine */

/* UNAVAILABLE for one that is on its way out: it will be gone, and can be made again then. */
int kube_make_stands(const json_t *found, struct err *e);
