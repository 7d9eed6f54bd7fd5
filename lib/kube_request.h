/* A kube_call as method, path, content type and body text. Private to lib/kube_*.c. */
#pragma once

#include "lib/kube_client.h"

struct kube_request {
        const char *method, *content_type; /* static */
        char *path;                        /* with the query */
        char *body;                        /* NULL: none */
        char *what;                        /* for errors: "GET services ns/name" */
};

/* INVALID for names that no Kubernetes object can have. */
int kube_request_init(struct kube_request *rq, const struct kube_call *c, struct err *e);
void kube_request_done(struct kube_request *rq);
