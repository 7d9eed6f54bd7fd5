/* Kubernetes Events: one for each event of a rollout and each new trouble. Named so that a retry is no duplicate. */
#include <stdio.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/release.h"
#include "lib/utf8.h"
#include "rolloutd/kube_status.h"

enum { NOTE_MAX = 1000 }; /* the server takes 1024 */

struct note {
        const char *name; /* what distinguishes it among this ModelRollout's */
        const char *reason, *action;
        char text[NOTE_MAX];
        bool warning;
};

/* Kinds that somebody should look at. */
static bool is_warning(const char *kind, const json_t *event)
{
        static const char *const bad[] = { "rolling-back", "given-up", "drift" };
        const json_t *verdict = json_object_get(event, "verdict");
        const char *state = json_string_value(json_object_get(verdict, "state"));

        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                if (strcmp(kind, bad[i]) == 0)
                        return true;
        return strcmp(kind, "verdict") == 0 && state && strcmp(state, "breach") == 0;
}

/* events.k8s.io, or core where the server is older than that. */
static json_t *body_of(const struct kube_platform *k, const struct kube_target *t, const struct note *n)
{
        AUTO(str) name = xasprintf("%s.%.8s.%s", t->name, t->uid, n->name);
        const char *type = n->warning ? "Warning" : "Normal", *version = k->kinds.events.version;
        json_t *about = json_pack("{s:s, s:s, s:s, s:s, s:s}", "apiVersion", "sluice.dev/v1alpha1", "kind", "ModelRollout",
                                  "name", t->name, "namespace", t->namespace_, "uid", t->uid);
        const char *by = k->settings.pod ? k->settings.pod : "rolloutd";
        char now[RFC3339_MAX];

        clock_rfc3339(clock_wall_ms(), now);
        if (!*k->kinds.events.group)
                return json_pack("{s:s, s:s, s:{s:s, s:s}, s:o, s:s, s:s, s:s, s:s, s:s, s:i, s:{s:s}}", "apiVersion", version,
                                 "kind", "Event", "metadata", "name", name, "namespace", t->namespace_, "involvedObject", about,
                                 "reason", n->reason, "message", n->text, "type", type, "firstTimestamp", now, "lastTimestamp",
                                 now, "count", 1, "source", "component", "sluice-rolloutd");
        AUTO(str) api = xasprintf("%s/%s", k->kinds.events.group, version);
        AUTO(str) micro = xasprintf("%.*s000Z", (int) strlen(now) - 1, now);
        return json_pack("{s:s, s:s, s:{s:s, s:s}, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "apiVersion", api, "kind", "Event",
                         "metadata", "name", name, "namespace", t->namespace_, "regarding", about, "reason", n->reason, "note",
                         n->text, "type", type, "action", n->action, "eventTime", micro, "reportingController",
                         "sluice.dev/rolloutd", "reportingInstance", by);
}

static void post(struct kube_platform *k, const struct kube_target *t, const struct note *n, kube_done_fn done, void *arg)
{
        AUTO(json) body = body_of(k, t, n);
        struct kube_call call = { .verb = KUBE_CREATE, .resource = &k->kinds.events, .namespace_ = t->namespace_, .body = body };

        (void) kube_start(k->kube, &call, done, arg);
}

/* Events are for people's convenience, the history is elsewhere: what will never work is not tried again. */
static void on_recorded(void *op, json_t *object, const struct kube_failure *failure)
{
        (void) object;
        if (!failure || failure->reason == KUBE_EXISTS) {
                kube_op_answer(op, NULL);
        } else if (failure->err.kind == ERR_INVALID || failure->err.kind == ERR_FORBIDDEN || failure->err.kind == ERR_NOT_FOUND) {
                LOG_WARN("an Event is not written", "error", failure->err.msg);
                kube_op_answer(op, NULL);
        } else {
                kube_op_answer(op, &failure->err);
        }
}

static void describe(const json_t *event, char out[static NOTE_MAX])
{
        int64_t stable = json_integer_value(json_object_get(event, "stable"));
        int64_t candidate = json_integer_value(json_object_get(event, "candidate"));
        const char *why = json_string_value(json_object_get(event, "why"));
        const char *actor = json_string_value(json_object_get(event, "actor"));
        double weight = json_number_value(json_object_get(event, "weight"));
        int n = snprintf(out, NOTE_MAX, "%.600s", why ? why : "");

        if (candidate)
                n += snprintf(out + n, (size_t) (NOTE_MAX - n), "; candidate %s at %g %%", release_text(candidate).text, weight);
        if (stable)
                n += snprintf(out + n, (size_t) (NOTE_MAX - n), "; stable %s", release_text(stable).text);
        if (actor && *actor)
                (void) snprintf(out + n, (size_t) (NOTE_MAX - n), "; by %.64s", actor);
        utf8_clean(out);
}

void kube_events_record(struct kube_platform *k, struct kube_target *t, const char *text, struct kube_op *op)
{
        AUTO(json) event = NULL;
        char name[32], reason[64];
        struct err e = { 0 };

        if (json_parse("event", text, strlen(text), &event, &e) < 0 || kube_may_write(k, 0, &e) < 0) {
                kube_op_answer(op, &e);
                return;
        }
        if (!k->kinds.events.plural) {
                kube_op_answer(op, NULL);
                return;
        }
        const char *kind = json_string_value(json_object_get(event, "kind"));
        struct note n = { .name = name, .reason = reason, .action = reason, .warning = kind && is_warning(kind, event) };
        (void) snprintf(name, sizeof name, "%lld", (long long) json_integer_value(json_object_get(event, "number")));
        kube_camel(kind ? strcmp(kind, "drift") == 0 ? "route-drift" : kind : "event", reason, sizeof reason);
        describe(event, n.text);
        post(k, t, &n, on_recorded, op);
}

static void on_told(void *arg, json_t *object, const struct kube_failure *failure)
{
        (void) arg;
        (void) object;
        if (failure && failure->reason != KUBE_EXISTS)
                LOG_WARN("an Event is not written", "error", failure->err.msg);
}

void kube_events_trouble(struct kube_platform *k, const struct kube_target *t, const struct desire_trouble *trouble)
{
        char name[64];
        struct note n = { .name = name, .reason = trouble->reason, .action = "Look", .warning = true };

        if (!k->kinds.events.plural)
                return;
        (void) snprintf(name, sizeof name, "%lld.%.40s", (long long) t->spec->generation, trouble->reason);
        for (char *c = name; *c; c++)
                if (*c >= 'A' && *c <= 'Z')
                        *c |= 0x20;
        (void) snprintf(n.text, sizeof n.text, "%s", trouble->message);
        post(k, t, &n, on_told, NULL);
}
