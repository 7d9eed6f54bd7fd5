/*
 * The rollout as a table: from what is seen in a phase follows one move. First match wins; level-triggered: the same
 * observation gives the same move, and no move means stay. Pure: no I/O, no clock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*        phase          under way  what it means */
#define PHASES(X)                                                                                                                \
        X(IDLE, false)         /* nothing has ever been rolled out, or the first version could not start */                      \
        X(PENDING, true)       /* the candidate is being started; no traffic yet */                                              \
        X(CANARY, true)        /* the candidate has the step's share of the traffic */                                           \
        X(PROMOTING, true)     /* the candidate is getting all of it */                                                          \
        X(DONE, false)         /* the stable version has all the traffic */                                                      \
        X(ROLLING_BACK, false) /* the stable version is getting all of it back; nothing can stop this */                         \
        X(ROLLED_BACK, false)  /* it has; the other version may still run, for inspection */

enum phase {
#define X(name, ...) PHASE_##name,
        PHASES(X)
#undef X
                PHASE_COUNT
};

const char *phase_name(enum phase p);               /* "ROLLING_BACK" */
int phase_parse(const char *text, enum phase *out); /* -1 if there is no such phase */
bool phase_is_under_way(enum phase p);              /* PENDING, CANARY, PROMOTING */
bool phase_is_at_rest(enum phase p);                /* IDLE, DONE, ROLLED_BACK: a rollout may start */

/* Facts, each true or false; gathering them is the caller's business. */
struct observation {
        /* What people asked for; at most one of them. A request that no row takes in this pass is refused. */
        bool want_start, want_pause, want_resume, want_promote, want_promote_full, want_abort, want_rollback;
        bool want_retry, superseded; /* what was rolled back once more; another release is declared by now */

        /* The record. */
        bool has_stable; /* there is a version to go back to */
        bool paused, last_step;
        bool by_hand; /* the step ends when somebody promotes it, not before */

        /* The world. */
        bool ready;         /* the candidate has as many ready processes as the first weight needs */
        bool down;          /* the candidate has failed for good, or has weight and not one ready process */
        bool failed;        /* the candidate will not come up by itself */
        bool overdue;       /* the candidate did not become ready within policy's start_deadline */
        bool watched;       /* Prometheus scrapes the candidate, so a bad one would be noticed */
        bool weights_stand; /* the router, read back, has exactly the weights asked for, and going forward the capacity for them */
        bool taken_out;     /* after a restart: the router gives the candidate nothing although it once had traffic */
        bool switched;      /* after a restart: at rest, the router gives everything to another version of the window */

        /* The evidence, about this rollout's candidate. */
        bool breach, healthy;
        bool split_matches; /* the share of requests seen fits the weight */
        bool hold_over;
        bool starved; /* no evidence for policy's max_hold, and policy says to roll back then */
};

enum effect { /* what a move does to the record beside its phase: rollout_apply() */
              EFFECT_NONE,
              EFFECT_START, /* take over version and policy from the request */
              EFFECT_BEGIN, /* first step's weight */
              EFFECT_RAISE, /* next step's weight */
              EFFECT_PAUSE,
              EFFECT_RESUME,
              EFFECT_BACK_OUT, /* weight 0 at once; stable stays what it is */
              EFFECT_SWITCH,   /* as BACK_OUT, and the version asked for becomes stable */
              EFFECT_FINISH,   /* the candidate becomes stable, the old stable goes to the window */
              EFFECT_REST,     /* rolled back: start the time for which the candidate is kept */
              EFFECT_GIVE_UP,  /* no candidate any more */
};

struct move {
        const char *row; /* stable id: stored with each event, never reused for another meaning */
        enum phase from;
        bool (*when)(const struct observation *o);
        enum phase to;
        enum effect effect;
        const char *why; /* event, log, docs */
};

const struct move *fsm_next(enum phase now, const struct observation *o); /* NULL: stay */

/* The table itself, for tests and the diagram. */
extern const struct move fsm_moves[];
extern const size_t fsm_move_count;
