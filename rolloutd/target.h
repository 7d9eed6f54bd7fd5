/*
 * One target's controller: observe, let the table choose, act, save. No socket and no clock of its own, so that the tests
 * drive exactly what runs in production.
 *
 * A pass is cheap and level-triggered; it runs whenever something is known that was not known before. Answers of platform and
 * evidence only note what they say and set `woken`; target_run() makes the pass. In a pass
 * 1. facts are gathered and moves made, in memory;
 * 2. if traffic has to leave the candidate, the urgent route() is issued, before and regardless of saving;
 * 3. otherwise, if the record changed, it is saved, and only a saved record is acted upon: one deploy, route or retire at a
 *    time, the first that the world lacks.
 * Whatever fails is tried again by a later pass, with backoff; nothing waits in place.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/backoff.h"
#include "rolloutd/evidence.h"
#include "rolloutd/platform.h"
#include "rolloutd/rollout.h"

struct target;

/* What a target needs from the program around it. */
struct target_env {
        struct platform *platform;
        struct evidence_source *evidence;
        struct policy_pool *policies; /* where equal policies are shared; NULL: they are not */
        int64_t tick_ms, scrape_ms;
        int64_t (*now_ms)(void *arg);  /* monotonic */
        int64_t (*wall_ms)(void *arg); /* Unix time */
        uint32_t (*dice)(void *arg);
        /* Something worth telling, each may be NULL: the record was saved; an event was saved with it; an operation failed;
         * a rollback's weights were written so long after it was decided. */
        void (*changed)(void *arg, struct target *t);
        void (*happened)(void *arg, struct target *t, const struct event *ev);
        void (*failed)(void *arg, struct target *t, const char *operation, const struct err *e);
        void (*routed_back)(void *arg, struct target *t, int64_t took_ms);
        void (*woke)(void *arg, struct target *t); /* it wants to run at once */
        void *arg;
};

struct target_denial { /* an operation that we may not carry out */
        const char *operation;
        struct err why;
};

struct target_op;
struct target_waiter;

struct target_world { /* struct world as it is kept: of thousands of targets only what there is */
        struct version_status *versions;
        int n_versions;
        bool router_ok;
        char *router_message; /* NULL: nothing to say */
};

struct target {
        const struct target_env *env;
        struct rollout now; /* in memory; saved when edits == saved_edits */
        int64_t revision;   /* of the saved record, 0: none yet */
        uint64_t edits, saved_edits;
        struct request
                *unsaved;  /* what was asked for and made the edits; made again should somebody else win the save; or NULL */
        int64_t published; /* number of the newest event told to env->happened */
        bool news;         /* something is to be told to who reads the declaration */

        const struct desire_trouble *trouble; /* wants.c's, borrowed: why the declaration is not followed; NULL: it is */

        struct target_world world;
        bool world_known;          /* world is no older than the last thing done to it */
        struct err *world_failure; /* why not, if observing failed; NULL: it did not */
        uint64_t acts;             /* counts operations issued, to tell observations from before and after */
        bool adopted;              /* after a restart: record and router have been compared */
        bool taken_out;            /* what the comparison found: see struct observation */
        bool stood_before;         /* the weights asked for have been read back; if they are others now, somebody changed them */
        bool drifted;              /* and so it is */
        int64_t switched;
        struct err *deploy_failure; /* the platform says the candidate will never run; NULL: it does not */

        struct reading *reading;           /* the newest evidence about the candidate; NULL: none has been read */
        struct gate_value *answers;        /* the newest of the PromQL gates, POLICY_QUERIES_MAX of them; NULL: none yet */
        struct kayenta_judgement *kayenta; /* the newest of the Kayenta gate; NULL: none yet */
        int64_t skew_ms;                   /* Prometheus's clock minus ours */
        bool split_matches;

        struct target_denial *denied; /* tried again seldom; NULL: none */

        bool woken; /* something was answered: run at once */
        bool observing, asking, saving, recording, loading;
        uint64_t observed_acts; /* value of acts when the observation under way began */
        uint64_t saving_edits;
        int64_t recording_number;
        struct target_op *acting; /* the newest operation, NULL: none under way */
        struct target_op *ops;    /* all that have not been answered */
        bool back_written;        /* an urgent route() has been carried out: look before doing it again */
        int64_t decided_back_ms;  /* when the rollback under way was decided; 0: none */

        int64_t observe_at_ms, ask_at_ms, act_at_ms, save_at_ms, record_at_ms; /* not before */
        int64_t counted_ms;                                                    /* up to when waiting times have been counted */
        int64_t scale_at_ms;   /* of stable while going back, apart from the route's act_at_ms: not before */
        int64_t down_since_ms; /* the candidate has weight and nothing ready; 0: it has not */
        struct backoff act_backoff, save_backoff, record_backoff;
        struct target_waiter *waiters;
};

/* `target` is its id, `model` what it serves; equal where targets are not declared. */
struct target *target_new(const struct target_env *env, const char *target, const char *model);
/* As it was saved. NULL and INVALID if the record does not decode. */
struct target *target_load(const struct target_env *env, const struct platform_record *saved, struct err *e);
void target_free(struct target *t); /* when nothing calls back any more: platform and evidence are freed, or have forgotten it */
/* Its declaration is gone: who waits is told, and evidence does not call back. Then free it. */
void target_forget(struct target *t);

/* Do what is due; returns in how many milliseconds to call again at the latest. Call also when t->woken. */
int64_t target_run(struct target *t);

void target_wake(struct target *t);    /* run it at once */
void target_look(struct target *t);    /* the platform sees something new: observe at once */
void target_publish(struct target *t); /* where targets are declared */

/* Carry out what a person asks for, in memory and, for a rollback, towards the router, before it returns. CONFLICT with a
 * sentence when the phase does not allow it. Then wait for it with target_wait(). */
int target_ask(struct target *t, const struct request *rq, struct err *e);

enum target_until { TARGET_SAVED, TARGET_STANDS };

/* `done` runs once, later: failure NULL when all edits made so far are saved, or when the rollback's weights have been read back;
 * CONFLICT when somebody else won; TIMEOUT after timeout_ms (what was decided is still being carried out). */
void target_wait(struct target *t, enum target_until until, int64_t timeout_ms,
                 void (*done)(void *arg, struct target *t, const struct err *failure), void *arg);

/* What a step needs before it counts as standing, level by level; the third is t->split_matches: the requests seen follow the weight. */
bool target_weights_stand(const struct target *t);                       /* the router has them, as read back */
bool target_capacity_stands(const struct target *t);                     /* the candidate has enough ready for its weight */
bool target_has_weight(const struct target *t, int64_t version, int bp); /* within what the router can tell apart */
const struct version_status *target_status(const struct target *t, int64_t version); /* NULL: it does not run, or unknown */

/* Why it does not get on, although nothing is wrong with what is asked of it; false, and reason "": it does. */
bool target_stalled(const struct target *t, struct desire_trouble *out);
/* What it does or waits for, one sentence. */
void target_message(const struct target *t, char *out, size_t size);
