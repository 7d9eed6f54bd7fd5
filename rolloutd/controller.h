/*
 * The program's one loop: targets, platform, Prometheus, registry and API on a single thread. Nothing in it waits; whatever
 * takes time is answered by a later round.
 */
#pragma once

#include "lib/daemon.h"
#include "lib/http_client.h"
#include "lib/http_server.h"
#include "lib/metrics.h"
#include "rolloutd/decision_log.h"
#include "rolloutd/due.h"
#include "rolloutd/platform.h"
#include "rolloutd/policies.h"
#include "rolloutd/prometheus.h"
#include "rolloutd/registry.h"
#include "rolloutd/settings.h"
#include "rolloutd/target.h"
#include "rolloutd/token_sync.h"
#include "rolloutd/wants.h"

enum {
#define METRIC(id, ...) METRIC_##id,
#include "rolloutd/metrics.def"
#undef METRIC
};

enum { CONTROLLER_TARGETS_MAX = 10000 };

struct api_call;  /* an answer that is waited for: api.c */
struct api_watch; /* a client that watches: api_watch.c */

struct unreadable { /* a saved record that cannot be understood: left alone, and nothing is started over it */
        char target[TARGET_MAX_LEN + 1];
        char why[256];
};

struct controller {
        const struct settings *settings;
        struct daemon *daemon;
        struct http_loop *http;
        struct http_server *server;
        struct platform *platform;
        struct prometheus *prometheus;
        struct registry *registry;
        struct tokens *tokens;
        struct token_sync *token_sync;
        struct decision_log *decisions;
        struct policies policies;
        struct policy_pool *policy_pool;
        struct metrics *metrics;
        struct wants *wants; /* NULL: targets are not declared here */
        struct target_env env;
        struct due targets;
        struct unreadable *unreadable;
        size_t n_unreadable;
        char rereading[TARGET_MAX_LEN + 1]; /* which of them is being read again; "": none is */
        size_t reread_next;
        int64_t reread_at_ms;
        bool loaded, loading; /* all records have been read */
        int64_t load_at_ms;
        struct backoff load_backoff;
        bool draining;
        int64_t stop_by_ms;
        struct api_call *calls;
        struct api_watch *watches;
        int n_watches;
        int (*reload)(void *arg, struct err *e); /* SIGHUP: settings; policies are the controller's own business */
        void *reload_arg;
};

/* `platform` is taken over. Settings, daemon and tokens must outlive the controller. */
int controller_new(const struct settings *settings, struct daemon *daemon, struct platform *platform, struct tokens *tokens,
                   struct controller **out, struct err *e);
void controller_free(struct controller *c);

/* Until SIGTERM. 0, or -1 when the loop itself is broken. */
int controller_run(struct controller *c, struct err *e);

int controller_check_loaded(const struct controller *c, struct err *e); /* UNAVAILABLE while the records have not been read */
/* UNAVAILABLE while the records have not been read, or if this one cannot be understood; NOT_FOUND. */
int controller_find(const struct controller *c, const char *target, struct target **out, struct err *e);
/* The same, where targets are declared also by NAME alone; CONFLICT with a list when several are called so. */
int controller_resolve(const struct controller *c, const char *name, struct target **out, struct err *e);
/* Found or new. UNAVAILABLE as above, or when there are too many. */
int controller_make(struct controller *c, const char *target, const char *model, struct target **out, struct err *e);
/* Its declaration is gone: free it, and tell who waits for it or watches it. */
void controller_forget(struct controller *c, const char *target);
/* NULL: NOT_FOUND, or INVALID when it cannot be used. */
const struct policy *controller_policy(const struct controller *c, const char *name, struct err *e);

/* controller_settings.c. A typo in one policy must not keep us from watching, or rolling back, what runs by another: it is left out. */
int controller_load_policies(struct controller *c, struct err *e);
void controller_reload(struct controller *c); /* what cannot be read stays as it was */
