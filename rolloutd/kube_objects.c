/* Service, PodDisruptionBudget and HorizontalPodAutoscaler of a release. */
#include "rolloutd/kube_objects.h"

#include "lib/auto.h"
#include "lib/mem.h"
#include "lib/release.h"
#include "rolloutd/kube_private.h"

json_t *kube_selector(const char *rollout, int64_t release)
{
        return json_pack("{s:s, s:s}", KUBE_LABEL_ROLLOUT, rollout, KUBE_LABEL_RELEASE, release_text(release).text);
}

json_t *kube_service_object(int port, const json_t *selector, json_t *metadata)
{
        return json_pack("{s:s, s:s, s:o, s:{s:O, s:[{s:s, s:s, s:i, s:i}]}}", "apiVersion", "v1", "kind", "Service", "metadata",
                         metadata, "spec", "selector", selector, "ports", "name", "http", "protocol", "TCP", "port", port,
                         "targetPort", port);
}

json_t *kube_budget_object(const struct kube_resource *kind, const json_t *max_unavailable, const json_t *selector,
                           json_t *metadata)
{
        AUTO(str) api = xasprintf("%s/%s", kind->group, kind->version);
        AUTO(json) quarter = json_string("25%");

        return json_pack("{s:s, s:s, s:o, s:{s:O, s:{s:O}}}", "apiVersion", api, "kind", "PodDisruptionBudget", "metadata",
                         metadata, "spec", "maxUnavailable", max_unavailable ? max_unavailable : quarter, "selector",
                         "matchLabels", selector);
}

/* v2 and v2beta2 have the same form (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2). */
json_t *kube_autoscaler_object(const struct kube_resource *kind, const json_t *autoscaling, const char *deployment, int floor,
                               json_t *metadata)
{
        AUTO(str) api = xasprintf("%s/%s", kind->group, kind->version);
        json_int_t least = floor > 0 ? floor : 1, most = json_integer_value(json_object_get(autoscaling, "maxReplicas"));

        return json_pack("{s:s, s:s, s:o, s:{s:{s:s, s:s, s:s}, s:I, s:I, s:O*, s:O*}}", "apiVersion", api, "kind",
                         "HorizontalPodAutoscaler", "metadata", metadata, "spec", "scaleTargetRef", "apiVersion", "apps/v1",
                         "kind", "Deployment", "name", deployment, "minReplicas", least, "maxReplicas",
                         most > least ? most : least, "metrics", json_object_get(autoscaling, "metrics"), "behavior",
                         json_object_get(autoscaling, "behavior"));
}
