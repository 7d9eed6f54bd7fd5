/* The status of each ModelRollout: what is to be written, one request at a time, and what a refusal means. */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/random.h"
#include "rolloutd/kube_state.h"

enum { WRITE_TIMEOUT_MS = 3000, PUBLISH_MS = 1000, FOREVER_MS = 3600000, MISFITS_MAX = 3, PUBLISHING_MAX = 64 };

static const struct backoff_policy patience = { .base_ms = 200, .cap_ms = 10000 };

struct kube_state *kube_state_of(struct kube_platform *k, struct kube_target *t)
{
        if (!t->state) {
                t->state = xcalloc(1, sizeof *t->state);
                t->state->k = k;
                t->state->t = t;
        }
        return t->state;
}

void kube_state_enlist(struct kube_state *s)
{
        if (s->listed)
                return;
        s->listed = true;
        DL_APPEND(s->k->writing, s);
}

static void delist(struct kube_state *s)
{
        if (!s->listed)
                return;
        s->listed = false;
        DL_DELETE(s->k->writing, s);
}

void kube_state_drop(struct kube_platform *k, struct kube_target *t)
{
        struct kube_state *s = t->state;

        if (!s)
                return;
        delist(s);
        if (s->flight)
                kube_cancel(k->kube, s->flight);
        k->n_publishing -= s->publishes;
        free(s->doc);
        json_decref(s->events);
        free(s->record);
        free(s->resource_version);
        free(TAKE(t->state));
}

/* --- reading --- */

/* Those that have come into the history already, by a write whose answer was lost. */
static void drop_known_events(struct kube_state *s, int64_t newest)
{
        while (json_array_size(s->events) &&
               json_integer_value(json_object_get(json_array_get(s->events, 0), "number")) <= newest)
                (void) json_array_remove(s->events, 0);
        if (json_array_size(s->events) == 0)
                json_decref(TAKE(s->events));
}

/* All but what is ours alone. At a start it is mostly as it should be, and is not written again. */
static void print_of(const json_t *status, char out[static 17])
{
        static const char *const ours[] = { "revision", "epoch", "record", "history" };
        AUTO(json) read = json_copy((json_t *) status);

        *out = '\0';
        for (size_t i = 0; read && i < sizeof ours / sizeof *ours; i++)
                (void) json_object_del(read, ours[i]);
        if (read)
                kube_state_print(read, out);
}

static void take_status(struct kube_state *s, const json_t *object)
{
        const json_t *status = json_object_get(object, "status"), *history = json_object_get(status, "history");
        int64_t newest = json_integer_value(json_object_get(json_array_get(history, 0), "number"));

        s->revision = json_integer_value(json_object_get(status, "revision"));
        s->epoch = json_integer_value(json_object_get(status, "epoch"));
        s->has_record = json_is_string(json_object_get(status, "record"));
        s->n_history = (int) json_array_size(history);
        if (newest > s->last_event || (s->revision == 0 && !s->events))
                s->last_event = newest;
        print_of(status, s->written);
        kube_conditions_read(status, &s->conditions);
        free(s->resource_version);
        s->resource_version = s->revision ? NULL : xstrdup(kube_meta(object, "resourceVersion"));
        drop_known_events(s, newest);
}

void kube_state_seen(struct kube_platform *k, struct kube_target *t, const json_t *object)
{
        struct kube_state *s = kube_state_of(k, t);

        if (s->revision == 0 && !s->flight)
                take_status(s, object);
}

const char *kube_state_read(struct kube_platform *k, struct kube_target *t, const json_t *object, int64_t *revision)
{
        struct kube_state *s = kube_state_of(k, t);

        /* A list takes its time. Once there are writes of ours, it may be older than the last of them, or newer than one under way. */
        bool fresh = !k->announcing || s->unreadable;
        if (fresh)
                take_status(s, object);
        if (fresh || s->handed < 0)
                s->handed = s->has_record ? s->revision : 0;
        *revision = s->handed;
        return json_string_value(json_object_get(json_object_get(object, "status"), "record"));
}

/* --- writing --- */

static void answer(struct kube_state *s, int64_t revision, const struct err *failure)
{
        platform_saved_fn saved = s->saved;

        if (!s->record)
                return;
        free(TAKE(s->record));
        saved(s->arg, revision, failure);
}

static bool has_work(const struct kube_state *s)
{
        return s->record || s->doc || s->events;
}

static void later(struct kube_state *s)
{
        (void) backoff_next(&patience, &s->backoff, clock_ms(), random_u32());
        s->due_ms = clock_ms() + s->backoff.wait_ms;
}

static void forget_sent(struct kube_state *s)
{
        for (; s->sent_events; s->sent_events--)
                (void) json_array_remove(s->events, 0);
        if (json_array_size(s->events) == 0)
                json_decref(TAKE(s->events));
        if (s->doc && strcmp(s->print, s->sent) == 0)
                free(TAKE(s->doc));
}

static void written(struct kube_state *s)
{
        s->backoff = (struct backoff){ 0 };
        s->unsure = false;
        s->misfits = 0;
        s->revision++;
        s->epoch = s->k->epoch;
        s->publish_ms = clock_ms() + PUBLISH_MS;
        s->n_history += (int) s->sent_events;
        s->n_history = s->n_history < KUBE_HISTORY_MAX ? s->n_history : KUBE_HISTORY_MAX;
        memcpy(s->written, s->sent, sizeof s->written);
        free(TAKE(s->resource_version));
        forget_sent(s);
        if (s->sent_record) {
                s->has_record = true;
                s->handed = s->revision;
                answer(s, s->revision, NULL);
        }
}

/* Somebody else's write, or one of ours whose answer was lost. */
static void on_read_again(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_state *s = arg;
        int64_t before = s->revision, epoch = s->epoch;
        struct err e = { 0 };

        s->flight = NULL;
        if (failure) {
                later(s);
                answer(s, 0, &failure->err);
                return;
        }
        take_status(s, object);
        if (s->epoch > s->k->epoch)
                kube_leader_deposed(s->k, s->epoch);
        s->due_ms = 0;
        if (++s->misfits > MISFITS_MAX)
                later(s);
        bool same = s->revision == before && s->epoch == epoch;
        bool ours = s->unsure && s->revision == before + 1 && s->epoch == s->k->epoch;
        s->unsure = false;
        if (same || ours)
                return; /* again, over what is there */
        s->handed = -1; /* whatever the controller has seen, it is not this */
        (void) err_set(&e, ERR_CONFLICT, "the status of %s was written by another: revision %lld, epoch %lld", s->t->id,
                       (long long) s->revision, (long long) s->epoch);
        answer(s, 0, &e);
}

static void read_again(struct kube_state *s)
{
        struct kube_call call = { .verb = KUBE_GET,
                                  .resource = &s->k->kinds.rollouts,
                                  .namespace_ = s->t->namespace_,
                                  .name = s->t->name,
                                  .timeout_ms = WRITE_TIMEOUT_MS };

        s->flight = kube_start(s->k->kube, &call, on_read_again, s);
}

/* The schema or the rules of the cluster: not to be sent again as it is. */
static void refuse(struct kube_state *s, const struct kube_failure *failure)
{
        LOG_ERROR("a status is refused", "target", s->t->id, "error", failure->err.msg);
        memcpy(s->written, s->sent, sizeof s->written);
        forget_sent(s);
        answer(s, 0, &failure->err);
}

static void on_written(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_state *s = arg;

        (void) object;
        s->flight = NULL;
        s->k->n_publishing -= s->publishes;
        s->publishes = false;
        if (!failure) {
                written(s);
        } else if (failure->reason == KUBE_TEST_FAILED || failure->reason == KUBE_CONFLICT) {
                read_again(s);
        } else if (failure->reason == KUBE_INVALID || failure->reason == KUBE_NOT_FOUND) {
                refuse(s, failure);
        } else {
                s->unsure = true;
                later(s);
                answer(s, 0, &failure->err);
        }
}

static void write_status(struct kube_state *s)
{
        struct kube_status_base base = { .revision = s->revision,
                                         .epoch = s->epoch,
                                         .resource_version = s->resource_version,
                                         .has_record = s->has_record,
                                         .n_history = s->n_history };
        AUTO(json) doc = s->doc ? json_loads(s->doc, 0, NULL) : NULL;
        AUTO(json) patch = kube_status_patch(&base, doc, s->k->epoch, s->record, s->events);
        struct kube_call call = { .verb = KUBE_JSON_PATCH,
                                  .resource = &s->k->kinds.rollouts,
                                  .namespace_ = s->t->namespace_,
                                  .name = s->t->name,
                                  .subresource = "status",
                                  .body = patch,
                                  .timeout_ms = WRITE_TIMEOUT_MS };

        memcpy(s->sent, s->doc ? s->print : s->written, sizeof s->sent);
        s->sent_events = json_array_size(s->events);
        s->sent_record = s->record != NULL;
        s->publishes = !s->sent_record;
        s->k->n_publishing += s->publishes;
        s->flight = kube_start(s->k->kube, &call, on_written, s);
}

/* When the next write may begin. */
static int64_t due_of(const struct kube_state *s)
{
        return s->record || s->due_ms > s->publish_ms ? s->due_ms : s->publish_ms;
}

static void advance(struct kube_state *s)
{
        struct err e = { 0 };

        if (kube_may_write(s->k, WRITE_TIMEOUT_MS, &e) == 0) {
                write_status(s);
                return;
        }
        later(s);
        answer(s, 0, &e);
}

int64_t kube_state_run(struct kube_platform *k, int64_t now_ms)
{
        struct kube_state *s, *next;
        int64_t wake = FOREVER_MS;

        DL_FOREACH_SAFE(k->writing, s, next)
        {
                if (!s->flight && !has_work(s)) {
                        delist(s);
                        continue;
                }
                if (s->flight || (!s->record && k->n_publishing >= PUBLISHING_MAX))
                        continue;
                if (now_ms >= due_of(s))
                        advance(s);
                else if (due_of(s) - now_ms < wake)
                        wake = due_of(s) - now_ms;
        }
        return wake;
}

/* --- what is to be written --- */

void kube_state_save(struct kube_platform *k, struct kube_target *t, const char *json, int64_t expected, platform_saved_fn done,
                     void *arg)
{
        struct kube_state *s = kube_state_of(k, t);
        struct err e = { 0 };

        if (expected != s->handed || s->record) {
                (void) err_set(&e, ERR_CONFLICT, "%s stands at revision %lld, not %lld", t->id, (long long) s->handed,
                               (long long) expected);
                done(arg, 0, &e);
                return;
        }
        s->record = xstrdup(json);
        s->saved = done;
        s->arg = arg;
        s->due_ms = 0;
        kube_state_enlist(s);
}
