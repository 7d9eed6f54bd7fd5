/*
 * What a release is made from, as it was when the release began: the data of its ControllerRevision, from which everything of it can be
 * made again. Pure.
 *
 *      {"version":7,"model":"fraud-score","digest":"sha256:...","port":8000,"template":{...},"autoscaling":{...},"maxUnavailable":"25%"}
 */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "lib/err.h"
#include "rolloutd/kube_spec.h"

struct kube_plan { /* borrowed from the data */
        int64_t version;
        const char *model, *digest; /* digest: "" when it was not known */
        int port;
        json_t *template;
        json_t *autoscaling, *max_unavailable; /* NULL: none, 25 % */
};

/* The data for a new release of this ModelRollout, whose spec has been read into *s and is valid. Caller owns it. */
json_t *kube_plan_data(const json_t *rollout, const struct kube_spec *s, int64_t version, const char *digest);
/* INVALID when the data is not like that, or its template has no container. */
int kube_plan_read(json_t *data, struct kube_plan *out, struct err *e);
