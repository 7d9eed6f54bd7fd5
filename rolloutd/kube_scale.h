/*
 * What size a release was last given, kept on its Deployment, so that neither a restart nor a new leader has to ask for it again:
 *
 *      sluice.dev/scale: 4/0c1f9a22    floor of its autoscaler / fingerprint of how its owner wanted it scaled then
 *      sluice.dev/scale: -/0c1f9a22    no autoscaler: the Deployment's replicas are it
 */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#define KUBE_ANNOTATION_SCALE "sluice.dev/scale"

enum { KUBE_SCALE_TEXT_MAX = 24, KUBE_WISH_LEN = 8 };

/* Of spec.autoscaling and spec.maxUnavailable, which apply to releases that run, unlike the template. */
void kube_scale_wish(const json_t *spec, char out[static KUBE_WISH_LEN + 1]);

void kube_scale_text(bool autoscaled, int floor, const char *wish, char out[static KUBE_SCALE_TEXT_MAX]);
/* Its floor, or its replicas; -1 when the Deployment does not say, or says it of another wish. */
int kube_scale_floor(const json_t *deployment, const char *wish);
