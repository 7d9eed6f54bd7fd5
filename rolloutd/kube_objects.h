/*
 * The objects of a release as JSON, ready to be created. Pure. `metadata` is kube_metadata()'s and taken over; `kind` says which version of
 * the kind the server has; callers own what they get.
 */
#pragma once

#include "lib/kube_client.h"
#include "rolloutd/kube_plan.h"

/* What scorers are told besides their model. */
struct kube_scorer {
        const char *registry_url;
        const char *registry_secret; /* key "token"; NULL: none */
        const char *configs_prefix;  /* of the copied ConfigMaps and Secrets: the template is made to name those */
};

/* {"sluice.dev/rollout": rollout, "sluice.dev/release": "7.1"}: the labels of the release's pods. */
json_t *kube_selector(const char *rollout, int64_t release);

/*
 * One ReplicaSet for ever: nothing here ever changes the template. The container called scorer, else the first, is told what to serve;
 * probes, grace, spreading over nodes and zones are filled in where the template says nothing.
 */
json_t *kube_deployment_object(const struct kube_plan *p, const struct kube_scorer *s, const json_t *selector, int replicas,
                               json_t *metadata);
json_t *kube_service_object(int port, const json_t *selector, json_t *metadata);
json_t *kube_budget_object(const struct kube_resource *kind, const json_t *max_unavailable, const json_t *selector,
                           json_t *metadata);
/* `deployment` is the name of what it scales; floor: its minReplicas. */
json_t *kube_autoscaler_object(const struct kube_resource *kind, const json_t *autoscaling, const char *deployment, int floor,
                               json_t *metadata);
