/*
 * A release comes into being or gets another size: its ControllerRevision first, from which all else is made; then the copies of what its
 * template names; then what finds, protects and scales its pods; and what runs them.
 */
#include <stddef.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/release.h"
#include "rolloutd/kube_objects.h"
#include "rolloutd/kube_work.h"

/* --- what it is made from --- */

static char *rollout_name(const struct kube_work *w)
{
        return xstrdup(w->t->name);
}

static int read_rollout(void *work, json_t *found, json_t **body, struct err *e)
{
        struct kube_work *w = work;

        (void) body;
        if (!found || strcmp(kube_meta(found, "uid"), w->t->uid) != 0)
                return err_set(e, ERR_NOT_FOUND, "the ModelRollout %s is no more", w->t->id);
        w->rollout = json_incref(found);
        return KUBE_LEAVE;
}

static const char *digest_of_release(const struct kube_work *w, const struct kube_spec *s)
{
        if (*w->d.digest)
                return w->d.digest;
        return s->ref && digest_is_valid(s->ref) ? s->ref : "";
}

static int begin_release(struct kube_work *w, json_t **body, struct err *e)
{
        struct kube_spec *s = kube_spec_new(w->rollout);
        AUTO(json) data = NULL;
        int r = 0;

        if (s->invalid)
                r = err_set(e, ERR_INVALID, "%s", s->invalid);
        else if (*w->d.build && strcmp(w->d.build, s->build) != 0)
                r = err_set(e, ERR_CONFLICT, "the template has changed since release %s was decided on",
                            release_text(w->version).text);
        else
                data = kube_plan_data(w->rollout, s, w->version, digest_of_release(w, s));
        kube_spec_free(s);
        if (r || kube_work_adopt(w, data, e))
                return -1;
        *body = json_pack("{s:s, s:s, s:o, s:I, s:O}", "apiVersion", "apps/v1", "kind", "ControllerRevision", "metadata",
                          kube_metadata(w->k, w->t, w->name, w->version), "revision", (json_int_t) release_version(w->version),
                          "data", data);
        return KUBE_MAKE;
}

static int revision(void *work, json_t *found, json_t **body, struct err *e)
{
        struct kube_work *w = work;

        if (!found)
                return begin_release(w, body, e);
        return kube_make_stands(found, e) || kube_work_adopt(w, json_object_get(found, "data"), e) ? -1 : KUBE_LEAVE;
}

/* --- copies of what the template names: made before its first pod, never after --- */

static int look_for_deployment(void *work, json_t *found, json_t **body, struct err *e)
{
        struct kube_work *w = work;

        (void) body;
        w->deployed = found;
        return kube_make_stands(found, e) ? -1 : KUBE_LEAVE;
}

static bool is_deployed(const struct kube_work *w)
{
        return w->deployed;
}

static int look_for_copy(void *work, json_t *found, json_t **body, struct err *e)
{
        struct kube_work *w = work;

        (void) body;
        w->copied = found;
        return kube_make_stands(found, e) ? -1 : KUBE_LEAVE;
}

static bool has_copy(const struct kube_work *w)
{
        return w->deployed || w->copied;
}

static int read_source(void *work, json_t *found, json_t **body, struct err *e)
{
        struct kube_work *w = work;
        const struct kube_config_ref *ref = &w->configs.refs[w->config];

        (void) body;
        json_decref(w->source);
        w->source = json_incref(found);
        if (!found && !ref->optional)
                return err_set(e, ERR_INVALID, "the template names %s \"%s\", which does not exist",
                               ref->secret ? "Secret" : "ConfigMap", ref->name);
        return KUBE_LEAVE;
}

static bool has_nothing_to_copy(const struct kube_work *w)
{
        return has_copy(w) || !w->source;
}

static int copy(void *work, json_t *found, json_t **body, struct err *e)
{
        const struct kube_work *w = work;
        AUTO(str) name = kube_work_copy(w);

        if (found)
                return KUBE_LEAVE;
        if (kube_configs_copy(w->source, w->configs.refs[w->config].secret, kube_metadata(w->k, w->t, name, w->version), body, e))
                return -1;
        return KUBE_MAKE;
}

/* --- what runs --- */

/* The owner's present wish; a broken declaration does not undo the release's own. */
static json_t *wish(const struct kube_work *w, const char *name, json_t *own)
{
        return w->t->spec->invalid ? own : json_object_get(json_object_get(w->rollout, "spec"), name);
}

static json_t *autoscaling_of(const struct kube_work *w)
{
        json_t *a = wish(w, "autoscaling", w->plan.autoscaling);

        return json_is_object(a) ? a : NULL;
}

static json_t *operation(const char *path, json_t *value)
{
        return json_pack("[{s:s, s:s, s:o}]", "op", "replace", "path", path, "value", value);
}

static void set_scale(json_t *metadata, const char *text)
{
        (void) json_object_set_new(json_object_get(metadata, "annotations"), KUBE_ANNOTATION_SCALE, json_string(text));
}

/* An autoscaler's Deployment is scaled by it alone, once it exists. */
static json_t *rescaled(const struct kube_work *w, const json_t *found, const char *scale)
{
        json_int_t now = json_integer_value(json_object_get(json_object_get(found, "spec"), "replicas"));
        const json_t *annotations = json_object_get(json_object_get(found, "metadata"), "annotations");
        const char *said = json_string_value(json_object_get(annotations, KUBE_ANNOTATION_SCALE));
        json_t *ops = json_array();

        if (!said || strcmp(said, scale) != 0)
                (void) json_array_append_new(ops, json_pack("{s:s, s:s, s:s}", "op", "add", "path",
                                                            "/metadata/annotations/sluice.dev~1scale", "value", scale));
        if (!autoscaling_of(w) && now != w->d.replicas)
                (void) json_array_append_new(
                        ops, json_pack("{s:s, s:s, s:i}", "op", "replace", "path", "/spec/replicas", "value", w->d.replicas));
        if (json_array_size(ops))
                return ops;
        json_decref(ops);
        return NULL;
}

static int deployment(void *work, json_t *found, json_t **body, struct err *e)
{
        const struct kube_work *w = work;
        struct kube_scorer s = { w->k->settings.registry_url, w->k->settings.registry_secret, w->name };
        char scale[KUBE_SCALE_TEXT_MAX];

        if (found && kube_make_stands(found, e))
                return -1;
        kube_scale_text(autoscaling_of(w), w->d.replicas, w->t->spec->wish, scale);
        if (found) {
                *body = rescaled(w, found, scale);
                return *body ? KUBE_CHANGE : KUBE_LEAVE;
        }
        json_t *metadata = kube_metadata(w->k, w->t, w->name, w->version);
        AUTO(json) selector = kube_selector(w->t->name, w->version);
        set_scale(metadata, scale);
        *body = kube_deployment_object(&w->plan, &s, selector, w->d.replicas, metadata);
        return KUBE_MAKE;
}

/* Until the watch has caught up, this is what is known. */
static void note_deployment(void *work, const json_t *object)
{
        const struct kube_work *w = work;
        struct kube_release *r = kube_release_of(w->t, w->version, true);

        if (!r)
                return;
        r->deployed = true;
        r->retired = false;
        r->replicas = (int) json_integer_value(json_object_get(json_object_get(object, "spec"), "replicas"));
        r->written_generation = json_integer_value(json_object_get(json_object_get(object, "metadata"), "generation"));
        r->floor = w->d.replicas;
}

static int service(void *work, json_t *found, json_t **body, struct err *e)
{
        const struct kube_work *w = work;
        AUTO(json) selector = kube_selector(w->t->name, w->version);

        if (found)
                return kube_make_stands(found, e) ? -1 : KUBE_LEAVE;
        *body = kube_service_object(w->plan.port, selector, kube_metadata(w->k, w->t, w->name, w->version));
        return KUBE_MAKE;
}

static int budget(void *work, json_t *found, json_t **body, struct err *e)
{
        const struct kube_work *w = work;
        json_t *wished = wish(w, "maxUnavailable", w->plan.max_unavailable);
        AUTO(json) selector = kube_selector(w->t->name, w->version);
        AUTO(json)
        object = kube_budget_object(&w->k->kinds.budgets, wished, selector, kube_metadata(w->k, w->t, w->name, w->version));
        json_t *want = json_object_get(json_object_get(object, "spec"), "maxUnavailable");

        if (found && kube_make_stands(found, e))
                return -1;
        if (found && json_equal(want, json_object_get(json_object_get(found, "spec"), "maxUnavailable")))
                return KUBE_LEAVE;
        *body = found ? operation("/spec/maxUnavailable", json_incref(want)) : TAKE(object);
        return found ? KUBE_CHANGE : KUBE_MAKE;
}

/* Everything in `want` is in `have`, which may say more: the API server fills in defaults. */
static bool holds(const json_t *have, const json_t *want)
{
        const char *key;
        const json_t *value;
        size_t i;

        if (json_is_object(want)) {
                json_object_foreach ((json_t *) want, key, value)
                        if (!holds(json_object_get(have, key), value))
                                return false;
                return json_is_object(have);
        }
        if (!json_is_array(want))
                return json_equal(have, want);
        json_array_foreach (want, i, value)
                if (!holds(json_array_get(have, i), value))
                        return false;
        return json_array_size(have) == json_array_size(want);
}

static int autoscaler(void *work, json_t *found, json_t **body, struct err *e)
{
        const struct kube_work *w = work;
        const json_t *autoscaling = autoscaling_of(w);

        if (!autoscaling)
                return found && kube_make_stands(found, NULL) == 0 ? KUBE_REMOVE : KUBE_LEAVE;
        AUTO(json)
        object = kube_autoscaler_object(&w->k->kinds.autoscalers, autoscaling, w->name, w->d.replicas,
                                        kube_metadata(w->k, w->t, w->name, w->version));
        json_t *spec = json_object_get(object, "spec");
        if (found && kube_make_stands(found, e))
                return -1;
        if (found && holds(json_object_get(found, "spec"), spec))
                return KUBE_LEAVE;
        *body = found ? operation("/spec", json_incref(spec)) : TAKE(object);
        return found ? KUBE_CHANGE : KUBE_MAKE;
}

static bool is_not_served(const struct kube_work *w)
{
        return !w->k->kinds.autoscalers.plural;
}

/* NAME-preview leads to the candidate, for whoever wants to try it. */
static int preview(void *work, json_t *found, json_t **body, struct err *e)
{
        const struct kube_work *w = work;
        AUTO(str) name = kube_work_preview(w);
        AUTO(json) selector = kube_selector(w->t->name, w->version);

        if (w->d.role != PLACED_CANDIDATE)
                return found && kube_work_selects(w, found) && kube_make_stands(found, NULL) == 0 ? KUBE_REMOVE : KUBE_LEAVE;
        if (found && kube_make_stands(found, e))
                return -1;
        if (found && kube_work_selects(w, found))
                return KUBE_LEAVE;
        AUTO(json) object = kube_service_object(w->plan.port, selector, kube_metadata(w->k, w->t, name, 0));
        json_t *ports = json_object_get(json_object_get(object, "spec"), "ports");
        if (!found) {
                *body = TAKE(object);
                return KUBE_MAKE;
        }
        *body = operation("/spec/selector", json_incref(selector));
        (void) json_array_append_new(*body, json_pack("{s:s, s:s, s:O}", "op", "replace", "path", "/spec/ports", "value", ports));
        return KUBE_CHANGE;
}

static void note_preview(void *work, const json_t *object)
{
        const struct kube_work *w = work;

        (void) object;
        if (w->d.role == PLACED_CANDIDATE)
                w->t->previewed = w->version;
}

#define KIND(name) offsetof(struct kube_kinds, name)

/* The Deployment comes last: where there is one, there is all the rest. */
const struct kube_stage kube_deploy_stages[] = {
        { .kind = KIND(rollouts), .name = rollout_name, .foreign = true, .decide = read_rollout },
        { .kind = KIND(revisions), .decide = revision },
        { .kind = KIND(deployments), .decide = look_for_deployment },
        { .each = true, .name = kube_work_copy, .skip = is_deployed, .decide = look_for_copy },
        { .each = true, .name = kube_work_source, .skip = has_copy, .foreign = true, .decide = read_source },
        { .each = true, .name = kube_work_copy, .skip = has_nothing_to_copy, .decide = copy },
        { .kind = KIND(services), .decide = service },
        { .kind = KIND(services), .name = kube_work_preview, .decide = preview, .is = note_preview },
        { .kind = KIND(budgets), .decide = budget },
        { .kind = KIND(autoscalers), .skip = is_not_served, .decide = autoscaler },
        { .kind = KIND(deployments), .decide = deployment, .is = note_deployment },
};
const int kube_deploy_n_stages = sizeof kube_deploy_stages / sizeof *kube_deploy_stages;
