/* A ModelRollout read with care: the first thing that is wrong becomes a sentence, and the rest is read all the same. */
#include "rolloutd/kube_spec.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/json.h"
#include "lib/kube_client.h"
#include "lib/mem.h"
#include "lib/release.h"
#include "lib/sha256.h"
#include "lib/utf8.h"
#include "rolloutd/kube_spec_private.h"

enum {
        REASON_MAX = 256,
        NAME_MAX = 40,
        REPLICAS_MAX = 10000,
        SURGE_MAX = 100,
        PREVIEW_MS = 5 * 60 * 1000,
        BAKE_MS = 10 * 60 * 1000,
};

void kube_spec_wrong(struct kube_spec *s, const char *fmt, ...)
{
        char text[REASON_MAX];
        va_list ap;

        if (s->invalid)
                return;
        va_start(ap, fmt);
        (void) vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        utf8_clean(text);
        s->invalid = xstrdup(text);
}

static char *copy(const char *text)
{
        return text ? xstrdup(text) : NULL;
}

/* --- members --- */

const json_t *kube_spec_member(struct kube_spec *s, const json_t *in, const char *path, const char *name, json_type type,
                               const char *type_name)
{
        const json_t *v = json_object_get(in, name);

        if (!v || json_is_null(v))
                return NULL;
        if (json_typeof(v) == type)
                return v;
        kube_spec_wrong(s, "%s%s must be %s", path, name, type_name);
        return NULL;
}

const char *kube_spec_text(struct kube_spec *s, const json_t *in, const char *path, const char *name)
{
        const json_t *v = kube_spec_member(s, in, path, name, JSON_STRING, "a text");
        const char *text = json_string_value(v);

        if (v && strlen(text) != json_string_length(v)) {
                kube_spec_wrong(s, "%s%s has a NUL character", path, name);
                return NULL;
        }
        return text && *text ? text : NULL;
}

int kube_spec_int(struct kube_spec *s, const json_t *in, const char *path, const char *name, int low, int high, int fallback)
{
        const json_t *v = kube_spec_member(s, in, path, name, JSON_INTEGER, "a whole number");

        if (!v)
                return fallback;
        json_int_t n = json_integer_value(v);
        if (n >= low && n <= high)
                return (int) n;
        kube_spec_wrong(s, "%s%s must be %d to %d, not %lld", path, name, low, high, (long long) n);
        return fallback;
}

static bool flag(struct kube_spec *s, const json_t *in, const char *path, const char *name, bool fallback)
{
        const json_t *v = json_object_get(in, name);

        if (!v || json_is_null(v))
                return fallback;
        if (!json_is_boolean(v))
                kube_spec_wrong(s, "%s%s must be true or false", path, name);
        return json_is_true(v);
}

static int64_t hold(struct kube_spec *s, const json_t *in, const char *path, const char *name, int64_t fallback)
{
        const char *text = kube_spec_text(s, in, path, name);
        int64_t ms;

        if (!text)
                return fallback;
        if (kube_spec_duration(text, &ms) < 0)
                kube_spec_wrong(s, "%s%s: \"%.40s\" is no duration of at most 7 days like 90s, 5m or 1h30m", path, name, text);
        else
                return ms;
        return fallback;
}

/* --- what is wanted --- */

static void read_ref(struct kube_spec *s, const json_t *spec)
{
        int version = kube_spec_int(s, spec, "spec.", "version", 1, INT32_MAX, 0);
        const char *alias = kube_spec_text(s, spec, "spec.", "alias"), *digest = kube_spec_text(s, spec, "spec.", "digest");
        bool said = json_is_integer(json_object_get(spec, "version"));
        struct err e;

        if (said + (alias != NULL) + (digest != NULL) != 1) {
                kube_spec_wrong(s, "exactly one of spec.version, spec.alias and spec.digest must be given");
                return;
        }
        if (alias && name_check("spec.alias:", alias, &e) < 0)
                kube_spec_wrong(s, "%s", e.msg);
        else if (digest && !digest_is_valid(digest))
                kube_spec_wrong(s, "spec.digest must be sha256: and 64 hexadecimal digits in lower case");
        else if (alias)
                s->ref = xasprintf("@%s", alias);
        else
                s->ref = digest ? xstrdup(digest) : xasprintf("%d", version);
}

static void read_name(struct kube_spec *s, const json_t *object)
{
        const char *name = kube_meta(object, "name");
        struct err e;

        if (strlen(name) > NAME_MAX)
                kube_spec_wrong(s,
                                "the name of a ModelRollout may have at most %d characters, since the names of its objects begin "
                                "with it",
                                NAME_MAX);
        else if (!kube_spec_is_label(name))
                kube_spec_wrong(s, "the name of a ModelRollout must be a DNS label: a-z, 0-9 and -, beginning with a letter");
        if (name_check("spec.model:", s->model, &e) < 0)
                kube_spec_wrong(s, "%s", e.msg);
        if (s->policy && name_check("spec.policy:", s->policy, &e) < 0)
                kube_spec_wrong(s, "%s", e.msg);
}

/* --- strategy --- */

static void read_step(struct kube_spec *s, const json_t *step, int i, struct policy_step *out)
{
        char path[64];
        const json_t *weight = json_object_get(step, "weight");
        double percent = json_number_value(weight), bp = round(percent * 100);

        (void) snprintf(path, sizeof path, "spec.strategy.canary.steps[%d].", i);
        if (!json_is_number(weight) || !(percent >= 0 && percent <= 100))
                kube_spec_wrong(s, "%sweight must be 0 to 100 (percent)", path);
        else if (fabs(percent * 100 - bp) > 1e-6)
                kube_spec_wrong(s, "%sweight: %g is finer than 0.01 percent", path, percent);
        else
                out->weight_bp = (int) bp;
        out->hold_ms = hold(s, step, path, "hold", 0);
        out->pause = flag(s, step, path, "pause", false);
        if (i > 0 && out->weight_bp <= out[-1].weight_bp)
                kube_spec_wrong(s, "%sweight must be above that of the step before it, which has %g", path,
                                out[-1].weight_bp / 100.0);
}

static void read_canary(struct kube_spec *s, const json_t *canary)
{
        const json_t *steps = kube_spec_member(s, canary, "spec.strategy.canary.", "steps", JSON_ARRAY, "a list");
        size_t n = json_array_size(steps);

        if (n < 1 || n > POLICY_STEPS_MAX) {
                kube_spec_wrong(s, "spec.strategy.canary.steps must be 1 to %d steps", POLICY_STEPS_MAX);
                return;
        }
        s->steps = xcalloc(n, sizeof *s->steps);
        s->n_steps = (int) n;
        for (int i = 0; i < s->n_steps; i++)
                read_step(s, json_array_get(steps, (size_t) i), i, &s->steps[i]);
        if (s->steps[n - 1].weight_bp != WEIGHT_ALL)
                kube_spec_wrong(s,
                                "spec.strategy.canary.steps: the last weight must be 100, so that the candidate is watched under "
                                "all traffic");
}

/* Preview without traffic, then all of it at once. */
static void read_blue_green(struct kube_spec *s, const json_t *bg)
{
        static const char path[] = "spec.strategy.blueGreen.";

        s->steps = xcalloc(2, sizeof *s->steps);
        s->n_steps = 2;
        s->steps[0] = (struct policy_step){ .weight_bp = 0,
                                            .hold_ms = hold(s, bg, path, "previewHold", PREVIEW_MS),
                                            .pause = !flag(s, bg, path, "autoSwitch", true) };
        s->steps[1] = (struct policy_step){ .weight_bp = WEIGHT_ALL, .hold_ms = hold(s, bg, path, "bake", BAKE_MS) };
}

static void read_strategy(struct kube_spec *s, const json_t *spec)
{
        const json_t *strategy = kube_spec_member(s, spec, "spec.", "strategy", JSON_OBJECT, "an object");
        const json_t *canary = kube_spec_member(s, strategy, "spec.strategy.", "canary", JSON_OBJECT, "an object");
        const json_t *bg = kube_spec_member(s, strategy, "spec.strategy.", "blueGreen", JSON_OBJECT, "an object");

        if (canary && bg)
                kube_spec_wrong(s, "spec.strategy: at most one of canary and blueGreen");
        else if (canary)
                read_canary(s, canary);
        else if (bg)
                read_blue_green(s, bg);
        if (s->invalid) { /* half of a strategy is none */
                free(TAKE(s->steps));
                s->n_steps = 0;
        }
}

/* --- capacity --- */

static void read_capacity(struct kube_spec *s, const json_t *spec)
{
        const json_t *scaling = kube_spec_member(s, spec, "spec.", "autoscaling", JSON_OBJECT, "an object");
        int most;

        s->surge_percent = kube_spec_int(s, spec, "spec.", "surge", 0, SURGE_MAX, 100);
        s->replicas = kube_spec_int(s, spec, "spec.", "replicas", 1, REPLICAS_MAX, 1);
        s->autoscaled = scaling;
        kube_scale_wish(spec, s->wish);
        if (!scaling)
                return;
        if (json_object_get(spec, "replicas"))
                kube_spec_wrong(s, "spec.replicas and spec.autoscaling exclude each other: the autoscaler says how many");
        s->replicas = kube_spec_int(s, scaling, "spec.autoscaling.", "minReplicas", 1, REPLICAS_MAX, 1);
        most = kube_spec_int(s, scaling, "spec.autoscaling.", "maxReplicas", 1, REPLICAS_MAX, 0);
        if (most == 0)
                kube_spec_wrong(s, "spec.autoscaling.maxReplicas must be given");
        else if (most < s->replicas)
                kube_spec_wrong(s, "spec.autoscaling.maxReplicas must not be below minReplicas");
}

/* --- the template --- */

static const json_t *scorer_of(const json_t *containers)
{
        const json_t *c;
        size_t i;

        json_array_foreach (containers, i, c) {
                const char *name = json_string_value(json_object_get(c, "name"));
                if (name && strcmp(name, "scorer") == 0)
                        return c;
        }
        return NULL;
}

static void read_template(struct kube_spec *s, const json_t *spec)
{
        const json_t *template = kube_spec_member(s, spec, "spec.", "template", JSON_OBJECT, "an object");
        const json_t *pod = json_object_get(template, "spec");
        const json_t *containers = kube_spec_member(s, pod, "spec.template.spec.", "containers", JSON_ARRAY, "a list");
        const json_t *scorer = scorer_of(containers);
        char digest[DIGEST_TEXT_LEN + 1];

        if (!template || json_array_size(containers) == 0)
                kube_spec_wrong(s, "spec.template.spec.containers must have the container that scores");
        else if (!scorer)
                kube_spec_wrong(s, "spec.template.spec.containers: one of them must be named scorer");
        else if (!kube_spec_text(s, scorer, "spec.template.spec.containers: scorer's ", "image"))
                kube_spec_wrong(s, "spec.template.spec.containers: scorer's image is missing");
        AUTO(str) text = template ? json_canonical(template) : xstrdup("");
        digest_of(text, strlen(text), digest);
        (void) snprintf(s->build, sizeof s->build, "%.16s", digest + strlen("sha256:"));
}

/* --- the mark --- */

static void read_mark(struct kube_spec *s, const json_t *object)
{
        const json_t *notes = json_object_get(json_object_get(object, "metadata"), "annotations");
        const char *at = json_string_value(json_object_get(notes, "sluice.dev/rollback-at"));
        const char *by = json_string_value(json_object_get(notes, "sluice.dev/rollback-by"));
        const char *to = json_string_value(json_object_get(notes, "sluice.dev/rollback-to"));
        const char *reason = json_string_value(json_object_get(notes, "sluice.dev/rollback-reason"));

        if (!at || !*at || strlen(at) >= sizeof((struct desire *) 0)->mark.id)
                return;
        if (to && *to && release_parse(to, &s->mark_to, NULL) < 0)
                s->mark_to = 0;
        s->mark_id = xstrdup(at);
        s->mark_by = xstrdup(by && strlen(by) <= NAME_MAX_LEN && json_is_utf8(by) ? by : "");
        s->mark_reason = reason && *reason && json_is_utf8(reason) ? xasprintf("%.*s", MARK_REASON_LEN, reason) : NULL;
}

/* --- all of it --- */

struct kube_spec *kube_spec_new(const json_t *object)
{
        struct kube_spec *s = xcalloc(1, sizeof *s);
        const json_t *spec = json_object_get(object, "spec");
        const char *model;

        s->generation = json_integer_value(json_object_get(json_object_get(object, "metadata"), "generation"));
        if (!json_is_object(spec))
                kube_spec_wrong(s, "spec must be an object");
        model = kube_spec_text(s, spec, "spec.", "model");
        s->model = xstrdup(model ? model : kube_meta(object, "name"));
        s->policy = copy(kube_spec_text(s, spec, "spec.", "policy"));
        read_name(s, object);
        read_ref(s, spec);
        read_strategy(s, spec);
        read_capacity(s, spec);
        s->paused = flag(s, spec, "spec.", "paused", false);
        kube_spec_read_route(s, object, spec);
        read_template(s, spec);
        read_mark(s, object);
        return s;
}

void kube_spec_free(struct kube_spec *s)
{
        if (!s)
                return;
        free(s->model);
        free(s->ref);
        free(s->policy);
        free(s->steps);
        free(s->route.name);
        free(s->route.rule);
        for (int i = 0; i < KUBE_SLOTS; i++)
                free(s->route.backends[i]);
        free(s->route.owned);
        free(s->mark_id);
        free(s->mark_by);
        free(s->mark_reason);
        free(s->invalid);
        free(s);
}

static void put(char *out, size_t size, const char *text)
{
        (void) snprintf(out, size, "%s", text ? text : "");
}

void kube_spec_desire(const struct kube_spec *s, const char *target, struct desire *out)
{
        *out = (struct desire){ .generation = s->generation,
                                .n_steps = s->n_steps,
                                .replicas = s->replicas,
                                .surge_percent = s->surge_percent,
                                .paused = s->paused,
                                .mark.to = s->mark_to };
        put(out->target, sizeof out->target, target);
        put(out->model, sizeof out->model, s->model);
        put(out->ref, sizeof out->ref, s->ref);
        put(out->build, sizeof out->build, s->build);
        put(out->policy, sizeof out->policy, s->policy);
        put(out->invalid, sizeof out->invalid, s->invalid);
        put(out->mark.id, sizeof out->mark.id, s->mark_id);
        put(out->mark.actor, sizeof out->mark.actor, s->mark_by);
        put(out->mark.reason, sizeof out->mark.reason, s->mark_reason);
        if (s->n_steps)
                memcpy(out->steps, s->steps, (size_t) s->n_steps * sizeof *s->steps);
}
