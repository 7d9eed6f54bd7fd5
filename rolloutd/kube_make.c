/* Reading and writing one object. */
#include "rolloutd/kube_make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/json.h"
#include "lib/mem.h"

#define EPOCH_PATH "/metadata/annotations/sluice.dev~1epoch"

struct kube_making {
        struct kube_platform *k;
        struct kube_target *t;
        struct kube_part part;
        char *name;
        struct kube_flight *flight;
        bool again; /* it came into being after we had looked */
        platform_done_fn done;
        void *arg;
};

static void read_it(struct kube_making *m);

static void end(struct kube_making *m, const struct err *failure)
{
        m->done(m->arg, failure);
        free(m->name);
        free(m);
}

static void call(struct kube_making *m, enum kube_verb verb, const json_t *body, kube_done_fn done)
{
        struct kube_call c = { .verb = verb,
                               .resource = m->part.resource,
                               .namespace_ = m->t->namespace_,
                               .name = m->name,
                               .body = body,
                               .timeout_ms = kube_write_ms(m->k->settings.lease_ms) };

        m->flight = kube_start(m->k->kube, &c, done, m);
}

static void on_written(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_making *m = arg;

        m->flight = NULL;
        if (failure && failure->reason == KUBE_EXISTS && !m->again) {
                m->again = true;
                read_it(m);
                return;
        }
        if (object && m->part.is)
                m->part.is(m->arg, object);
        end(m, failure ? &failure->err : NULL);
}

static void on_removed(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_making *m = arg;

        (void) object;
        m->flight = NULL;
        end(m, failure && failure->reason != KUBE_NOT_FOUND ? &failure->err : NULL);
}

static bool is_owned(const json_t *object, const struct kube_target *t)
{
        const json_t *owner;
        size_t i;

        json_array_foreach (json_object_get(json_object_get(object, "metadata"), "ownerReferences"), i, owner) {
                const char *uid = json_string_value(json_object_get(owner, "uid"));
                if (uid && strcmp(uid, t->uid) == 0)
                        return true;
        }
        return false;
}

/* The epoch it was written in; NULL when it does not say so any more. */
static const char *epoch_of(const json_t *object)
{
        return json_string_value(
                json_object_get(json_object_get(json_object_get(object, "metadata"), "annotations"), KUBE_ANNOTATION_EPOCH));
}

/*
 * Our operations behind what makes them ours to do: the same object, in the epoch that we have seen, which becomes ours. Epochs are not put
 * in order: they begin again when somebody deletes the Lease, and that must not lock us out.
 */
static json_t *guarded(const struct kube_making *m, const json_t *found, json_t *ops)
{
        const char *seen = epoch_of(found);
        bool annotated = json_is_object(json_object_get(json_object_get(found, "metadata"), "annotations"));
        json_t *patch = json_array();
        char epoch[24];

        (void) snprintf(epoch, sizeof epoch, "%lld", (long long) m->k->epoch);
        (void) json_array_append_new(
                patch, json_pack("{s:s, s:s, s:s}", "op", "test", "path", "/metadata/uid", "value", kube_meta(found, "uid")));
        if (seen)
                (void) json_array_append_new(patch,
                                             json_pack("{s:s, s:s, s:s}", "op", "test", "path", EPOCH_PATH, "value", seen));
        if (annotated)
                (void) json_array_append_new(patch,
                                             json_pack("{s:s, s:s, s:s}", "op", "add", "path", EPOCH_PATH, "value", epoch));
        else
                (void) json_array_append_new(patch, json_pack("{s:s, s:s, s:{s:s}}", "op", "add", "path", "/metadata/annotations",
                                                              "value", KUBE_ANNOTATION_EPOCH, epoch));
        (void) json_array_extend(patch, ops);
        return patch;
}

static void carry_out(struct kube_making *m, enum kube_verdict v, json_t *found, json_t *body)
{
        const bool pods = strcmp(m->part.resource->plural, "deployments") == 0;
        AUTO(json) request = NULL;

        switch (v) {
        case KUBE_LEAVE:
                if (found && m->part.is)
                        m->part.is(m->arg, found);
                end(m, NULL);
                return;
        case KUBE_MAKE:
                call(m, KUBE_CREATE, body, on_written);
                return;
        case KUBE_CHANGE:
                request = guarded(m, found, body);
                call(m, KUBE_JSON_PATCH, request, on_written);
                return;
        case KUBE_REMOVE:
                request = kube_delete_options(kube_meta(found, "uid"), NULL, pods ? "Foreground" : "Background");
                call(m, KUBE_DELETE, request, on_removed);
                return;
        }
}

static void on_read(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_making *m = arg;
        AUTO(json) body = NULL;
        struct err e = { 0 };

        m->flight = NULL;
        if (failure && failure->reason != KUBE_NOT_FOUND) {
                end(m, &failure->err);
                return;
        }
        json_t *ours = object && (m->part.foreign || is_owned(object, m->t)) ? object : NULL;
        int v = m->part.decide(m->arg, ours, &body, &e);
        if (v == KUBE_MAKE && object)
                v = err_set(&e, ERR_INVALID, "%s %s exists and belongs to somebody else", m->part.resource->plural, m->name);
        if (v < 0 || (v != KUBE_LEAVE && kube_may_write(m->k, kube_write_ms(m->k->settings.lease_ms), &e)))
                end(m, &e);
        else
                carry_out(m, (enum kube_verdict) v, ours, body);
}

static void read_it(struct kube_making *m)
{
        call(m, KUBE_GET, NULL, on_read);
}

struct kube_making *kube_make_start(struct kube_platform *k, struct kube_target *t, const struct kube_part *p,
                                    platform_done_fn done, void *arg)
{
        struct kube_making *m = xcalloc(1, sizeof *m);

        *m = (struct kube_making){ .k = k, .t = t, .part = *p, .name = xstrdup(p->name), .done = done, .arg = arg };
        read_it(m);
        return m;
}

void kube_make_cancel(struct kube_making *m)
{
        if (!m)
                return;
        if (m->flight)
                kube_cancel(m->k->kube, m->flight);
        free(m->name);
        free(m);
}

int kube_make_stands(const json_t *found, struct err *e)
{
        if (found && *kube_meta(found, "deletionTimestamp"))
                return err_set(e, ERR_UNAVAILABLE, "%s is still being deleted", kube_meta(found, "name"));
        return 0;
}
