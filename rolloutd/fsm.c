/* The rollout's moves and their guards. */
#include "rolloutd/fsm.h"

#include <string.h>

#define GUARD(name, condition)                                                                                                   \
        static bool name(const struct observation *o)                                                                            \
        {                                                                                                                        \
                return (condition);                                                                                              \
        }

GUARD(started, o->want_start)
GUARD(retried, o->want_retry)
GUARD(superseded, o->superseded && o->has_stable)
GUARD(first_superseded, o->superseded && !o->has_stable)
GUARD(paused, o->want_pause && !o->paused)
GUARD(resumed, o->want_resume && o->paused)
GUARD(aborted, o->want_abort && o->has_stable)
GUARD(abandoned, (o->want_abort || o->want_rollback) && !o->has_stable)
GUARD(rolled_back, o->want_rollback && o->has_stable)
GUARD(cannot_start, o->failed && o->has_stable)
GUARD(first_cannot_start, o->failed && !o->has_stable)
GUARD(too_slow, o->overdue && !o->ready && o->has_stable)
GUARD(first_too_slow, o->overdue && !o->ready && !o->has_stable)
GUARD(starved, o->starved)
GUARD(full_when_ready, o->want_promote_full && o->ready)
GUARD(begun_by_hand, o->want_promote && o->ready && o->has_stable)
GUARD(first_ready, o->ready && !o->has_stable && !o->paused)
GUARD(ready, o->ready && o->watched && !o->paused)
GUARD(breached, o->breach)
GUARD(breached_with_stable, o->breach && o->has_stable)
GUARD(down, o->down)
GUARD(down_with_stable, o->down && o->has_stable)
GUARD(taken_out, o->taken_out)
GUARD(taken_out_with_stable, o->taken_out && o->has_stable)
GUARD(switched, o->switched)
GUARD(full, o->want_promote_full)
GUARD(last_by_hand, o->want_promote && o->last_step)
GUARD(by_hand, o->want_promote)
GUARD(passed, o->healthy && o->hold_over && o->weights_stand && o->split_matches && !o->paused && !o->by_hand)
GUARD(passed_last, passed(o) && o->last_step)
GUARD(stands, o->weights_stand)

/* clang-format off */
const struct move fsm_moves[] = {
        /* row                        from                when                   to                  effect           why (event, log and docs) */
        { "idle.start",               PHASE_IDLE,         started,               PHASE_PENDING,      EFFECT_START,    "a rollout was asked for" },
        { "idle.retry",               PHASE_IDLE,         retried,               PHASE_PENDING,      EFFECT_START,    "tried again by hand" },

        { "pending.abort",            PHASE_PENDING,      aborted,               PHASE_ROLLING_BACK, EFFECT_BACK_OUT, "aborted by hand before it had traffic" },
        { "pending.rollback",         PHASE_PENDING,      rolled_back,           PHASE_ROLLING_BACK, EFFECT_SWITCH,   "rolled back by hand before it had traffic" },
        { "pending.abandon",          PHASE_PENDING,      abandoned,             PHASE_IDLE,         EFFECT_GIVE_UP,  "the first version was given up by hand" },
        { "pending.failed",           PHASE_PENDING,      cannot_start,          PHASE_ROLLING_BACK, EFFECT_BACK_OUT, "the candidate cannot start" },
        { "pending.first-failed",     PHASE_PENDING,      first_cannot_start,    PHASE_IDLE,         EFFECT_GIVE_UP,  "the first version cannot start" },
        { "pending.overdue",          PHASE_PENDING,      too_slow,              PHASE_ROLLING_BACK, EFFECT_BACK_OUT, "the candidate was not ready in time" },
        { "pending.first-overdue",    PHASE_PENDING,      first_too_slow,        PHASE_IDLE,         EFFECT_GIVE_UP,  "the first version was not ready in time" },
        { "pending.starved",          PHASE_PENDING,      starved,               PHASE_ROLLING_BACK, EFFECT_BACK_OUT, "nobody watches the candidate, and the policy does not wait longer" },
        { "pending.superseded",       PHASE_PENDING,      superseded,            PHASE_ROLLING_BACK, EFFECT_BACK_OUT, "another version was declared before it had traffic" },
        { "pending.first-superseded", PHASE_PENDING,      first_superseded,      PHASE_IDLE,         EFFECT_GIVE_UP,  "another first version was declared" },
        { "pending.pause",            PHASE_PENDING,      paused,                PHASE_PENDING,      EFFECT_PAUSE,    "paused by hand" },
        { "pending.resume",           PHASE_PENDING,      resumed,               PHASE_PENDING,      EFFECT_RESUME,   "resumed by hand" },
        { "pending.full",             PHASE_PENDING,      full_when_ready,       PHASE_PROMOTING,    EFFECT_NONE,     "sent straight to all traffic by hand" },
        { "pending.promote",          PHASE_PENDING,      begun_by_hand,         PHASE_CANARY,       EFFECT_BEGIN,    "begun by hand" },
        { "pending.first-ready",      PHASE_PENDING,      first_ready,           PHASE_PROMOTING,    EFFECT_NONE,     "the first version is ready; there is nothing to compare it with" },
        { "pending.ready",            PHASE_PENDING,      ready,                 PHASE_CANARY,       EFFECT_BEGIN,    "the candidate is ready and watched" },

        { "canary.abort",             PHASE_CANARY,       aborted,               PHASE_ROLLING_BACK, EFFECT_BACK_OUT, "aborted by hand" },
        { "canary.breach",            PHASE_CANARY,       breached,              PHASE_ROLLING_BACK, EFFECT_BACK_OUT, "the candidate broke a gate" },
        { "canary.down",              PHASE_CANARY,       down,                  PHASE_ROLLING_BACK, EFFECT_BACK_OUT, "the candidate stopped running" },
        { "canary.taken-out",         PHASE_CANARY,       taken_out,             PHASE_ROLLING_BACK, EFFECT_BACK_OUT, "the router had taken the candidate out already" },
        { "canary.rollback",          PHASE_CANARY,       rolled_back,           PHASE_ROLLING_BACK, EFFECT_SWITCH,   "rolled back by hand" },
        { "canary.starved",           PHASE_CANARY,       starved,               PHASE_ROLLING_BACK, EFFECT_BACK_OUT, "no evidence for as long as the policy waits" },
        { "canary.superseded",        PHASE_CANARY,       superseded,            PHASE_ROLLING_BACK, EFFECT_BACK_OUT, "another version was declared" },
        { "canary.pause",             PHASE_CANARY,       paused,                PHASE_CANARY,       EFFECT_PAUSE,    "paused by hand" },
        { "canary.resume",            PHASE_CANARY,       resumed,               PHASE_CANARY,       EFFECT_RESUME,   "resumed by hand" },
        { "canary.full",              PHASE_CANARY,       full,                  PHASE_PROMOTING,    EFFECT_NONE,     "sent straight to all traffic by hand" },
        { "canary.promote-last",      PHASE_CANARY,       last_by_hand,          PHASE_PROMOTING,    EFFECT_NONE,     "last step ended by hand" },
        { "canary.promote",           PHASE_CANARY,       by_hand,               PHASE_CANARY,       EFFECT_RAISE,    "step ended by hand" },
        { "canary.passed-last",       PHASE_CANARY,       passed_last,           PHASE_PROMOTING,    EFFECT_NONE,     "the last step passed its gates" },
        { "canary.passed",            PHASE_CANARY,       passed,                PHASE_CANARY,       EFFECT_RAISE,    "the step passed its gates" },

        { "promoting.abort",          PHASE_PROMOTING,    aborted,               PHASE_ROLLING_BACK, EFFECT_BACK_OUT, "aborted by hand" },
        { "promoting.breach",         PHASE_PROMOTING,    breached_with_stable,  PHASE_ROLLING_BACK, EFFECT_BACK_OUT, "the candidate broke a gate while it was being promoted" },
        { "promoting.down",           PHASE_PROMOTING,    down_with_stable,      PHASE_ROLLING_BACK, EFFECT_BACK_OUT, "the candidate stopped running while it was being promoted" },
        { "promoting.taken-out",      PHASE_PROMOTING,    taken_out_with_stable, PHASE_ROLLING_BACK, EFFECT_BACK_OUT, "the router had taken the candidate out already" },
        { "promoting.rollback",       PHASE_PROMOTING,    rolled_back,           PHASE_ROLLING_BACK, EFFECT_SWITCH,   "rolled back by hand" },
        { "promoting.superseded",     PHASE_PROMOTING,    superseded,            PHASE_ROLLING_BACK, EFFECT_BACK_OUT, "another version was declared while this one was being promoted" },
        { "promoting.stands",         PHASE_PROMOTING,    stands,                PHASE_DONE,         EFFECT_FINISH,   "the candidate has all traffic and is the stable version now" },

        { "done.rollback",            PHASE_DONE,         rolled_back,           PHASE_ROLLING_BACK, EFFECT_SWITCH,   "switched back to an earlier version by hand" },
        { "done.switched",            PHASE_DONE,         switched,              PHASE_ROLLING_BACK, EFFECT_SWITCH,   "the router had been switched to an earlier version already" },
        { "done.start",               PHASE_DONE,         started,               PHASE_PENDING,      EFFECT_START,    "a rollout was asked for" },

        { "rolling-back.rollback",    PHASE_ROLLING_BACK, rolled_back,           PHASE_ROLLING_BACK, EFFECT_SWITCH,   "switched to another version by hand while rolling back" },
        { "rolling-back.stands",      PHASE_ROLLING_BACK, stands,                PHASE_ROLLED_BACK,  EFFECT_REST,     "all traffic is on the stable version" },

        { "rolled-back.rollback",     PHASE_ROLLED_BACK,  rolled_back,           PHASE_ROLLING_BACK, EFFECT_SWITCH,   "switched back to an earlier version by hand" },
        { "rolled-back.switched",     PHASE_ROLLED_BACK,  switched,              PHASE_ROLLING_BACK, EFFECT_SWITCH,   "the router had been switched to an earlier version already" },
        { "rolled-back.start",        PHASE_ROLLED_BACK,  started,               PHASE_PENDING,      EFFECT_START,    "a rollout was asked for" },
        { "rolled-back.retry",        PHASE_ROLLED_BACK,  retried,               PHASE_PENDING,      EFFECT_START,    "tried again by hand" },
};
/* clang-format on */

const size_t fsm_move_count = sizeof fsm_moves / sizeof *fsm_moves;

const struct move *fsm_next(enum phase now, const struct observation *o)
{
        for (size_t i = 0; i < fsm_move_count; i++)
                if (fsm_moves[i].from == now && fsm_moves[i].when(o))
                        return &fsm_moves[i];
        return NULL;
}

static const struct {
        const char *name;
        bool under_way;
} phases[PHASE_COUNT] = {
#define X(name, under_way) [PHASE_##name] = { #name, under_way },
        PHASES(X)
#undef X
};

const char *phase_name(enum phase p)
{
        return phases[p].name;
}

int phase_parse(const char *text, enum phase *out)
{
        for (int p = 0; p < PHASE_COUNT; p++)
                if (strcmp(phases[p].name, text) == 0) {
                        *out = (enum phase) p;
                        return 0;
                }
        return -1;
}

bool phase_is_under_way(enum phase p)
{
        return phases[p].under_way;
}

bool phase_is_at_rest(enum phase p)
{
        return !phases[p].under_way && p != PHASE_ROLLING_BACK;
}
