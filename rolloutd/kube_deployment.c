/* A release's Deployment: the user's template, completed. */
#include <stdio.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/mem.h"
#include "rolloutd/kube_configs.h"
#include "rolloutd/kube_objects.h"

#define CACHE_DIR "/var/cache/sluice"
#define CACHE_VOLUME "sluice-cache"

/* DRAIN_DELAY_S: until gateways have noticed; then scorer's own drain (30 s), and something to spare. */
enum { PROGRESS_DEADLINE_S = 600, DRAIN_DELAY_S = 10, GRACE_S = DRAIN_DELAY_S + 35 };

/* Made if absent, or null, which the API server takes for the same; `fresh` is taken over. */
static json_t *member(json_t *object, const char *name, json_t *fresh)
{
        const json_t *found = json_object_get(object, name);

        if (found && !json_is_null(found))
                json_decref(fresh);
        else
                (void) json_object_set_new(object, name, fresh);
        return json_object_get(object, name);
}

/* --- the scorer container --- */

static json_t *scorer_of(const json_t *spec)
{
        json_t *containers = json_object_get(spec, "containers"), *c;
        size_t i;

        json_array_foreach (containers, i, c) {
                const char *name = json_string_value(json_object_get(c, "name"));
                if (name && strcmp(name, "scorer") == 0)
                        return c;
        }
        return json_array_get(containers, 0);
}

static bool is_named(const json_t *object, const char *name)
{
        const char *text = json_string_value(json_object_get(object, "name"));

        return text && strcmp(text, name) == 0;
}

/* `entry` is taken over. What says which model is served is ours to say; the rest is the user's if he says it. */
static void set_env(json_t *container, bool ours, json_t *entry)
{
        json_t *env = member(container, "env", json_array()), *e;
        const char *name = json_string_value(json_object_get(entry, "name"));
        size_t i;

        json_array_foreach (env, i, e) {
                if (!is_named(e, name))
                        continue;
                if (ours)
                        (void) json_array_set(env, i, entry);
                json_decref(entry);
                return;
        }
        (void) json_array_append_new(env, entry);
}

static bool has_env(const json_t *container, const char *name)
{
        const json_t *e;
        size_t i;

        json_array_foreach (json_object_get(container, "env"), i, e)
                if (is_named(e, name))
                        return true;
        return false;
}

static json_t *env(const char *name, const char *value)
{
        return json_pack("{s:s, s:s}", "name", name, "value", value);
}

static void tell(json_t *scorer, const struct kube_plan *p, const struct kube_scorer *s)
{
        char version[24], listen[32], delay[16];

        (void) snprintf(version, sizeof version, "%lld", (long long) p->version);
        (void) snprintf(listen, sizeof listen, "0.0.0.0:%d", p->port);
        (void) snprintf(delay, sizeof delay, "%ds", DRAIN_DELAY_S);
        set_env(scorer, true, env("SLUICE_SCORER_MODEL", p->model));
        set_env(scorer, true, env("SLUICE_SCORER_VERSION", version));
        if (*p->digest && !has_env(scorer, "SLUICE_SCORER_MODEL_FILE")) /* a file has a digest of its own */
                set_env(scorer, true, env("SLUICE_SCORER_DIGEST", p->digest));
        set_env(scorer, true, env("SLUICE_SCORER_LISTEN", listen));
        set_env(scorer, false, env("SLUICE_SCORER_DRAIN_DELAY", delay));
        set_env(scorer, false, env("SLUICE_SCORER_CACHE_DIR", CACHE_DIR));
        if (s->registry_url)
                set_env(scorer, false, env("SLUICE_SCORER_REGISTRY", s->registry_url));
        if (s->registry_secret && !has_env(scorer, "SLUICE_SCORER_REGISTRY_TOKEN_FILE"))
                set_env(scorer, false,
                        json_pack("{s:s, s:{s:{s:s, s:s}}}", "name", "SLUICE_SCORER_REGISTRY_TOKEN", "valueFrom", "secretKeyRef",
                                  "name", s->registry_secret, "key", "token"));
}

/* Verified model files survive a restart of the container, so that it does not need the registry. */
static void give_cache(json_t *spec, json_t *scorer)
{
        json_t *volumes = member(spec, "volumes", json_array()), *mounts = member(scorer, "volumeMounts", json_array()), *m;
        size_t i;

        json_array_foreach (mounts, i, m) {
                const char *path = json_string_value(json_object_get(m, "mountPath"));
                if (path && strcmp(path, CACHE_DIR) == 0) /* the user has a place for it */
                        return;
        }
        (void) json_array_append_new(volumes, json_pack("{s:s, s:{}}", "name", CACHE_VOLUME, "emptyDir"));
        (void) json_array_append_new(mounts, json_pack("{s:s, s:s}", "name", CACHE_VOLUME, "mountPath", CACHE_DIR));
}

static json_t *probe(const char *path, int port, int period_s, int timeout_s, int failures)
{
        return json_pack("{s:{s:s, s:i}, s:i, s:i, s:i}", "httpGet", "path", path, "port", port, "periodSeconds", period_s,
                         "timeoutSeconds", timeout_s, "failureThreshold", failures);
}

static bool has_port(const json_t *container, int port)
{
        const json_t *p;
        size_t i;

        json_array_foreach (json_object_get(container, "ports"), i, p)
                if (json_integer_value(json_object_get(p, "containerPort")) == port)
                        return true;
        return false;
}

/* Alive at once, ready once the model is loaded and warm, however long that takes. */
static void complete_scorer(json_t *scorer, int port)
{
        (void) member(scorer, "startupProbe", probe("/v2/health/live", port, 2, 2, 30));
        (void) member(scorer, "livenessProbe", probe("/v2/health/live", port, 10, 5, 3));
        (void) member(scorer, "readinessProbe", probe("/v2/health/ready", port, 2, 2, 2));
        (void) member(scorer, "terminationMessagePolicy", json_string("FallbackToLogsOnError")); /* why it ended */
        if (!has_port(scorer, port))
                (void) json_array_append_new(member(scorer, "ports", json_array()), json_pack("{s:i}", "containerPort", port));
}

/* --- the pod --- */

/* Rather on different nodes and zones, but rather somewhere than nowhere. */
static void spread(json_t *spec, const json_t *selector)
{
        (void) member(spec, "affinity",
                      json_pack("{s:{s:[{s:i, s:{s:s, s:{s:O}}}]}}", "podAntiAffinity",
                                "preferredDuringSchedulingIgnoredDuringExecution", "weight", 100, "podAffinityTerm",
                                "topologyKey", "kubernetes.io/hostname", "labelSelector", "matchLabels", selector));
        (void) member(spec, "topologySpreadConstraints",
                      json_pack("[{s:i, s:s, s:s, s:{s:O}}]", "maxSkew", 1, "topologyKey", "topology.kubernetes.io/zone",
                                "whenUnsatisfiable", "ScheduleAnyway", "labelSelector", "matchLabels", selector));
}

static json_t *template_of(const struct kube_plan *p, const struct kube_scorer *s, const json_t *selector)
{
        json_t *template = json_deep_copy(p->template), *spec = json_object_get(template, "spec"), *scorer = scorer_of(spec);
        json_t *labels = member(member(template, "metadata", json_object()), "labels", json_object());

        kube_configs_rename(template, s->configs_prefix);
        (void) json_object_update(labels, (json_t *) selector);
        tell(scorer, p, s);
        give_cache(spec, scorer);
        complete_scorer(scorer, p->port);
        (void) member(spec, "terminationGracePeriodSeconds", json_integer(GRACE_S));
        spread(spec, selector);
        return template;
}

json_t *kube_deployment_object(const struct kube_plan *p, const struct kube_scorer *s, const json_t *selector, int replicas,
                               json_t *metadata)
{
        return json_pack("{s:s, s:s, s:o, s:{s:i, s:i, s:i, s:{s:s, s:{s:i, s:i}}, s:{s:O}, s:o}}", "apiVersion", "apps/v1",
                         "kind", "Deployment", "metadata", metadata, "spec", "replicas", replicas, "revisionHistoryLimit", 0,
                         "progressDeadlineSeconds", PROGRESS_DEADLINE_S, "strategy", "type", "RollingUpdate", "rollingUpdate",
                         "maxUnavailable", 0, "maxSurge", 1, "selector", "matchLabels", selector, "template",
                         template_of(p, s, selector));
}
