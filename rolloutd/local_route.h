/*
 * Traffic: which share of a target's requests goes to which version, carried out in HAProxy and read back from it.
 *
 * Everything is one movement, for routes, replicas that become ready and replicas that end alike: work out how the slots should be,
 * compare with how HAProxy last said they are, send the difference and ask again, all in one conversation. Nothing is believed to be
 * done before HAProxy says so.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "rolloutd/local_haproxy.h"
#include "rolloutd/local_process.h"
#include "rolloutd/local_slots.h"
#include "rolloutd/local_store.h"
#include "rolloutd/platform.h"

enum { LOCAL_ROUTE_MS = 2000 /* for a route or an observation, restart of HAProxy included */ };

struct local_shares { /* only what is above 0 */
        struct weight w[WORLD_VERSIONS_MAX];
        int n;
};

struct local_route_op {
        struct local_route_op *prev, *next;
        struct local_shares shares;
        bool urgent;
        int64_t deadline_ms;
        struct err failure; /* decided, to be told */
        platform_done_fn done;
        void *arg;
};

struct local_observe_op {
        struct local_observe_op *prev, *next;
        int64_t deadline_ms;
        platform_world_fn done;
        void *arg;
};

struct local_target {
        struct local_target *prev, *next;
        char name[NAME_MAX_LEN + 1];
        struct local_shares asked;             /* last carried out; also STATE/routes/NAME.json */
        struct local_slot actual[LOCAL_SLOTS]; /* as HAProxy last said */
        bool known;                            /* it has said since it last started */
        bool dirty;                            /* what it should be may have changed */
        int64_t save_due_ms;                   /* STATE/routes/NAME.json is not on disk as it should be; 0: it is */
        bool found;     /* HAProxy ran before we did: its weights are the right ones, whatever we remember */
        bool reloaded;  /* its backend was missing, a reload is to bring it */
        int tries;      /* in a row that did not lead where they should */
        int64_t due_ms; /* no try before */
        struct local_route_op *routes;
        struct local_observe_op *observers;
        struct err trouble; /* of the last conversation; kind ERR_NONE: none */
};

struct local_router {
        const struct local_setup *setup;
        const struct local_store *store;
        struct local_haproxy *haproxy;
        struct local_processes *processes;
        struct local_target *targets;
        struct local_talk talk;
        struct local_target *busy; /* the target that is being talked about */
        bool routing;              /* its first route is being carried out */
        struct local_slot wanted[LOCAL_SLOTS];
};

/* Read STATE/routes. */
int local_router_load(struct local_router *r, struct err *e);
void local_router_done(struct local_router *r);

/* Queue a request; an unfit one fails from run(). */
void local_router_route(struct local_router *r, const char *target, const struct weight *w, int n, bool urgent, int64_t now_ms,
                        platform_done_fn done, void *arg);
void local_router_observe(struct local_router *r, const char *target, int64_t now_ms, platform_world_fn done, void *arg);

/* Has the version traffic, or is it about to get some? */
bool local_router_has_weight(const struct local_router *r, const char *target, int64_t version);

/* To be called by the others: this target's replicas changed; another HAProxy answers; its configuration is to be written. */
void local_router_changed(void *router, const char *target);
void local_router_came_up(void *router);
void local_router_config(void *router, struct strbuf *out);

int64_t local_router_run(struct local_router *r, int64_t now_ms);

/* --- one conversation (local_shift.c) --- */

/* Talk about this target: carry out its first route if it is known how HAProxy has it, bring it up to date otherwise. */
void local_shift_talk(struct local_router *r, struct local_target *t, int64_t now_ms);
/* Write the shares asked for; tries again later if that fails. */
void local_shift_save(struct local_router *r, struct local_target *t, const struct local_shares *shares, bool quick,
                      int64_t now_ms);
/* Tell and forget; failure NULL: it is done. */
void local_shift_finish_route(struct local_target *t, struct local_route_op *op, const struct err *failure);
void local_shift_finish_observers(struct local_router *r, struct local_target *t);

/* --- targets (local_target.c) --- */

int local_shares_of(const struct local_shares *s, int64_t version); /* 0: none */
bool local_shares_have(const struct local_shares *s, int64_t version);
bool local_shares_alike(const struct local_shares *a, const struct local_shares *b);
/* As HAProxy has them. */
void local_target_live(const struct local_router *r, const struct local_target *t, struct local_shares *out);

struct local_target *local_target_get(struct local_router *r, const char *name); /* made when new */
int local_target_read(struct local_target *t, const char *path, struct err *e);
/* quick: without waiting for the disk. */
int local_target_save(const char *target, const struct local_shares *shares, const struct local_store *store, bool quick,
                      struct err *e);
/* Does anything of it run or have weight? Only then HAProxy knows it. */
bool local_target_matters(const struct local_router *r, const struct local_target *t);
/* How its slots should be for these shares. */
void local_target_want(const struct local_router *r, const struct local_target *t, const struct local_shares *shares,
                       struct local_slot out[static LOCAL_SLOTS]);
/* What platform_ops.observe() tells (local_world.c). */
void local_world_fill(const struct local_router *r, const struct local_target *t, struct world *out);
