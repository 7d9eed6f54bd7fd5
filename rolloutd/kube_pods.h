/* Why a release is not ready, in a sentence, and whether it can become so by itself. Pure. */
#pragma once

#include <stdbool.h>

#include <jansson.h>

struct kube_trouble {
        bool failed;       /* it will not come up by itself */
        int n_ready;       /* pods that are nevertheless */
        bool bad_image;    /* an image cannot be had: final only after a while, since registries come back */
        char message[256]; /* "": nothing to say */
};

/* From a Deployment: its conditions, and whether somebody has changed the template, which is never done here. */
void kube_deployment_trouble(const json_t *deployment, struct kube_trouble *out);
/* From a List of a release's pods. failed: none of them is ready and at least one never will be. */
void kube_pods_trouble(const json_t *list, struct kube_trouble *out);
