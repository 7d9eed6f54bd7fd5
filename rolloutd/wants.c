/* Declarations as they come and go, and looking up what they refer to. */
#include "rolloutd/wants.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/auto.h"
#include "lib/mem.h"
#include "lib/names.h"
#include "rolloutd/wants_private.h"

enum { SCAN_MS = 1000, ALIAS_MS = 30000, LOOKUPS_MAX = 16 };

static const struct backoff_policy look_backoff = { .base_ms = 1000, .cap_ms = 30000 };

static int64_t now_ms(const struct wants *w)
{
        return w->env.now_ms(w->env.arg);
}

static void consider(struct want *want)
{
        if (want->due)
                return;
        want->due = true;
        DL_APPEND(want->wants->due, want);
}

/* --- what is kept of a desire --- */

static void replace(char **at, const char *text)
{
        free(*at);
        *at = *text ? xstrdup(text) : NULL;
}

static const char *text_of(const char *text)
{
        return text ? text : "";
}

static void forget_lookup(struct want *want)
{
        if (want->looking)
                want->looking->want = NULL;
        want->looking = NULL;
}

static void keep_steps(struct want *want, const struct desire *d)
{
        free(want->steps);
        want->steps = d->n_steps ? xmemdup(d->steps, (size_t) d->n_steps * sizeof *d->steps) : NULL;
        want->n_steps = d->n_steps;
}

static void keep(struct want *want, const struct desire *d)
{
        if (strcmp(text_of(want->model), d->model) != 0 || strcmp(text_of(want->ref), d->ref) != 0) {
                forget_lookup(want);
                want->found = (struct registry_version){ 0 };
                want->look_backoff = (struct backoff){ 0 };
                want->look_at_ms = 0;
        }
        replace(&want->model, d->model);
        replace(&want->ref, d->ref);
        replace(&want->policy, d->policy);
        replace(&want->invalid, d->invalid);
        replace(&want->mark_id, d->mark.id);
        replace(&want->mark_actor, d->mark.actor);
        replace(&want->mark_reason, d->mark.reason);
        keep_steps(want, d);
        memcpy(want->build, d->build, sizeof want->build);
        want->mark_to = d->mark.to;
        want->unmark_at_ms = 0;
        want->replicas = d->replicas;
        want->surge_percent = d->surge_percent;
        want->paused = d->paused;
        if (want->generation != d->generation) /* what was wrong with the one before says nothing about this one */
                want_trouble(want, "", "");
        want->generation = d->generation;
}

static void want_free(struct want *want)
{
        struct wants *w = want->wants;

        if (want->t)
                want->t->trouble = NULL;
        forget_lookup(want);
        HASH_DEL(w->all, want);
        if (want->due)
                DL_DELETE(w->due, want);
        free(want->id);
        free(want->model);
        free(want->ref);
        free(want->policy);
        free(want->invalid);
        free(want->mark_id);
        free(want->mark_actor);
        free(want->mark_reason);
        free(want->steps);
        free(want->trouble);
        free(want);
}

/* --- the platform tells --- */

static struct want *find(struct wants *w, const char *id)
{
        struct want *want;

        HASH_FIND_STR(w->all, id, want);
        return want;
}

static struct want *find_or_make(struct wants *w, const char *id)
{
        struct want *want = find(w, id);

        if (want)
                return want;
        want = xcalloc(1, sizeof *want);
        want->wants = w;
        want->id = xstrdup(id);
        HASH_ADD_KEYPTR(hh, w->all, want->id, strlen(want->id), want);
        return want;
}

static void find_target(struct want *want)
{
        const struct wants *w = want->wants;

        if (!want->t && w->env.target(w->env.arg, want->id, want->model ? want->model : want->id, &want->t, NULL) < 0)
                want->t = NULL;
}

/* A rollback past us is taken over at once: before weights that look changed are put right. */
static void wanted(void *arg, const struct desire *d)
{
        struct want *want = find_or_make(arg, d->target);

        keep(want, d);
        find_target(want);
        if (want->t)
                want_mark(want);
        consider(want);
}

static void changed(void *arg, const char *target)
{
        struct want *want = find(arg, target);

        if (want && want->t)
                target_look(want->t);
}

static void gone(void *arg, const char *target)
{
        struct wants *w = arg;
        struct want *want = find(w, target);

        if (want)
                want_free(want);
        w->env.forget(w->env.arg, target);
}

void wants_listen(struct wants *w)
{
        const struct platform_listener l = { .wanted = wanted, .changed = changed, .gone = gone, .arg = w };

        w->env.platform->ops->listen(w->env.platform, &l);
}

/* --- what a reference means --- */

static void resolved(void *arg, const struct registry_version *v, const struct err *failure)
{
        struct want_lookup *l = arg;
        struct want *want = l->want;
        struct wants *w = l->wants;

        DL_DELETE(w->lookups, l);
        w->n_lookups--;
        free(l);
        if (!want)
                return;
        want->looking = NULL;
        if (failure) {
                (void) backoff_next(&look_backoff, &want->look_backoff, now_ms(w), w->env.dice(w->env.arg));
                want->look_at_ms = now_ms(w) + want->look_backoff.wait_ms;
                want_trouble(want,
                             failure->kind == ERR_NOT_FOUND ? "VersionNotFound"
                             : failure->kind == ERR_INVALID ? "InvalidSpec"
                                                            : "RegistryUnavailable",
                             failure->msg);
                return;
        }
        want->look_backoff = (struct backoff){ 0 };
        want->look_at_ms = now_ms(w) + ALIAS_MS;
        want->found = *v;
        consider(want);
}

/* A number that the record knows already need not be asked for: its digest never changes. */
static bool know_already(struct want *want)
{
        const struct release *f = &want->t->now.followed;
        int64_t number;

        if (version_parse(want->ref, &number, NULL) < 0 || number != release_version(f->version) || !*f->digest ||
            strcmp(want->model, want->t->now.model) != 0)
                return false;
        want->found.number = number;
        memcpy(want->found.digest, f->digest, sizeof want->found.digest);
        return true;
}

void want_look_up(struct want *want)
{
        struct wants *w = want->wants;
        bool again = want->ref[0] == '@';

        if (want->looking || (want->found.number && !again) || now_ms(w) < want->look_at_ms || w->n_lookups >= LOOKUPS_MAX ||
            (!again && know_already(want)))
                return;
        want->looking = xcalloc(1, sizeof *want->looking);
        *want->looking = (struct want_lookup){ .wants = w, .want = want };
        DL_APPEND(w->lookups, want->looking);
        w->n_lookups++;
        w->env.resolve(w->env.arg, want->model, want->ref, resolved, want->looking);
}

/* --- the loop --- */

void wants_target_changed(struct wants *w, const struct target *t)
{
        struct want *want = find(w, t->now.target);

        if (want)
                consider(want);
}

static void scan(struct wants *w, int64_t now)
{
        struct want *want, *next;

        w->scan_at_ms = now + SCAN_MS;
        HASH_ITER (hh, w->all, want, next)
                if (now >= want->due_ms)
                        consider(want);
}

int64_t wants_run(struct wants *w)
{
        int64_t now = now_ms(w);
        struct want *all;

        if (now >= w->scan_at_ms)
                scan(w, now);
        all = TAKE(w->due); /* those that become due meanwhile are considered next time */
        while (all) {
                struct want *want = all;

                DL_DELETE(all, want);
                want->due = false;
                find_target(want);
                want->due_ms = now + (want->t ? want_follow(want) : SCAN_MS);
        }
        return w->due ? 0 : w->scan_at_ms - now;
}

struct wants *wants_new(const struct wants_env *env)
{
        struct wants *w = xcalloc(1, sizeof *w);

        w->env = *env;
        return w;
}

void wants_free(struct wants *w)
{
        struct want *want, *next;
        struct want_lookup *l, *next_l;

        if (!w)
                return;
        HASH_ITER (hh, w->all, want, next)
                want_free(want);
        DL_FOREACH_SAFE(w->lookups, l, next_l)
        free(l);
        free(w);
}

int wants_retry(struct wants *w, const struct target *t, struct request *rq, struct err *e)
{
        struct want *want = find(w, t->now.target);
        const struct policy *policy;
        struct release release;
        const char *reason;

        if (!want || want->invalid || !want_release(want, &release))
                return err_set(e, ERR_CONFLICT, "%s: %s", t->now.target,
                               want && want->trouble ? want->trouble->message : "what is declared is not known yet");
        if (release.version != t->now.followed.version)
                return err_set(e, ERR_CONFLICT, "version %s is declared and has not been tried yet; it starts by itself",
                               release_text(release.version).text);
        if (release.version == t->now.stable.version)
                return err_set(e, ERR_CONFLICT, "version %s of %s already has all the traffic",
                               release_text(release.version).text, t->now.target);
        policy = want_policy(want, &reason, e);
        if (!policy)
                return -1;
        rq->what = ASK_RETRY;
        rq->version = release.version;
        memcpy(rq->digest, release.digest, sizeof rq->digest);
        memcpy(rq->build, release.build, sizeof rq->build);
        rq->policy = policy;
        rq->replicas = want->replicas;
        return 0;
}
