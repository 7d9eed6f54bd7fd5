/*
 * One target's record: which release is stable, which is the candidate, how far the rollout is, and what the judge remembers.
 * Everything that must outlive a restart is in here, rollout_json.h writes it down. Pure: the time is an argument, and it is
 * wall-clock time, since it leaves the process.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/judge.h"
#include "lib/names.h"
#include "lib/policy_shared.h"
#include "lib/release.h"
#include "lib/sampler.h"
#include "lib/sha256.h"
#include "rolloutd/capacity.h"
#include "rolloutd/fsm.h"
#include "rolloutd/platform.h"

enum {
        ROLLOUT_REASON_LEN = 200,
        ROLLOUT_WHY_LEN = 320,
        ROLLOUT_OUTBOX_MAX = 16,
        ROLLOUT_ROW_LEN = 31,
        ROLLOUT_KIND_LEN = 15,
        ROLLOUT_BUILD_LEN = 16,
        ROLLOUT_MARK_LEN = 63,
        ROLLOUT_REPLICAS_MAX = 10000,
};

struct placed {                            /* a release that runs; version 0: none */
        int64_t version;                   /* its key: lib/release.h */
        int replicas;                      /* when it has all the traffic; with an autoscaler: at least */
        char digest[DIGEST_TEXT_LEN + 1];  /* of the version; "" unknown */
        char build[ROLLOUT_BUILD_LEN + 1]; /* fingerprint of how it is run; "" where there is but one way */
        int64_t until_ms;                  /* kept so long; 0: no end */
        bool left;                         /* in the window: a rollback went away from it, so only rollback --to goes there */
};

struct release { /* what exactly is to serve */
        int64_t version;
        char digest[DIGEST_TEXT_LEN + 1];
        char build[ROLLOUT_BUILD_LEN + 1];
};

struct event {
        int64_t number, rollout_id, at_ms;
        char row[ROLLOUT_ROW_LEN + 1];   /* fsm.h's row id, or "verdict", "restart.lower" */
        char kind[ROLLOUT_KIND_LEN + 1]; /* for people and filters: "started", "weight", "rolling-back", ... */
        enum phase from, to;
        int64_t stable, candidate; /* after the move, 0: none; of a candidate given up: before */
        int weight_bp;             /* the candidate's share asked for after the move; all, once it is the stable version */
        char why[ROLLOUT_WHY_LEN + 1];
        char actor[NAME_MAX_LEN + 1]; /* "" when nobody asked */
        struct verdict verdict;       /* at_ms 0: none */
};

struct rollout { /* rollout_init(), rollout_done(); not to be copied */
        char target[TARGET_MAX_LEN + 1];
        char model[NAME_MAX_LEN + 1];
        enum phase phase;
        int64_t rollout_id; /* counts this target's rollouts */
        struct placed stable, candidate;
        struct placed *window; /* newest first: releases to go back to at once; at most POLICY_WINDOW_MAX */
        int n_window;
        const struct policy *policy; /* a reference; policy_none: there never was a rollout */

        struct release followed;         /* what was last started, or found in its place; version 0: nothing */
        int64_t generation;              /* of the newest declaration that is followed, or was found fulfilled; 0: none */
        char mark[ROLLOUT_MARK_LEN + 1]; /* id of the last rollback past us that was taken over */
        char key[ROLLOUT_MARK_LEN + 1];  /* of the last rollback through the API that had one */
        int surge_percent;               /* of its replicas that a rollout may run on top */

        int step;
        bool paused;
        bool paused_by_spec; /* and so it is for the declaration to end it */
        bool served;         /* the candidate has had traffic in this rollout */
        bool stood;          /* this step's weight has been read back */
        int64_t stood_at_ms; /* when, by Prometheus's clock */
        int64_t held_ms;     /* how long it has stood */
        int64_t starved_ms;  /* how long there has been no evidence */
        int64_t starting_ms; /* how long the candidate has been starting, or what it lacks for a step's weight */

        struct sampler sampler;
        struct judge judge;
        struct verdict verdict; /* at_ms 0: none */

        char actor[NAME_MAX_LEN + 1];      /* of the last request */
        char started_by[NAME_MAX_LEN + 1]; /* of the last start, as is the reason */
        char reason[ROLLOUT_REASON_LEN + 1];
        char note[ROLLOUT_WHY_LEN + 1];     /* why it is where it is: the last move's sentence */
        char rejected[ROLLOUT_WHY_LEN + 1]; /* why the candidate was rolled back; "" if it was not */
        int64_t started_ms, updated_ms;

        int64_t last_event;   /* number of the newest event */
        struct event *outbox; /* events not yet known to be in the history, oldest first; NULL: none */
        int n_outbox;
};

enum ask {
        ASK_NOTHING,
        ASK_START,
        ASK_RETRY, /* as START, of what was rolled back */
        ASK_PAUSE,
        ASK_RESUME,
        ASK_PROMOTE,
        ASK_PROMOTE_FULL,
        ASK_ABORT,
        ASK_ROLLBACK,
        ASK_SUPERSEDE, /* another release is declared than the candidate */
};

struct request { /* what a person, or a declaration, asked for */
        enum ask what;
        int64_t version; /* START, RETRY: the candidate; ROLLBACK: where to, never 0 */
        char digest[DIGEST_TEXT_LEN + 1];
        char build[ROLLOUT_BUILD_LEN + 1];
        const struct policy *policy;     /* START, RETRY: shared, borrowed */
        int replicas;                    /* START, RETRY: 0: as the policy says */
        bool by_spec;                    /* PAUSE: the declaration asks for it */
        char mark[ROLLOUT_MARK_LEN + 1]; /* ROLLBACK: of the rollback past us that this makes ours; "" */
        char key[ROLLOUT_MARK_LEN + 1];  /* ROLLBACK: the Idempotency-Key; "" */
        char actor[NAME_MAX_LEN + 1];
        char reason[ROLLOUT_REASON_LEN + 1];
};

void rollout_init(struct rollout *r, const char *target, const char *model);
void rollout_done(struct rollout *r); /* as if it had never been initialised */

/* Is the rollback of this id carried out? ctl gives its request and its mark the same, and either may come first. */
bool rollout_has_gone_back(const struct rollout *r, const char *id);

int rollout_weight_bp(const struct rollout *r); /* the candidate's share asked for */
/* The router's weights asked for, at most two; 0 while no version may have traffic. */
int rollout_weights(const struct rollout *r, struct weight out[2]);
/* What should run, at most WORLD_VERSIONS_MAX, whole or as `plan` says (NULL: whole); everything else is to be retired. */
int rollout_deployments(const struct rollout *r, const struct capacity *plan, struct deployment out[WORLD_VERSIONS_MAX]);
int rollout_ahead_bp(const struct rollout *r);         /* the weight that the candidate's capacity should be ready for */
int64_t rollout_hold_left_ms(const struct rollout *r); /* of this step; -1 outside CANARY */

/* Which version a rollback goes to: `to`, or if 0 stable during a rollout and otherwise the newest of the window that no rollback
 * went away from. Never a candidate that was rolled back. CONFLICT with a sentence when there is none such. */
int rollout_back_to(const struct rollout *r, int64_t to, int64_t *version, struct err *e);

/* Make the move: phase, effect, note, and an event in the outbox. `rq` is what was asked for (or ASK_NOTHING), `detail` is
 * added to the move's sentence (may be ""). */
void rollout_apply(struct rollout *r, const struct move *m, const struct request *rq, const char *detail, int64_t now_ms);

/* A new verdict. Another state or gate than before makes an event, if there is room. */
void rollout_judged(struct rollout *r, const struct verdict *v, int64_t now_ms);

/* The weight asked for has been read back for the first time. */
void rollout_stands(struct rollout *r, int64_t server_ms);

/* After a restart in CANARY the router had the candidate at live_bp, more than nothing and less than this step: fall back to
 * the step that fits, so that no evidence is taken for granted. */
void rollout_lower(struct rollout *r, int live_bp, int64_t now_ms);

/* So many replicas of everything that may have to serve all traffic. True if that is new. */
bool rollout_scale(struct rollout *r, int replicas, int surge_percent);

/* What is declared is there already: it is not to be started. */
void rollout_follow(struct rollout *r, const struct release *what);

/* A release that still runs although its time in the window ran out, and is wanted back: it is kept once more. */
void rollout_recall(struct rollout *r, int64_t version, int64_t now_ms);

/* Somebody changed the router's weights, or they were lost; they are being put right. The step goes on where it was when they stand. */
void rollout_drifted(struct rollout *r, const char *what, int64_t now_ms);

bool rollout_expire(struct rollout *r, int64_t now_ms);   /* forget what need not be kept any longer; true if there was some */
void rollout_recorded(struct rollout *r, int64_t number); /* the history has this event */
