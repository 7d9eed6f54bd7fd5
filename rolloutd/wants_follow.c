/* From what is declared and what is, to the next request. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/utf8.h"
#include "rolloutd/wants_private.h"

enum { SOON_MS = 1000, CALM_MS = 10000 };

static const char declaration[] = "declaration"; /* the actor of what nobody asked for by hand */

/* --- what is told --- */

void want_trouble(struct want *want, const char *reason, const char *message)
{
        struct desire_trouble *old = want->trouble;

        if (old ? strcmp(old->reason, reason) == 0 && strcmp(old->message, message) == 0 : !*reason)
                return;
        want->trouble = NULL;
        if (*reason) {
                want->trouble = xcalloc(1, sizeof *want->trouble);
                snprintf(want->trouble->reason, sizeof want->trouble->reason, "%s", reason);
                snprintf(want->trouble->message, sizeof want->trouble->message, "%.255s", message);
                utf8_clean(want->trouble->message);
        }
        if (want->t) {
                want->t->trouble = want->trouble;
                target_publish(want->t);
        }
        free(old);
}

static void fulfilled(struct want *want)
{
        if (want->t->now.generation == want->generation)
                return;
        want->t->now.generation = want->generation;
        want->t->edits++; /* saved, so that a successor does not take it for unfollowed */
        target_wake(want->t);
}

/* --- which release --- */

struct search {
        const struct want *want;
        int64_t found; /* the very same */
        int newest;    /* build of the same version; -1: there is none */
};

static void look_at(struct search *s, int64_t key, const char *digest, const char *build)
{
        const struct want *w = s->want;

        if (key == 0 || release_version(key) != w->found.number)
                return;
        if (release_build(key) > s->newest)
                s->newest = release_build(key);
        if (strcmp(build, w->build) == 0 && (!*digest || strcmp(digest, w->found.digest) == 0))
                s->found = key;
}

/* The same version run another way is the next build of it. */
bool want_release(const struct want *want, struct release *out)
{
        const struct rollout *r = &want->t->now;
        struct search s = { .want = want, .newest = -1 };

        if (want->found.number == 0)
                return false;
        look_at(&s, r->followed.version, r->followed.digest, r->followed.build);
        look_at(&s, r->candidate.version, r->candidate.digest, r->candidate.build);
        for (int i = r->n_window - 1; i >= 0; i--)
                look_at(&s, r->window[i].version, r->window[i].digest, r->window[i].build);
        look_at(&s, r->stable.version, r->stable.digest, r->stable.build);
        out->version = s.found ? s.found : release_key(want->found.number, (s.newest + 1) % (RELEASE_BUILD_MAX + 1));
        memcpy(out->digest, want->found.digest, sizeof out->digest);
        memcpy(out->build, want->build, sizeof out->build);
        return true;
}

static bool same_release(const struct release *a, const struct release *b)
{
        return a->version == b->version && strcmp(a->digest, b->digest) == 0 && strcmp(a->build, b->build) == 0;
}

/* The named policy, or into *mine that with other steps. */
static const struct policy *find_policy(const struct want *want, struct policy *mine, const char **reason, struct err *e)
{
        const struct wants_env *env = &want->wants->env;
        const struct policy *named = env->policy(env->arg, want->policy ? want->policy : "", e);

        *reason = "PolicyNotFound";
        if (!named || want->n_steps == 0)
                return named;
        *mine = *named;
        memcpy(mine->steps, want->steps, (size_t) want->n_steps * sizeof *want->steps);
        mine->n_steps = want->n_steps;
        *reason = "InvalidSpec";
        if (policy_check(mine, e) == 0)
                return mine;
        (void) err_wrap(e, "strategy");
        return NULL;
}

const struct policy *want_policy(const struct want *want, const char **reason, struct err *e)
{
        struct policy mine;
        const struct policy *p = find_policy(want, &mine, reason, e);

        return p ? policy_share(want->wants->env.policies, p) : NULL;
}

/* --- what is asked of the target --- */

static bool ask(struct want *want, struct request *rq)
{
        bool taken;

        snprintf(rq->actor, sizeof rq->actor, "%s", declaration);
        snprintf(rq->reason, sizeof rq->reason, "generation %lld", (long long) want->generation);
        taken = target_ask(want->t, rq, NULL) == 0;
        target_wake(want->t);
        return taken;
}

/* Whoever went past us saw a release in the window that has run out here meanwhile. While it runs it can be had. */
static void recall(struct want *want)
{
        struct target *t = want->t;
        const struct version_status *s = target_status(t, want->mark_to);
        int64_t to;

        if (rollout_back_to(&t->now, want->mark_to, &to, NULL) == 0 || want->mark_to == t->now.stable.version ||
            want->mark_to == t->now.candidate.version || !s || s->wanted == 0)
                return;
        rollout_recall(&t->now, want->mark_to, t->env->wall_ms(t->env->arg));
}

void want_mark(struct want *want)
{
        struct target *t = want->t;
        struct request rq = { .what = ASK_ROLLBACK };
        bool done = false;

        /* What runs is to be seen first. */
        if (!want->mark_id || rollout_has_gone_back(&t->now, want->mark_id) || t->now.rollout_id == 0 || t->loading ||
            !t->world_known)
                return;
        snprintf(rq.mark, sizeof rq.mark, "%.*s", ROLLOUT_MARK_LEN, want->mark_id);
        snprintf(rq.actor, sizeof rq.actor, "%.*s", NAME_MAX_LEN, want->mark_actor ? want->mark_actor : "ctl");
        snprintf(rq.reason, sizeof rq.reason, "past rolloutd, at the cluster%s%s", want->mark_reason ? ": " : "",
                 want->mark_reason ? want->mark_reason : "");
        utf8_clean(rq.reason);
        recall(want);
        if (rollout_back_to(&t->now, want->mark_to, &rq.version, NULL) == 0)
                done = target_ask(t, &rq, NULL) == 0;
        if (!done) { /* there is nothing to follow: it has been done already, or cannot be */
                memcpy(t->now.mark, rq.mark, sizeof t->now.mark);
                t->edits++;
        }
        target_wake(t);
}

static void unmark(struct want *want)
{
        const struct wants_env *env = &want->wants->env;
        int64_t now = env->now_ms(env->arg);

        bool taken_over = want->mark_id && rollout_has_gone_back(&want->t->now, want->mark_id);

        if (!want->mark_id || (!taken_over && want->t->now.rollout_id > 0) || want->t->edits != want->t->saved_edits ||
            now < want->unmark_at_ms)
                return;
        want->unmark_at_ms = now + CALM_MS;
        env->platform->ops->unmark(env->platform, want->id, want->mark_id);
}

static void scale(struct want *want)
{
        if (want->replicas < 1 || !rollout_scale(&want->t->now, want->replicas, want->surge_percent))
                return;
        want->t->edits++;
        target_wake(want->t);
}

/* A pause that a person asked for is theirs to end. */
static void pause(struct want *want)
{
        const struct rollout *r = &want->t->now;
        struct request rq = { .what = want->paused ? ASK_PAUSE : ASK_RESUME, .by_spec = true };

        if (!phase_is_under_way(r->phase) || want->paused == r->paused || (r->paused && !r->paused_by_spec))
                return;
        (void) ask(want, &rq);
}

static int64_t start(struct want *want, const struct release *release)
{
        struct request rq = { .what = ASK_START, .version = release->version, .replicas = want->replicas };
        const char *reason;
        struct err e = { 0 };

        rq.policy = want_policy(want, &reason, &e);
        if (!rq.policy) {
                want_trouble(want, reason, e.msg);
                return SOON_MS;
        }
        memcpy(rq.digest, release->digest, sizeof rq.digest);
        memcpy(rq.build, release->build, sizeof rq.build);
        if (ask(want, &rq))
                fulfilled(want);
        policy_unref(rq.policy);
        return SOON_MS;
}

/* At rest. What was followed once is not started again because it did not stay: somebody has to say so. */
static int64_t follow_at_rest(struct want *want, const struct release *release)
{
        struct target *t = want->t;

        if (same_release(release, &t->now.followed)) {
                fulfilled(want);
                return CALM_MS;
        }
        if (release->version != t->now.stable.version)
                return start(want, release);
        rollout_follow(&t->now, release);
        t->edits++;
        target_wake(t);
        fulfilled(want);
        return CALM_MS;
}

static int64_t follow(struct want *want, const struct release *release)
{
        const struct rollout *r = &want->t->now;
        struct request rq = { .what = ASK_SUPERSEDE };

        if (phase_is_at_rest(r->phase))
                return follow_at_rest(want, release);
        if (r->phase == PHASE_ROLLING_BACK)
                return SOON_MS;
        if (release->version == r->candidate.version) {
                fulfilled(want);
                pause(want);
                return CALM_MS;
        }
        (void) ask(want, &rq);
        return SOON_MS;
}

/* A model is what a target's versions are versions of. */
static bool take_model(struct want *want)
{
        struct rollout *r = &want->t->now;
        char message[256];

        if (strcmp(r->model, want->model) == 0)
                return true;
        if (r->rollout_id == 0) {
                snprintf(r->model, sizeof r->model, "%s", want->model);
                return true;
        }
        snprintf(message, sizeof message, "the model cannot be changed from %s to %s: make another ModelRollout for it", r->model,
                 want->model);
        want_trouble(want, "InvalidSpec", message);
        return false;
}

/* What is not the release's own business applies whether that can be followed or not. */
static bool is_usable(struct want *want)
{
        struct policy mine;
        const char *reason;
        struct err e = { 0 };

        if (want->invalid) {
                want_trouble(want, "InvalidSpec", want->invalid);
                return false;
        }
        if (!want->model || !want->ref) {
                want_trouble(want, "InvalidSpec", "neither model nor version is declared");
                return false;
        }
        if (!take_model(want))
                return false;
        scale(want);
        if (find_policy(want, &mine, &reason, &e))
                return true;
        want_trouble(want, reason, e.msg);
        return false;
}

int64_t want_follow(struct want *want)
{
        struct release release;
        int64_t again_ms;

        want_mark(want);
        unmark(want);
        if (want->t->loading)
                return SOON_MS;
        if (!is_usable(want)) {
                if (!want->invalid)
                        pause(want);
                return SOON_MS;
        }
        want_look_up(want);
        if (!want_release(want, &release)) {
                pause(want);
                return SOON_MS;
        }
        if (want->look_backoff.tries == 0)
                want_trouble(want, "", "");
        again_ms = follow(want, &release);
        return want->mark_id || want->look_backoff.tries ? SOON_MS : again_ms;
}
