/* Between target*.c. */
#pragma once

#include "rolloutd/target.h"

struct target_op { /* one deploy, route or retire under way */
        struct target *t;
        const char *name;
        int64_t started_ms;
        bool urgent;
        struct target_op *prev, *next;
};

static inline int64_t target_now(const struct target *t)
{
        return t->env->now_ms(t->env->arg);
}

static inline int64_t target_wall(const struct target *t)
{
        return t->env->wall_ms(t->env->arg);
}

static inline bool target_is_saved(const struct target *t)
{
        return t->edits == t->saved_edits;
}

void request_free(struct request *rq); /* target.c, NULL is fine */

void target_pass(struct target *t); /* target.c */
/* target.c: the record was read again because somebody else's save won; what was asked for meanwhile is asked again. */
void target_reloaded(struct target *t);
void target_converge(struct target *t); /* target_act.c: one operation towards what the record wants, if there is one to do */
void target_observe(struct target *t);  /* target_act.c: look at the world, unless that is under way */
void target_save(struct target *t);     /* target_save.c: save and record what is due */
void target_inquire(struct target *t);  /* target_evidence.c: ask for evidence, unless that is under way */
bool target_wants_evidence(const struct target *t);
void target_failed(struct target *t, const char *operation, const struct err *e);

/* target_capacity.c */
void target_plan(const struct target *t, struct capacity *out);
bool target_candidate_is_ready(const struct target *t, const struct version_status *c); /* for the first weight, or a preview */
/* The weights asked for as far as there is capacity for them now; 0: nothing is to be changed before there is more. */
int target_reachable_weights(const struct target *t, struct weight out[2]);

/* target_stall.c. operation NULL: whatever it was. */
void target_denied(struct target *t, const char *operation, const struct err *failure);
void target_allowed(struct target *t, const char *operation);
bool target_is_short(const struct target *t); /* a step's weight lacks ready replicas */
void target_count_short(struct target *t, int64_t passed_ms);

/* target_drift.c: what differs from the weights asked for, as a sentence; "" if nothing that is known does. */
void target_drift(const struct target *t, char *out, size_t size);
bool target_weights_differ(const struct target *t); /* is there such a sentence? */

static inline int weight_of(const struct weight *w, int n, int64_t version)
{
        for (int i = 0; i < n; i++)
                if (w[i].version == version)
                        return w[i].bp;
        return 0;
}

/* target_wait.c */
void target_waiters_answer(struct target *t);
void target_waiters_reloaded(struct target *t, bool taken);
int64_t target_waiters_due(const struct target *t); /* the first deadline; INT64_MAX: nobody waits */
void target_waiters_free(struct target *t);
void target_waiters_gone(struct target *t); /* the target is no more: tell them */
