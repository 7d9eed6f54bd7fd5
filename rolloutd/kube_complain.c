/* Telling the owner of a ModelRollout whose record cannot be used: one condition and the message change, nothing else does. */
#include <stdlib.h>

#include <utlist.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "rolloutd/kube_state.h"

enum { TRIES = 5 };

struct kube_complaint {
        struct kube_complaint *prev, *next;
        struct kube_platform *k;
        char *namespace_, *name;
        struct desire_trouble trouble;
        int tries;
};

static void start(struct kube_complaint *c, enum kube_verb verb, const json_t *body, kube_done_fn done)
{
        struct kube_call call = { .verb = verb,
                                  .resource = &c->k->kinds.rollouts,
                                  .namespace_ = c->namespace_,
                                  .name = c->name,
                                  .subresource = body ? "status" : NULL,
                                  .body = body,
                                  .timeout_ms = kube_write_ms(c->k->settings.lease_ms) };

        (void) kube_start(c->k->kube, &call, done, c);
}

static void discard(struct kube_complaint *c)
{
        DL_DELETE(c->k->complaints, c);
        free(c->namespace_);
        free(c->name);
        free(c);
}

static void end(struct kube_complaint *c, const struct err *failure)
{
        if (failure)
                LOG_WARN("the owner of a ModelRollout cannot be told yet", "namespace", c->namespace_, "name", c->name, "error",
                         failure->msg);
        discard(c);
}

static void read_it(struct kube_complaint *c);

static void on_written(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_complaint *c = arg;

        (void) object;
        if (failure && (failure->reason == KUBE_TEST_FAILED || failure->reason == KUBE_CONFLICT) && ++c->tries < TRIES)
                read_it(c);
        else
                end(c, failure ? &failure->err : NULL);
}

static void on_read(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_complaint *c = arg;
        const json_t *status = json_object_get(object, "status");
        struct err e = { 0 };

        if (failure || kube_may_write(c->k, kube_write_ms(c->k->settings.lease_ms), &e)) {
                end(c, failure ? &failure->err : &e);
                return;
        }
        int64_t generation = json_integer_value(json_object_get(json_object_get(object, "metadata"), "generation"));
        AUTO(json) conditions = kube_conditions_complaint(status, &c->trouble, generation, clock_wall_ms());
        if (json_equal(conditions, json_object_get(status, "conditions"))) {
                end(c, NULL);
                return;
        }
        AUTO(json)
        patch = json_pack("[{s:s, s:s, s:s}, {s:s, s:s, s:O}, {s:s, s:s, s:s}]", "op", "test", "path",
                          "/metadata/resourceVersion", "value", kube_meta(object, "resourceVersion"), "op", "add", "path",
                          "/status/conditions", "value", conditions, "op", "add", "path", "/status/message", "value",
                          c->trouble.message);
        if (patch)
                start(c, KUBE_JSON_PATCH, patch, on_written);
        else
                end(c, &(const struct err){ .kind = ERR_INTERNAL, .msg = "what is to be told does not fit into JSON" });
}

static void read_it(struct kube_complaint *c)
{
        start(c, KUBE_GET, NULL, on_read);
}

void kube_complain(struct kube_platform *k, struct kube_target *t, const struct desire_trouble *trouble)
{
        struct kube_state *s = kube_state_of(k, t);
        struct kube_complaint *c = xcalloc(1, sizeof *c);

        if (!s->unreadable)
                kube_events_trouble(k, t, trouble);
        s->unreadable = true;
        *c = (struct kube_complaint){
                .k = k, .namespace_ = xstrdup(t->namespace_), .name = xstrdup(t->name), .trouble = *trouble
        };
        DL_APPEND(k->complaints, c);
        read_it(c);
}

void kube_complaints_free(struct kube_platform *k)
{
        while (k->complaints)
                discard(k->complaints);
}
