/* Facts, moves, and who waits for them. */
#include "rolloutd/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/auto.h"
#include "lib/mem.h"
#include "rolloutd/rollout_json.h"
#include "rolloutd/target_private.h"

struct target *target_new(const struct target_env *env, const char *target, const char *model)
{
        struct target *t = xcalloc(1, sizeof *t);

        t->env = env;
        t->adopted = true; /* there is nothing to compare */
        rollout_init(&t->now, target, model);
        return t;
}

struct target *target_load(const struct target_env *env, const struct platform_record *saved, struct err *e)
{
        struct target *t = xcalloc(1, sizeof *t);

        t->env = env;
        if (rollout_decode(saved->json, env->policies, &t->now, e) < 0) {
                target_free(t);
                return NULL;
        }
        t->revision = saved->revision;
        t->published = t->now.last_event;
        if (!phase_is_at_rest(t->now.phase))
                t->edits++; /* claim it: once this is saved, no write that a dead predecessor still has under way can win */
        return t;
}

static struct request *request_copy(const struct request *rq)
{
        struct request *copy = xmemdup(rq, sizeof *rq);

        if (copy->policy)
                copy->policy = policy_ref(copy->policy);
        return copy;
}

void request_free(struct request *rq)
{
        if (rq)
                policy_unref(rq->policy);
        free(rq);
}

void target_free(struct target *t)
{
        struct target_op *op, *next_op;

        if (!t)
                return;
        target_waiters_free(t);
        DL_FOREACH_SAFE(t->ops, op, next_op)
        free(op);
        rollout_done(&t->now);
        request_free(t->unsaved);
        free(t->reading);
        free(t->world.versions);
        free(t->world.router_message);
        free(t->world_failure);
        free(t->deploy_failure);
        free(t->denied);
        free(t->answers);
        free(t->kayenta);
        free(t);
}

void target_forget(struct target *t)
{
        const struct platform_ops *ops = t->env->platform->ops;

        if (t->loading && ops->unload)
                ops->unload(t->env->platform, t);
        t->env->evidence->forget(t->env->evidence, t);
        target_waiters_gone(t);
}

void target_wake(struct target *t)
{
        bool first = !t->woken;

        t->woken = true;
        if (first && t->env->woke)
                t->env->woke(t->env->arg, t);
}

void target_look(struct target *t)
{
        t->observe_at_ms = target_now(t);
        target_wake(t);
}

void target_publish(struct target *t)
{
        const struct platform_ops *ops = t->env->platform->ops;

        t->news = false;
        if (ops->publish)
                ops->publish(t->env->platform, t, t->now.generation, t->trouble);
}

void target_failed(struct target *t, const char *operation, const struct err *e)
{
        if (t->env->failed)
                t->env->failed(t->env->arg, t, operation, e);
}

const struct version_status *target_status(const struct target *t, int64_t version)
{
        for (int i = 0; i < t->world.n_versions; i++)
                if (t->world.versions[i].version == version)
                        return &t->world.versions[i];
        return NULL;
}

/* --- facts --- */

/* The first look after a restart: the router is right about what traffic does, the lower weight wins. */
static void adopt(struct target *t)
{
        struct rollout *r = &t->now;
        const struct version_status *c = target_status(t, r->candidate.version);
        int live_bp = c ? c->weight_bp : 0;

        if (t->adopted || !t->world_known || !t->world.router_ok)
                return;
        t->adopted = true;
        if ((r->phase == PHASE_CANARY || r->phase == PHASE_PROMOTING) && r->served && live_bp == 0) {
                t->taken_out = true;
        } else if (r->phase == PHASE_CANARY && live_bp > 0 && live_bp < rollout_weight_bp(r) &&
                   !target_has_weight(t, r->candidate.version, rollout_weight_bp(r))) {
                rollout_lower(r, live_bp, target_wall(t));
                t->edits++;
        } else if (phase_is_at_rest(r->phase)) {
                for (int i = 0; i < t->world.n_versions; i++) {
                        int64_t v = t->world.versions[i].version, to;

                        if (t->world.versions[i].weight_bp == WEIGHT_ALL && v != r->stable.version &&
                            rollout_back_to(r, v, &to, NULL) == 0)
                                t->switched = v;
                }
        }
}

static void gather_world(const struct target *t, struct observation *o)
{
        const struct rollout *r = &t->now;
        const struct version_status *c = t->world_known ? target_status(t, r->candidate.version) : NULL;

        o->ready = target_candidate_is_ready(t, c);
        o->failed = (c && c->failed) || t->deploy_failure;
        o->down = o->failed || (t->down_since_ms && target_now(t) - t->down_since_ms >= 2 * t->env->tick_ms);
        o->weights_stand = target_weights_stand(t) && target_capacity_stands(t);
        o->taken_out = t->taken_out;
        o->switched = t->switched != 0;
}

/* Asked again after a conflict, a rollback may by now want to go to what does not run any more. */
static bool can_go_to(const struct rollout *r, int64_t version)
{
        return r->stable.version == 0 || rollout_back_to(r, version, &version, NULL) == 0;
}

static void gather(const struct target *t, const struct request *rq, struct observation *o)
{
        const struct rollout *r = &t->now;
        const struct policy *p = r->policy;

        *o = (struct observation){
                .want_start = rq->what == ASK_START,
                .want_retry = rq->what == ASK_RETRY,
                .want_pause = rq->what == ASK_PAUSE,
                .want_resume = rq->what == ASK_RESUME,
                .want_promote = rq->what == ASK_PROMOTE,
                .want_promote_full = rq->what == ASK_PROMOTE_FULL,
                .want_abort = rq->what == ASK_ABORT,
                .want_rollback = rq->what == ASK_ROLLBACK && can_go_to(r, rq->version),
                .superseded = rq->what == ASK_SUPERSEDE,
                .has_stable = r->stable.version != 0,
                .paused = r->paused,
                .last_step = r->step == p->n_steps - 1,
                .by_hand = p->steps[r->step].pause,
                .overdue = r->starting_ms >= p->start_deadline_ms,
                .breach = r->verdict.at_ms && r->verdict.state == VERDICT_BREACH,
                .healthy = r->verdict.at_ms && r->verdict.state == VERDICT_HEALTHY,
                .hold_over = r->stood && rollout_hold_left_ms(r) == 0,
                .split_matches = t->split_matches,
                .starved = p->on_no_evidence == POLICY_ROLLBACK && r->starved_ms >= p->max_hold_ms,
        };
        gather_world(t, o);
        o->watched = t->reading && t->reading->quality == QUALITY_GOOD && t->reading->alive[ARM_CANDIDATE] > 0;
}

/* --- moves --- */

/* What was seen beside the row's own sentence. */
static const char *detail_of(const struct target *t, const struct move *m)
{
        const struct version_status *c = target_status(t, t->now.candidate.version);

        if (strstr(m->row, "breach") || strstr(m->row, "starved"))
                return t->now.verdict.at_ms ? t->now.verdict.reason : "";
        if (strstr(m->row, "failed") || strstr(m->row, "down") || strstr(m->row, "overdue"))
                return t->deploy_failure ? t->deploy_failure->msg : c ? c->message : "";
        return "";
}

/* Nothing of what was seen or asked of another candidate is this one's, nor is an answer that is still to come. */
static void start_afresh(struct target *t)
{
        t->env->evidence->forget(t->env->evidence, t);
        t->asking = false;
        t->ask_at_ms = 0;
        free(TAKE(t->deploy_failure));
        free(TAKE(t->reading));
        free(TAKE(t->answers));
        free(TAKE(t->kayenta));
        t->down_since_ms = 0;
}

static void moved(struct target *t, const struct move *m)
{
        t->edits++;
        t->taken_out = false;
        t->switched = 0;
        target_allowed(t, NULL);
        if (m->to == PHASE_ROLLING_BACK)
                t->decided_back_ms = target_now(t);
        if (phase_is_at_rest(m->to)) {
                free(t->reading);
                t->reading = NULL;
        }
        if (m->effect == EFFECT_START)
                start_afresh(t);
        if (m->from != m->to || m->effect == EFFECT_RAISE || m->effect == EFFECT_SWITCH) {
                t->split_matches = t->stood_before = t->drifted = false;
                t->act_backoff = (struct backoff){ 0 };
                t->act_at_ms = 0;
                t->back_written = false;
        }
}

/* A row that would not have won without the request has taken it. */
static bool takes(const struct move *m, enum phase from, const struct observation *seen)
{
        struct observation o = *seen;

        o.want_start = o.want_pause = o.want_resume = o.want_promote = o.want_promote_full = o.want_abort = o.want_rollback =
                o.want_retry = o.superseded = false;
        return fsm_next(from, &o) != m;
}

/* Moves until nothing moves. True if the request was taken (or there was none). */
static bool make_moves(struct target *t, const struct request *rq)
{
        static const struct request nobody;
        bool taken = rq->what == ASK_NOTHING;
        const struct move *m;
        struct observation o;

        for (int i = 0; i < 8; i++) {
                gather(t, taken ? &nobody : rq, &o);
                m = fsm_next(t->now.phase, &o);
                if (!m)
                        break;
                bool by_request = !taken && takes(m, t->now.phase, &o);
                struct request none = { .version = t->switched };

                if (by_request) {
                        request_free(t->unsaved);
                        t->unsaved = request_copy(rq);
                }
                rollout_apply(&t->now, m, by_request ? rq : &none, detail_of(t, m), target_wall(t));
                taken |= by_request;
                moved(t, m);
        }
        return taken;
}

/* The first time that this step's weight is read back. */
static void note_standing(struct target *t)
{
        struct rollout *r = &t->now;

        if (r->stood || (r->phase != PHASE_CANARY && r->phase != PHASE_PROMOTING) || !target_weights_stand(t) ||
            !target_capacity_stands(t))
                return;
        rollout_stands(r, target_wall(t) + t->skew_ms);
        t->edits++;
}

/* --- passes --- */

/* Known only after the weights have been put right: that comes first. */
static void note_drift(struct target *t)
{
        char what[ROLLOUT_WHY_LEN + 1];

        if (!t->drifted)
                return;
        t->drifted = t->stood_before = false;
        target_drift(t, what, sizeof what);
        rollout_drifted(&t->now, what, target_wall(t));
        t->edits++;
}

/* Not before we know what was done while nobody led: traffic may have been sent back to a release whose time ran out meanwhile. */
static void expire(struct target *t)
{
        if (t->adopted && rollout_expire(&t->now, target_wall(t)))
                t->edits++;
}

static bool pass(struct target *t, const struct request *rq)
{
        bool taken;

        adopt(t);
        note_standing(t);
        taken = make_moves(t, rq);
        note_standing(t);
        expire(t);
        target_converge(t);
        note_drift(t);
        target_save(t);
        return taken;
}

void target_pass(struct target *t)
{
        static const struct request nobody;

        if (!t->loading)
                pass(t, &nobody);
}

int target_ask(struct target *t, const struct request *rq, struct err *e)
{
        enum phase before = t->now.phase;

        if (t->loading)
                return err_set(e, ERR_CONFLICT, "%s is being read again after a conflict; try again", t->now.target);
        if (!target_is_saved(t) && t->unsaved && rq->what != ASK_ROLLBACK && rq->what != ASK_ABORT)
                return err_set(e, ERR_CONFLICT, "another request for %s is still being saved; try again", t->now.target);
        if (!pass(t, rq))
                return err_set(e, ERR_CONFLICT, "%s is in phase %s%s, which does not allow this", t->now.target,
                               phase_name(before), t->now.paused ? " (paused)" : "");
        return 0;
}

void target_reloaded(struct target *t)
{
        static const struct request nothing;
        struct request *again = TAKE(t->unsaved);

        t->saved_edits = ++t->edits;
        target_waiters_reloaded(t, pass(t, again ? again : &nothing));
        request_free(again);
}

/* Holding, starving and starting are counted, not derived from clocks, so that a restart does not count as time. */
static void count_time(struct target *t, int64_t now)
{
        struct rollout *r = &t->now;
        int64_t passed = t->counted_ms ? now - t->counted_ms : 0, most = 2 * t->env->tick_ms;
        bool unsure = r->verdict.at_ms == 0 || r->verdict.state == VERDICT_NO_EVIDENCE;

        t->counted_ms = now;
        passed = passed < most ? passed : most;
        if (r->paused || !phase_is_under_way(r->phase))
                return;
        if (r->phase == PHASE_PENDING) {
                const struct version_status *c = target_status(t, r->candidate.version);

                r->starting_ms += passed;
                r->starved_ms = c && c->ready && r->stable.version ? r->starved_ms + passed : 0;
        } else {
                target_count_short(t, passed);
                if (r->stood && target_weights_stand(t) && target_capacity_stands(t))
                        r->held_ms += passed;
                r->starved_ms = unsure ? r->starved_ms + passed : 0;
        }
}

static int64_t next_due(const struct target *t, int64_t now)
{
        int64_t due = t->observe_at_ms;

        if (target_wants_evidence(t) && t->ask_at_ms < due)
                due = t->ask_at_ms;
        if (!target_is_saved(t) && !t->saving && t->save_at_ms < due)
                due = t->save_at_ms;
        if (t->now.n_outbox && !t->recording && target_is_saved(t) && t->record_at_ms < due)
                due = t->record_at_ms;
        if (t->act_at_ms > now && t->act_at_ms < due)
                due = t->act_at_ms;
        int64_t waiter_ms = target_waiters_due(t);

        due = waiter_ms < due ? waiter_ms : due;
        return due > now ? due - now : 0;
}

int64_t target_run(struct target *t)
{
        int64_t now = target_now(t);

        t->woken = false;
        if (t->loading)
                return t->env->tick_ms;
        count_time(t, now);
        if (now >= t->observe_at_ms)
                target_observe(t);
        if (target_wants_evidence(t) && now >= t->ask_at_ms)
                target_inquire(t);
        target_pass(t);
        target_waiters_answer(t);
        if (t->news)
                target_publish(t);
        return t->woken ? 0 : next_due(t, target_now(t));
}
