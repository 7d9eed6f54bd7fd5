/*
 * The ConfigMaps and Secrets that a pod template names, wherever Kubernetes lets it name them: env, envFrom, volumes and projected
 * volumes of all containers. A release has copies of its own, so that what it was judged with stays what it runs with. Pure.
 *
 * Image pull secrets and what CSI drivers are told are not copied: they are credentials, not configuration.
 */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "lib/err.h"

enum { KUBE_CONFIGS_MAX = 32 };

struct kube_config_ref {
        const char *name; /* borrowed from the template */
        bool secret;      /* else a ConfigMap */
        bool optional;    /* every reference says so */
};

struct kube_configs {
        struct kube_config_ref refs[KUBE_CONFIGS_MAX];
        int n;
};

/* Each one once. INVALID when there are more than KUBE_CONFIGS_MAX. */
int kube_configs_find(const json_t *template, struct kube_configs *out, struct err *e);
/* Make the template name PREFIX-NAME instead of NAME, everywhere. */
void kube_configs_rename(json_t *template, const char *prefix);
/* The immutable copy to create; `metadata` is taken over, the caller owns the copy. INVALID for what makes no sense elsewhere. */
int kube_configs_copy(const json_t *source, bool secret, json_t *metadata, json_t **out, struct err *e);
