/*
 * The Kubernetes platform: a Deployment and a Service per release, weights on a Gateway API HTTPRoute, state in the status of a
 * ModelRollout (docs/decisions/0005-kubernetes-platform.md). Implements platform.h; one leader acts.
 */
#pragma once

#include <stdint.h>

#include "lib/err.h"
#include "rolloutd/platform.h"

struct kube_settings {
        const char *kubeconfig;      /* NULL: as kube_config_load() finds it */
        const char *context;         /* NULL: the current one */
        const char *namespace_;      /* ModelRollouts of this one only; NULL: all */
        const char *lease;           /* name of the Lease, in our own namespace */
        const char *identity;        /* of this process: the pod's uid; NULL: host and process id */
        const char *pod;             /* our own pod's name, to label the leader's; NULL: no label */
        const char *registry_url;    /* for scorers, as pods reach it */
        const char *registry_secret; /* name of a Secret with key "token", by which scorers fetch models; NULL: none */
        int64_t lease_ms;            /* 0: the defaults of lib/kube_lease.h */
};

/* What *s points to must outlive the platform. INVALID, NOT_FOUND: no usable kubeconfig. Connecting happens in run(). */
struct platform *kube_platform_new(const struct kube_settings *s, struct err *e);
