/* What people read of a ModelRollout: `kubectl get`, `kubectl describe`, dashboards. */
#include <stdio.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/release.h"
#include "rolloutd/kube_status.h"
#include "rolloutd/target.h"
#include "rolloutd/verdict_json.h"

enum { MESSAGE_MAX = 1024 };

static int asked_bp(const struct rollout *r, int64_t release)
{
        struct weight w[2];
        int n = rollout_weights(r, w);

        for (int i = 0; i < n; i++)
                if (w[i].version == release)
                        return w[i].bp;
        return 0;
}

/* Percent of the requests counted in this step; NULL: none were, or nothing is compared. */
static json_t *observed(const struct rollout *r, int64_t release)
{
        const struct counts *c = r->judge.step;
        int64_t all = c[ARM_STABLE].requests + c[ARM_CANDIDATE].requests;
        int64_t mine = release == r->candidate.version ? c[ARM_CANDIDATE].requests : c[ARM_STABLE].requests;

        if (!phase_is_under_way(r->phase) || all == 0)
                return NULL;
        return percent_to_json((int) (mine * WEIGHT_ALL / all));
}

static json_t *placed(const struct target *t, const struct placed *p)
{
        const struct version_status *s = target_status(t, p->version);
        json_t *doc;

        if (!p->version)
                return NULL;
        doc = json_pack("{s:I, s:s, s:i, s:i, s:{s:o, s:o*}, s:s*}", "version", (json_int_t) release_version(p->version),
                        "release", release_text(p->version).text, "replicas", p->replicas, "ready", s ? s->ready : 0, "weight",
                        "asked", percent_to_json(asked_bp(&t->now, p->version)), "observed", observed(&t->now, p->version),
                        "message", s && *s->message ? s->message : NULL);
        if (*p->digest)
                (void) json_object_set_new(doc, "digest", json_string(p->digest));
        return doc;
}

static json_t *step(const struct rollout *r)
{
        char text[32];

        if (!phase_is_under_way(r->phase) || r->policy->n_steps == 0)
                return NULL;
        (void) snprintf(text, sizeof text, "%d/%d", r->phase == PHASE_PENDING ? 0 : r->step + 1, r->policy->n_steps);
        return json_string(text);
}

/* For Argo CD's ignoreDifferences: whose two weights are ours, in jq. */
static json_t *ignore_differences(const struct kube_spec *spec)
{
        const char *a = spec->route.backends[0], *b = spec->route.backends[1];

        if (spec->route.mode != KUBE_ROUTE_ADOPTED || !a || !b)
                return NULL;
        AUTO(str)
        text = xasprintf(".spec.rules[]%s%s%s.backendRefs[]? | select(.name == \"%s\" or .name == \"%s\") | .weight",
                         spec->route.rule ? " | select(.name == \"" : "", spec->route.rule ? spec->route.rule : "",
                         spec->route.rule ? "\") | " : "", a, b);
        return json_string(text);
}

static json_t *route(const struct kube_status_input *in)
{
        const struct kube_spec *spec = in->spec;

        return json_pack("{s:s, s:s, s:o*}", "name", spec->route.name, "mode",
                         spec->route.mode == KUBE_ROUTE_ADOPTED ? "Adopted" : "Owned", "ignoreDifferences",
                         ignore_differences(spec));
}

static json_t *verdict(const struct rollout *r)
{
        json_t *doc = verdict_to_json(&r->verdict);

        if (json_is_null(json_object_get(doc, "gate")))
                (void) json_object_del(doc, "gate");
        if (!*r->verdict.reason)
                (void) json_object_del(doc, "reason");
        return json_is_null(doc) ? NULL : doc;
}

static void set(json_t *doc, const char *name, json_t *value)
{
        if (value)
                (void) json_object_set_new(doc, name, value);
}

/* What `ctl rollback` chooses from when rolloutd is away. */
static json_t *window(const struct rollout *r)
{
        json_t *list = json_array();

        for (int i = 0; i < r->n_window; i++)
                (void) json_array_append_new(list,
                                             json_pack("{s:s, s:o, s:b}", "release", release_text(r->window[i].version).text,
                                                       "until", time_to_json(r->window[i].until_ms), "left", r->window[i].left));
        return r->n_window ? list : (json_decref(list), NULL);
}

json_t *kube_status_doc(const struct kube_status_input *in, struct kube_conditions *conditions)
{
        const struct rollout *r = &in->seen->now;
        char phase[32], message[MESSAGE_MAX];
        json_t *doc;

        kube_camel(phase_name(r->phase), phase, sizeof phase);
        target_message(in->seen, message, sizeof message);
        doc = json_pack("{s:s, s:I, s:o, s:o}", "phase", phase, "observedGeneration", (json_int_t) in->generation, "route",
                        route(in), "conditions", kube_conditions_json(in, conditions));
        const char *says = *in->trouble->reason ? in->trouble->message : message;
        set(doc, "message", *says ? json_string(says) : NULL);
        set(doc, "stable", placed(in->seen, &r->stable));
        set(doc, "candidate", placed(in->seen, &r->candidate));
        set(doc, "step", step(r));
        set(doc, "window", window(r));
        set(doc, "verdict", verdict(r));
        return doc;
}
