/*
 * Where scoring runs, as a struct of functions: processes on this machine behind HAProxy (local), later pods behind a Gateway
 * (kube), and a simulated one in the tests.
 *
 * The contract suits a slow, distant, unreliable implementation:
 * - Every call returns at once. Its done function runs exactly once, later, from run(), never from inside the call. Arguments
 *   are copied. `failure` is NULL on success. Kinds that callers branch on: CONFLICT (somebody else wrote; read again),
 *   UNAVAILABLE and TIMEOUT (try again), INVALID (will never work), NOT_FOUND.
 * - Every call is idempotent: doing it again after a crash, or after a failure whose effect is unknown, is harmless.
 * - route() sets all weights of a target at once. It depends on nothing but the router: not on readiness, not on the registry.
 *   An urgent route() (a rollback) overtakes and cancels a route() of the same target that has not been carried out; the
 *   overtaken one fails with CONFLICT.
 * - save() is compare-and-swap on a revision that the platform hands out.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/names.h"
#include "lib/policy.h"
#include "lib/sha256.h"

enum {
        WORLD_VERSIONS_MAX = 16, /* versions of one target that may run side by side */
        WEIGHT_ALL = 10000,      /* weights are basis points: 500 is 5 % */
        MARK_REASON_LEN = 160,   /* of a rollback past us */
};

struct weight {
        int64_t version;
        int bp;
};

struct version_status {
        int64_t version;
        int wanted;    /* scoring processes or pods as deploy() last asked for them; with an autoscaler its floor; -1 unknown */
        int ready;     /* those that can take traffic; an autoscaler may have made more than wanted */
        bool failed;   /* it will not come up by itself: the reason is in message */
        int weight_bp; /* as the router really has it now; -1 unknown */
        char message[256]; /* "loading", "exit status 2: model.ubj: unknown objective ..."; "" when all is well */
};

struct world { /* one observation of a target */
        struct version_status versions[WORLD_VERSIONS_MAX];
        int n_versions;
        bool router_ok; /* the router answers and its weights are known */
        char router_message[256];
};

enum placed_role { PLACED_STABLE, PLACED_CANDIDATE, PLACED_KEPT };

struct deployment {
        int64_t version;
        int replicas; /* with an autoscaler: its floor */
        enum placed_role role;
        /* What a release has to be when it begins; later ones are not looked at. "": not known, nothing is checked. */
        char digest[DIGEST_TEXT_LEN + 1]; /* of the version in the registry: scorers refuse another */
        char build[17];                   /* of the desire that it follows: CONFLICT when the declaration has another by now */
};

/* What a target's owner declares, on platforms where targets are declared (Kubernetes). Plain values; strings are copied. */
struct desire {
        char target[TARGET_MAX_LEN + 1];
        char model[NAME_MAX_LEN + 1];
        int64_t generation;            /* of the declaration, for messages */
        char ref[80];                  /* "7", "@champion" or "sha256:..." */
        char build[17];                /* fingerprint of how it is run: another one of the same version is another release */
        char policy[NAME_MAX_LEN + 1]; /* "": the default */
        struct policy_step steps[POLICY_STEPS_MAX]; /* instead of the policy's; n_steps 0: the policy's */
        int n_steps;
        int replicas, surge_percent;
        bool paused;
        char invalid[256]; /* why it cannot be followed, a sentence; "": it can */
        /* Somebody rolled back past us, straight at the cluster: to follow, not to undo. id "": nobody did. */
        struct {
                char id[64];
                int64_t to; /* 0: not said */
                char actor[NAME_MAX_LEN + 1];
                char reason[MARK_REASON_LEN + 1];
        } mark;
};

/* Run from the platform's run(). */
struct platform_listener {
        void (*wanted)(void *arg, const struct desire *d); /* new or changed; also once for each after load() */
        void (*changed)(void *arg, const char *target);    /* what observe() tells of it is another now: look soon */
        /* The declaration is no more: forget the target. What was asked of the platform about it is not answered any more, save
         * history(). */
        void (*gone)(void *arg, const char *target);
        void *arg;
};

/* For metrics; where there is an API that is called. */
struct platform_meter {
        /* A call has ended: code is the HTTP status, 0 when no answer came. took_us -1: a stream, whose time says nothing. */
        void (*called)(void *arg, const char *verb, const char *resource, int code, int64_t took_us);
        void *arg;
};

struct platform_mirror { /* what is watched: counted since the start */
        const char *resource;
        uint64_t lists, streams, failures, events;
};

enum { PLATFORM_MIRRORS_MAX = 8 };

/* Why a desire is not followed, for its owner's eyes. */
struct desire_trouble {
        char reason[48]; /* CamelCase: "VersionNotFound", "PolicyNotFound", "RegistryUnavailable", "InvalidSpec"; "": none */
        char message[256];
};

struct platform_record { /* one target's state as saved */
        const char *target;
        const char *json;
        int64_t revision;
};

struct scrape_target {
        char address[64]; /* host:port */
        char target[TARGET_MAX_LEN + 1];
        char model[NAME_MAX_LEN + 1];
        int64_t version;
};

typedef void (*platform_done_fn)(void *arg, const struct err *failure);
typedef void (*platform_records_fn)(void *arg, const struct platform_record *records, size_t n, const struct err *failure);
typedef void (*platform_saved_fn)(void *arg, int64_t revision, const struct err *failure);
typedef void (*platform_world_fn)(void *arg, const struct world *seen, const struct err *failure);

struct platform;
struct target;

struct platform_ops {
        const char *name;
        int weight_tolerance_bp; /* how far the router's weights may be off: 0 for exact ones */

        /* State. Records and events are text of the caller's; the platform keeps them whole or not at all. */
        void (*load)(struct platform *p, platform_records_fn done, void *arg);
        /* As load(), of one target that is known. NULL: load() does. */
        void (*reload)(struct platform *p, const char *target, platform_records_fn done, void *arg);
        /* Who asked load() or reload() with this argument is no more: it is not answered. NULL where targets are not declared. */
        void (*unload)(struct platform *p, const void *arg);
        /* expected: the revision last seen, 0 for a new target. On success the new revision; CONFLICT otherwise. */
        void (*save)(struct platform *p, const char *target, const char *json, int64_t expected, platform_saved_fn done,
                     void *arg);
        /* Append one event (a JSON object on one line) to the target's history. Its member "number" grows from event to event; an
         * event whose number is not above the newest one's is already there: success, nothing is appended. */
        void (*record)(struct platform *p, const char *target, const char *event, platform_done_fn done, void *arg);
        /* The newest `limit` events with a member "number" below `before` (0: from the end), newest first, as one JSON array text. */
        void (*history)(struct platform *p, const char *target, int64_t before, int limit,
                        void (*done)(void *arg, const char *events, const struct err *failure), void *arg);

        /* The world. */
        void (*observe)(struct platform *p, const char *target, platform_world_fn done, void *arg);
        /* Make this version run with so many replicas. Returns when it is under way, not when it is ready. */
        void (*deploy)(struct platform *p, const char *target, const struct deployment *d, platform_done_fn done, void *arg);
        /* Drain and stop a version. CONFLICT while it has weight. Fine when it does not run. */
        void (*retire)(struct platform *p, const char *target, int64_t version, platform_done_fn done, void *arg);
        /* Versions not named get 0. Weights sum to WEIGHT_ALL. */
        void (*route)(struct platform *p, const char *target, const struct weight *w, int n, bool urgent, platform_done_fn done,
                      void *arg);
        /* What Prometheus should scrape: fills at most max, returns how many there are. From memory, at once. */
        size_t (*discover)(struct platform *p, struct scrape_target *out, size_t max);

        /* Declared targets; NULL where targets are not declared. listen() is called once, before load(). */
        void (*listen)(struct platform *p, const struct platform_listener *l);
        /* What `t` is or sees has changed: tell whoever reads the declaration. Called before each save(), which writes it along, and
         * when nothing is to be saved; cheap, the platform writes when it sees fit. `t` is valid for the call. `followed`: generation
         * of the newest desire that t follows, or found fulfilled; 0: none yet. Nobody is told that a rollout is complete for a
         * newer one. `trouble` may be NULL. */
        void (*publish)(struct platform *p, const struct target *t, int64_t followed, const struct desire_trouble *trouble);
        /* What is saved of a target cannot be understood, and nothing is done about it until it can be: tell its owner, and change nothing
         * else. Saying it again is cheap. NULL where targets are not declared. */
        void (*complain)(struct platform *p, const char *target, const struct desire_trouble *why);
        /* A mark has been followed (its rollback is in a saved record): take it away. */
        void (*unmark)(struct platform *p, const char *target, const char *id);

        /* Which leadership this is: grows from leader to leader, from 0; -1 while another one leads. NULL where there is but one process. */
        int64_t (*epoch)(const struct platform *p);

        /* For metrics; both NULL where no API is called. meter() once, before load(). mirrors() returns how many there are. */
        void (*meter)(struct platform *p, const struct platform_meter *m);
        int (*mirrors)(const struct platform *p, struct platform_mirror out[static PLATFORM_MIRRORS_MAX]);

        /* The loop. poll_fds() lists descriptors to wait for; run() does what is due, calls done functions, and returns in how many
         * milliseconds it wants to run again even if no descriptor is ready (-1: no need). */
        unsigned (*poll_fds)(struct platform *p, struct pollfd *out, unsigned max);
        int64_t (*run)(struct platform *p, int64_t now_ms);
        /* Another rolloutd acts, and this one is ready to take over at once. NULL: there is only ever one. */
        bool (*stands_by)(const struct platform *p);
        /* Stop. What serves goes on serving, unless the platform was configured otherwise. No done function runs any more. */
        void (*free)(struct platform *p);
};

struct platform { /* first member of each implementation's own struct */
        const struct platform_ops *ops;
};
