/* What moves do to the record. */
#include "rolloutd/rollout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/utf8.h"
#include "rolloutd/rollout_private.h"

void rollout_init(struct rollout *r, const char *target, const char *model)
{
        *r = (struct rollout){ .phase = PHASE_IDLE, .policy = &policy_none, .surge_percent = 100 };
        snprintf(r->target, sizeof r->target, "%s", target);
        snprintf(r->model, sizeof r->model, "%s", model);
}

void rollout_done(struct rollout *r)
{
        policy_unref(r->policy);
        sampler_done(&r->sampler);
        judge_done(&r->judge);
        free(r->outbox);
        free(r->window);
        *r = (struct rollout){ 0 };
}

int rollout_weight_bp(const struct rollout *r)
{
        if (r->phase == PHASE_CANARY)
                return r->policy->steps[r->step].weight_bp;
        return r->phase == PHASE_PROMOTING ? WEIGHT_ALL : 0;
}

int rollout_weights(const struct rollout *r, struct weight out[2])
{
        int bp = rollout_weight_bp(r), n = 0;

        if (bp > 0)
                out[n++] = (struct weight){ r->candidate.version, bp };
        if (bp < WEIGHT_ALL && r->stable.version)
                out[n++] = (struct weight){ r->stable.version, WEIGHT_ALL - bp };
        return n;
}

int rollout_ahead_bp(const struct rollout *r)
{
        bool begun = r->phase == PHASE_CANARY;
        int step = begun ? r->step : 0, last = r->policy->n_steps - 1;

        if (r->phase == PHASE_PROMOTING || r->stable.version == 0)
                return WEIGHT_ALL;
        if (!begun && r->phase != PHASE_PENDING)
                return 0;
        if (step < last && r->policy->steps[step].weight_bp == 0)
                step++;
        return r->policy->steps[step].weight_bp;
}

static struct deployment deployment_of(const struct placed *p, int replicas, enum placed_role role)
{
        struct deployment d = { .version = p->version, .replicas = replicas, .role = role };

        memcpy(d.digest, p->digest, sizeof d.digest);
        memcpy(d.build, p->build, sizeof d.build);
        return d;
}

int rollout_deployments(const struct rollout *r, const struct capacity *plan, struct deployment out[WORLD_VERSIONS_MAX])
{
        const struct placed *s = &r->stable, *c = &r->candidate;
        int n = 0;

        if (s->version)
                out[n++] = deployment_of(s, plan ? plan->stable : s->replicas, PLACED_STABLE);
        if (c->version)
                out[n++] = deployment_of(c, plan ? plan->candidate : c->replicas, PLACED_CANDIDATE);
        for (int i = 0; i < r->n_window; i++)
                out[n++] = deployment_of(&r->window[i], capacity_kept(s->replicas, r->surge_percent, r->window[i].replicas),
                                         PLACED_KEPT);
        return n;
}

int64_t rollout_hold_left_ms(const struct rollout *r)
{
        if (r->phase != PHASE_CANARY)
                return -1;
        int64_t hold_ms = r->policy->steps[r->step].hold_ms;

        return hold_ms > r->held_ms ? hold_ms - r->held_ms : 0;
}

/* --- effects --- */

static void new_weight(struct rollout *r)
{
        r->stood = false;
        r->stood_at_ms = r->held_ms = r->starved_ms = r->starting_ms = 0;
        judge_next_step(&r->judge);
}

/* A step proves itself: the verdict about the step before says nothing about this one. */
static void new_step(struct rollout *r, int step)
{
        r->step = step;
        r->verdict = (struct verdict){ 0 };
        new_weight(r);
}

static void start(struct rollout *r, const struct request *rq, int64_t now_ms)
{
        r->rollout_id++;
        policy_unref(r->policy);
        r->policy = policy_ref(rq->policy);
        r->candidate = (struct placed){ .version = rq->version, .replicas = rq->replicas ? rq->replicas : rq->policy->replicas };
        memcpy(r->candidate.digest, rq->digest, sizeof rq->digest);
        memcpy(r->candidate.build, rq->build, sizeof rq->build);
        r->followed.version = rq->version;
        memcpy(r->followed.digest, rq->digest, sizeof rq->digest);
        memcpy(r->followed.build, rq->build, sizeof rq->build);
        rollout_window_remove(r, rq->version);
        r->paused = r->served = false;
        *r->rejected = '\0';
        sampler_done(&r->sampler);
        judge_done(&r->judge);
        r->started_ms = now_ms;
        memcpy(r->started_by, rq->actor, sizeof r->started_by);
        memcpy(r->reason, rq->reason, sizeof r->reason);
        new_step(r, 0);
}

static void finish(struct rollout *r, int64_t now_ms)
{
        struct placed old = r->stable;

        r->stable = r->candidate;
        r->candidate = (struct placed){ 0 };
        r->paused = false;
        rollout_window_remove(r, r->stable.version);
        rollout_window_push(r, old, now_ms);
}

/* `to` becomes stable; what was goes to the window. Going back to where one came from is no rollback of what lies between. */
static void switch_to(struct rollout *r, enum phase from, int64_t to, int64_t now_ms)
{
        struct placed leaving = r->stable, found;

        if (to == r->stable.version)
                return;
        found = rollout_window_remove(r, to);
        leaving.left = !found.left;
        rollout_window_push(r, leaving, now_ms);
        found.until_ms = 0;
        found.left = false;
        r->stable = found;
        if (phase_is_at_rest(from))
                r->verdict = (struct verdict){ 0 }; /* was about another version */
}

static void have_effect(struct rollout *r, const struct move *m, const struct request *rq, int64_t now_ms)
{
        switch (m->effect) {
        case EFFECT_START:
                start(r, rq, now_ms);
                return;
        case EFFECT_BEGIN:
                r->paused = false;
                new_step(r, 0);
                return;
        case EFFECT_RAISE:
                r->paused = false;
                new_step(r, r->step + 1);
                return;
        case EFFECT_PAUSE:
        case EFFECT_RESUME:
                r->paused = m->effect == EFFECT_PAUSE;
                r->paused_by_spec = r->paused && rq->by_spec;
                return;
        case EFFECT_SWITCH:
                switch_to(r, m->from, rq->version, now_ms);
                r->paused = false;
                return;
        case EFFECT_BACK_OUT:
                r->paused = false;
                return;
        case EFFECT_FINISH:
                finish(r, now_ms);
                return;
        case EFFECT_REST:
                if (r->candidate.version && !r->candidate.until_ms)
                        r->candidate.until_ms = now_ms + r->policy->keep_failed_ms;
                return;
        case EFFECT_GIVE_UP:
                r->candidate = (struct placed){ 0 };
                return;
        case EFFECT_NONE:
                new_weight(r);
                return;
        }
}

static const char *kind_of(const struct move *m)
{
        static const char *const kinds[] = {
                [EFFECT_NONE] = "promoting",        [EFFECT_START] = "started",       [EFFECT_BEGIN] = "weight",
                [EFFECT_RAISE] = "weight",          [EFFECT_PAUSE] = "paused",        [EFFECT_RESUME] = "resumed",
                [EFFECT_BACK_OUT] = "rolling-back", [EFFECT_SWITCH] = "rolling-back", [EFFECT_FINISH] = "done",
                [EFFECT_REST] = "rolled-back",      [EFFECT_GIVE_UP] = "given-up",
        };

        return kinds[m->effect];
}

/* When the history has been unreachable for long the oldest event gives way: what happens now matters more. */
static struct event *outbox_push(struct rollout *r, const char *row, const char *kind, const char *actor, int64_t now_ms)
{
        if (r->n_outbox == ROLLOUT_OUTBOX_MAX)
                memmove(&r->outbox[0], &r->outbox[1], (size_t) --r->n_outbox * sizeof *r->outbox);
        r->outbox = xrealloc(r->outbox, (size_t) r->n_outbox + 1, sizeof *r->outbox);
        struct event *ev = &r->outbox[r->n_outbox++];

        *ev = (struct event){ .number = ++r->last_event, .rollout_id = r->rollout_id, .at_ms = now_ms };
        snprintf(ev->row, sizeof ev->row, "%s", row);
        snprintf(ev->kind, sizeof ev->kind, "%s", kind);
        snprintf(ev->actor, sizeof ev->actor, "%s", actor);
        ev->from = ev->to = r->phase;
        ev->stable = r->stable.version;
        ev->candidate = r->candidate.version;
        ev->weight_bp = rollout_weight_bp(r);
        return ev;
}

bool rollout_has_gone_back(const struct rollout *r, const char *id)
{
        return *id && (strcmp(id, r->mark) == 0 || strcmp(id, r->key) == 0);
}

void rollout_apply(struct rollout *r, const struct move *m, const struct request *rq, const char *detail, int64_t now_ms)
{
        bool asked = rq->what != ASK_NOTHING;
        int64_t candidate = r->candidate.version;
        struct verdict decided_by = r->verdict;
        char why[ROLLOUT_WHY_LEN + 1];

        have_effect(r, m, rq, now_ms);
        r->phase = m->to;
        r->updated_ms = now_ms;
        if (phase_is_at_rest(m->to)) /* a mark for each of what may be hundreds of instances */
                sampler_done(&r->sampler);
        if (asked) {
                memcpy(r->actor, rq->actor, sizeof r->actor);
                if (*rq->mark)
                        memcpy(r->mark, rq->mark, sizeof r->mark);
                if (*rq->key)
                        memcpy(r->key, rq->key, sizeof r->key);
                detail = *rq->reason ? rq->reason : detail;
        }
        snprintf(why, sizeof why, "%s%s%s", m->why, *detail ? ": " : "", detail);
        utf8_clean(why);
        if (m->effect != EFFECT_REST) /* at rest one wants to know why it was rolled back, not that it was */
                memcpy(r->note, why, sizeof r->note);
        if (m->to == PHASE_ROLLING_BACK && phase_is_under_way(m->from))
                memcpy(r->rejected, why, sizeof r->rejected);

        struct event *ev = outbox_push(r, m->row, kind_of(m), asked ? rq->actor : "", now_ms);

        ev->from = m->from;
        if (m->effect == EFFECT_GIVE_UP)
                ev->candidate = candidate;
        if (m->effect == EFFECT_FINISH)
                ev->weight_bp = WEIGHT_ALL;
        memcpy(ev->why, why, sizeof ev->why);
        if (phase_is_under_way(m->from))
                ev->verdict = decided_by;
}

void rollout_judged(struct rollout *r, const struct verdict *v, int64_t now_ms)
{
        bool news = r->verdict.at_ms == 0 || v->state != r->verdict.state || strcmp(v->gate, r->verdict.gate) != 0;

        r->verdict = *v;
        r->verdict.at_ms = now_ms;
        if (!news || r->n_outbox >= ROLLOUT_OUTBOX_MAX / 2)
                return;
        struct event *ev = outbox_push(r, "verdict", "verdict", "", now_ms);

        snprintf(ev->why, sizeof ev->why, "%s", v->reason);
        ev->verdict = r->verdict;
}

void rollout_stands(struct rollout *r, int64_t server_ms)
{
        r->stood = true;
        r->stood_at_ms = server_ms;
        if (rollout_weight_bp(r) > 0)
                r->served = true;
}

void rollout_lower(struct rollout *r, int live_bp, int64_t now_ms)
{
        int step = 0;

        while (step + 1 < r->policy->n_steps && r->policy->steps[step + 1].weight_bp <= live_bp)
                step++;
        if (step >= r->step)
                return;
        new_step(r, step);
        struct event *ev = outbox_push(r, "restart.lower", "weight", "", now_ms);

        snprintf(ev->why, sizeof ev->why, "after a restart the router had %.2f %%, less than the record: going on from there",
                 live_bp / 100.0);
        memcpy(r->note, ev->why, sizeof r->note);
}

static bool scale_one(struct placed *p, int replicas)
{
        bool news = p->version && p->replicas != replicas;

        if (news)
                p->replicas = replicas;
        return news;
}

bool rollout_scale(struct rollout *r, int replicas, int surge_percent)
{
        bool news = r->surge_percent != surge_percent;

        r->surge_percent = surge_percent;
        news |= scale_one(&r->stable, replicas);
        news |= scale_one(&r->candidate, replicas);
        for (int i = 0; i < r->n_window; i++)
                news |= scale_one(&r->window[i], replicas);
        return news;
}

void rollout_follow(struct rollout *r, const struct release *what)
{
        r->followed = *what;
}

/* What was counted meanwhile says nothing about the split, but a failure stays a failure: the judge's window is kept. */
void rollout_drifted(struct rollout *r, const char *what, int64_t now_ms)
{
        r->stood = false;
        r->stood_at_ms = 0;
        memset(r->judge.step, 0, sizeof r->judge.step);
        if (r->n_outbox >= ROLLOUT_OUTBOX_MAX / 2)
                return;
        struct event *ev = outbox_push(r, "drift", "drift", "", now_ms);

        if (r->phase == PHASE_DONE || r->phase == PHASE_ROLLED_BACK)
                ev->weight_bp = r->phase == PHASE_DONE ? WEIGHT_ALL : 0;
        snprintf(ev->why, sizeof ev->why, "%s", what);
}

bool rollout_expire(struct rollout *r, int64_t now_ms)
{
        bool changed = false;

        while (r->n_window > 0 && r->window[r->n_window - 1].until_ms <= now_ms) {
                r->n_window--;
                changed = true;
        }
        if (r->phase == PHASE_ROLLED_BACK && r->candidate.version && r->candidate.until_ms <= now_ms) {
                r->candidate = (struct placed){ 0 };
                changed = true;
        }
        return changed;
}

void rollout_recorded(struct rollout *r, int64_t number)
{
        int n = 0;

        while (n < r->n_outbox && r->outbox[n].number <= number)
                n++;
        r->n_outbox -= n;
        if (r->n_outbox == 0) {
                free(r->outbox);
                r->outbox = NULL;
        } else {
                memmove(&r->outbox[0], &r->outbox[n], (size_t) r->n_outbox * sizeof *r->outbox);
        }
}
