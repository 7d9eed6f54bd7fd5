/*
 * Objects by namespace and name, and what changes when another list or a watch event comes in. Pure: no clock, no network.
 * The object's metadata.managedFields are dropped; they are half of many objects and nobody here reads them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

enum kube_change { KUBE_ADDED, KUBE_CHANGED, KUBE_DELETED };

/* After the change; for KUBE_DELETED `object` is its last known state. Borrowed. */
typedef void (*kube_change_fn)(void *arg, enum kube_change change, const json_t *object);

struct kube_cache;

struct kube_cache_options {
        void (*prune)(json_t *object); /* may remove members that nobody needs before an object is kept; NULL: it keeps all */
        /* Keep only what tells changes: namespace, name, uid and resourceVersion. For who takes what it needs when `changed` runs.
         * kube_cache_get() finds nothing then, and an object that was missing from a list is reported as deleted with no more than
         * these four. */
        bool keys_only;
        kube_change_fn changed;
        void *arg;
};

struct kube_cache *kube_cache_new(const struct kube_cache_options *o);
void kube_cache_free(struct kube_cache *c);

/* One object as it now is; one of the same name and another uid is reported as deleted and added. Objects without a name are
 * ignored. */
void kube_cache_put(struct kube_cache *c, json_t *object);
void kube_cache_remove(struct kube_cache *c, json_t *object);

/* A whole list: begin, put each, end: what was not put in between is gone. */
void kube_cache_begin(struct kube_cache *c);
void kube_cache_end(struct kube_cache *c);

/* Borrowed until the next change; NULL if there is none or only its key is kept. namespace_ "" for cluster-wide kinds. */
const json_t *kube_cache_get(const struct kube_cache *c, const char *namespace_, const char *name);
size_t kube_cache_count(const struct kube_cache *c);
void kube_cache_each(const struct kube_cache *c, void (*fn)(void *arg, const json_t *object), void *arg);
