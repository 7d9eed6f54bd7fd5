/* Between kube_workload.c and the two things that it does: deploying (kube_deploy.c) and retiring (kube_retire.c) a release. */
#pragma once

#include "rolloutd/kube_configs.h"
#include "rolloutd/kube_make.h"
#include "rolloutd/kube_plan.h"

struct kube_work;

/* One after the other; each is one object. */
struct kube_stage {
        size_t kind; /* offset into struct kube_kinds */
        bool each;   /* once for each ConfigMap and Secret of the template, all such stages in turn; `kind` does not count */
        bool foreign;
        char *(*name)(const struct kube_work *w); /* caller frees; NULL: NAME-v7-1 */
        bool (*skip)(const struct kube_work *w);  /* NULL: never */
        int (*decide)(void *work, json_t *found, json_t **body, struct err *e);
        void (*is)(void *work, const json_t *object);
};

struct kube_work {
        struct kube_work *prev, *next;    /* in its platform's list: those that have not begun */
        struct kube_work *before, *after; /* in its target's: those that have not ended */
        struct kube_platform *k;
        struct kube_target *t;
        int64_t version;
        struct deployment d;
        const struct kube_stage *stages;
        int n_stages, at;
        bool started;
        struct kube_making *making;
        platform_done_fn done;
        void *arg;
        char name[KUBE_OBJECT_NAME_MAX + 1]; /* NAME-v7-1 */
        /* What has been read so far. */
        json_t *rollout;
        json_t *data; /* of the ControllerRevision */
        struct kube_plan plan;
        struct kube_configs configs;
        int config; /* the one whose turn it is */
        json_t *source;
        bool deployed, copied;
};

extern const struct kube_stage kube_deploy_stages[], kube_retire_stages[], kube_unpreview_stages[];
extern const int kube_deploy_n_stages, kube_retire_n_stages, kube_unpreview_n_stages;

/* Names of objects; the caller frees them. */
char *kube_work_source(const struct kube_work *w);  /* the ConfigMap or Secret whose turn it is */
char *kube_work_copy(const struct kube_work *w);    /* the release's copy of it */
char *kube_work_preview(const struct kube_work *w); /* NAME-preview */

/* The release's ControllerRevision data has been read: take it in. INVALID if it makes no sense. */
int kube_work_adopt(struct kube_work *w, json_t *data, struct err *e);
/* Does this Service select the work's release? */
bool kube_work_selects(const struct kube_work *w, const json_t *service);
