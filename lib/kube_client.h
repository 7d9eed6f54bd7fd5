/*
 * Kubernetes API calls that never wait: started here, finished from kube_run(). One thread. Rules of
 * https://kubernetes.io/docs/reference/using-api/api-concepts/.
 *
 * - A server that answers 429 or 5xx with Retry-After is asked again after that time, up to ten times within the call's
 *   deadline. 401 leads to a fresh credential and one more try. Everything else is the caller's to decide.
 * - Calls in KUBE_URGENT (rollback writes) have connections of their own and never queue behind others.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/err.h"
#include "lib/kube_config.h"
#include "lib/kube_status.h"

enum {
        KUBE_POLL_FDS = 3,
        KUBE_LIST_PAGE = 100, /* a page is in memory as a whole, ten times as large as its text: 10 KB for a ModelRollout */
};

struct kube_resource {
        const char *group; /* "" for core */
        const char *version, *plural;
};

enum kube_verb {
        KUBE_GET,
        KUBE_LIST, /* one page; kube_list() follows them */
        KUBE_WATCH,
        KUBE_CREATE,      /* POST to the collection */
        KUBE_UPDATE,      /* PUT; the body's metadata.resourceVersion is the precondition */
        KUBE_JSON_PATCH,  /* RFC 6902; the body is an array; begin it with "test" */
        KUBE_MERGE_PATCH, /* RFC 7386; a metadata.resourceVersion in the body is a precondition */
        KUBE_APPLY,       /* server-side apply: the full set of owned fields, each time */
        KUBE_DELETE,      /* the body, if any, is DeleteOptions: kube_delete_options() */
        KUBE_VERB_COUNT
};

enum kube_lane { KUBE_NORMAL, KUBE_URGENT, KUBE_LANES };

struct kube_call {
        enum kube_verb verb;
        enum kube_lane lane;
        const struct kube_resource *resource;
        const char *path;       /* instead of resource and names: "/apis" */
        const char *namespace_; /* NULL: cluster-wide */
        const char *name, *subresource;
        const char *query; /* "labelSelector=a%3Db", escaped; joined to what the verb needs */
        const json_t *body;
        const char *field_manager; /* for writes; NULL: "sluice" */
        bool force;                /* KUBE_APPLY: take fields over from other managers */
        int64_t delay_ms;          /* start it only then */
        /* With all retries; 0: 10 s. KUBE_URGENT: from the start. KUBE_NORMAL: from when it is first sent, which may be up to a minute
         * later: time spent in the queue must not end in thousands of calls that are given up and asked again. KUBE_WATCH: how
         * long silence may last. */
        int64_t timeout_ms;
        int64_t stream_ms;                                     /* KUBE_WATCH: how long the stream may last */
        size_t max_body;                                       /* 0: 4 MiB */
        int (*write)(void *arg, const void *data, size_t len); /* KUBE_WATCH: the stream; -1 gives up */
};

/* Exactly one of object and failure is non-NULL, save for a watch that ended well: neither. Both are borrowed. */
typedef void (*kube_done_fn)(void *arg, json_t *object, const struct kube_failure *failure);

struct kube;
struct kube_flight;

struct kube *kube_new(struct kube_config *c); /* takes the contents over */
void kube_free(struct kube *k);               /* drops calls under way without calling done */
const struct kube_config *kube_config_of(const struct kube *k);

/* Each try that has ended, for metrics: `status` 0 when no answer came. resource "": a path. A watch's time is how long it was open. */
typedef void (*kube_tried_fn)(void *arg, enum kube_verb verb, const char *resource, int status, int64_t took_us);
void kube_observe(struct kube *k, kube_tried_fn tried, void *arg); /* one observer; NULL: none */
const char *kube_verb_name(enum kube_verb v);                      /* "get", "json-patch" */

/* Asked when a write of KUBE_NORMAL is first sent, as it may have waited: may it, for the timeout_ms that was asked for? -1 and *e: it
 * fails with that. */
typedef int (*kube_guard_fn)(void *arg, int64_t timeout_ms, struct err *e);
void kube_guard(struct kube *k, kube_guard_fn guard, void *arg); /* one guard; NULL: none */

/* Names are checked when the call starts: INVALID through done, as every failure. Nothing runs from inside this call; *call
 * and what it points to are copied. */
struct kube_flight *kube_start(struct kube *k, const struct kube_call *call, kube_done_fn done, void *arg);
void kube_cancel(struct kube *k, struct kube_flight *f); /* done will not run; not from f's own done */

/* The loop: descriptors to wait for (at most KUBE_POLL_FDS), and the work itself, which returns the milliseconds after which it
 * wants to be called even if none is ready. */
unsigned kube_poll_fds(const struct kube *k, struct pollfd out[static KUBE_POLL_FDS]);
int64_t kube_run(struct kube *k);

/* Body for KUBE_DELETE; NULLs leave preconditions out. `policy`: Background, Foreground, Orphan. Caller owns it. */
json_t *kube_delete_options(const char *uid, const char *resource_version, const char *policy);

/* Members of metadata, "" when absent; borrowed. */
const char *kube_meta(const json_t *object, const char *member);
