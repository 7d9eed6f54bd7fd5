/*
 * One kind of object mirrored into memory: list, then watch from there, and list again whenever that is not certain to have
 * seen everything. The mirror only ever lags; it never loses an object or keeps one that is gone.
 */
#pragma once

#include "lib/kube_cache.h"
#include "lib/kube_client.h"

struct kube_watch;

struct kube_watch_options {
        const struct kube_resource *resource;
        const char *namespace_;        /* NULL: all */
        const char *selector;          /* "labelSelector=...", escaped; NULL: all */
        void (*prune)(json_t *object); /* see struct kube_cache_options; it must leave metadata */
        bool keys_only;                /* the same */
        kube_change_fn changed;        /* NULL: nobody wants to know */
        void (*synced)(void *arg);     /* a list is complete: the mirror was whole at one moment; NULL */
        /* It could not go on and will try again by itself; NULL. */
        void (*trouble)(void *arg, const struct kube_failure *why);
        void *arg;
        /* For tests; 0 means the defaults. */
        int64_t least_ms;   /* how long the server shall keep a watch open: a random time from here to twice as much; 300 s */
        int64_t silence_ms; /* no byte for so long means a dead connection; bookmarks come about once a minute; 90 s */
};

/* *o is copied, what it points to must live as long as the watch. Nothing runs from inside. Functions may start calls, but not end
 * this watch. */
struct kube_watch *kube_watch_start(struct kube *k, const struct kube_watch_options *o);
void kube_watch_free(struct kube_watch *w);

/* Do what is due; the milliseconds after which to be called again. Call it whenever kube_run() has run. */
int64_t kube_watch_run(struct kube_watch *w, int64_t now_ms);

bool kube_watch_is_synced(const struct kube_watch *w); /* the first list has been completed */
const struct kube_cache *kube_watch_cache(const struct kube_watch *w);

/*
 * "&resourceVersion=..." for the query of a list that has to be no older than what has been told here. Without it the server asks its
 * storage for all objects of the kind to find those of a selector; with it, its memory. "" until an event has come: the version of a
 * list may be one that the server's memory of this kind does not reach before something changes. Caller frees.
 */
char *kube_watch_since(const struct kube_watch *w);

struct kube_watch_stats {
        uint64_t lists, watches, events, bookmarks, failures;
};
const struct kube_watch_stats *kube_watch_stats(const struct kube_watch *w);
