/* Saving the record with compare-and-swap, recording events, and reading again when somebody else won. */
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/fault.h"
#include "lib/json.h"
#include "rolloutd/rollout_json.h"
#include "rolloutd/target_private.h"
#include "rolloutd/verdict_json.h"

static const struct backoff_policy backoff = { .base_ms = 200, .cap_ms = 10000 };

static int64_t later(struct target *t, struct backoff *b)
{
        int64_t now = target_now(t);

        (void) backoff_next(&backoff, b, now, t->env->dice(t->env->arg));
        return now + b->wait_ms;
}

/* --- reading again --- */

static void reloaded(void *arg, const struct platform_record *records, size_t n, const struct err *failure)
{
        struct target *t = arg;
        struct rollout r;
        struct err e = { 0 };

        t->loading = false;
        target_wake(t);
        if (failure) {
                target_failed(t, "load", failure);
                t->save_at_ms = later(t, &t->save_backoff);
                return;
        }
        rollout_init(&r, t->now.target, t->now.model);
        t->revision = 0;
        for (size_t i = 0; i < n; i++)
                if (strcmp(records[i].target, t->now.target) == 0) {
                        if (rollout_decode(records[i].json, t->env->policies, &r, &e) < 0) {
                                target_failed(t, "load", &e);
                                t->save_at_ms = later(t, &t->save_backoff);
                                return;
                        }
                        t->revision = records[i].revision;
                }
        rollout_done(&t->now);
        t->now = r;
        t->published = r.last_event;
        t->adopted = false;
        t->world_known = false;
        t->acts++;
        t->observe_at_ms = target_now(t);
        target_reloaded(t);
}

static void reload(struct target *t)
{
        struct platform *p = t->env->platform;

        t->loading = true;
        if (p->ops->reload)
                p->ops->reload(p, t->now.target, reloaded, t);
        else
                p->ops->load(p, reloaded, t);
}

/* --- saving --- */

static void publish(struct target *t)
{
        for (int i = 0; i < t->now.n_outbox; i++)
                if (t->now.outbox[i].number > t->published) {
                        t->published = t->now.outbox[i].number;
                        if (t->env->happened)
                                t->env->happened(t->env->arg, t, &t->now.outbox[i]);
                }
        if (t->env->changed)
                t->env->changed(t->env->arg, t);
}

static void saved(void *arg, int64_t revision, const struct err *failure)
{
        struct target *t = arg;

        t->saving = false;
        target_wake(t);
        if (failure) {
                target_failed(t, "save", failure);
                if (failure->kind == ERR_CONFLICT)
                        reload(t);
                else
                        t->save_at_ms = later(t, &t->save_backoff);
                return;
        }
        fault_point("saved");
        t->save_backoff = (struct backoff){ 0 };
        t->revision = revision;
        t->saved_edits = t->saving_edits;
        if (target_is_saved(t)) {
                request_free(t->unsaved);
                t->unsaved = NULL;
                publish(t);
        }
}

/* --- the history --- */

static void recorded(void *arg, const struct err *failure)
{
        struct target *t = arg;

        t->recording = false;
        target_wake(t);
        if (failure) {
                target_failed(t, "record", failure);
                t->record_at_ms = later(t, &t->record_backoff);
                return;
        }
        fault_point("recorded");
        t->record_backoff = (struct backoff){ 0 };
        rollout_recorded(&t->now, t->recording_number);
        if (t->now.n_outbox == 0) /* one save for all of them; recording one twice would be harmless */
                t->edits++;
}

static void record(struct target *t)
{
        const struct event *ev = &t->now.outbox[0];
        AUTO(json) doc = event_to_json(ev);
        AUTO(str) text = json_text(doc);

        t->recording = true;
        t->recording_number = ev->number;
        t->env->platform->ops->record(t->env->platform, t->now.target, text, recorded, t);
}

void target_save(struct target *t)
{
        int64_t now = target_now(t);

        if (!target_is_saved(t) && !t->saving && now >= t->save_at_ms) {
                AUTO(str) text = rollout_encode(&t->now);

                target_publish(t);
                t->saving = true;
                t->saving_edits = t->edits;
                t->env->platform->ops->save(t->env->platform, t->now.target, text, t->revision, saved, t);
        }
        if (t->now.n_outbox && !t->recording && !t->saving && target_is_saved(t) && now >= t->record_at_ms)
                record(t);
}
