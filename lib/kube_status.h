/* What an API server's failures mean: Status objects (meta/v1) as errors with a reason that callers branch on. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/err.h"
#include "lib/http_client.h"

enum kube_reason {
        KUBE_NO_ANSWER,   /* no connection, no answer in time, or one that makes no sense */
        KUBE_EXISTS,      /* 409 to a create */
        KUBE_CONFLICT,    /* 409: another resourceVersion, another uid, or fields that another manager owns */
        KUBE_TEST_FAILED, /* a JSON Patch whose "test" does not hold, or whose paths are not there: like a conflict */
        KUBE_GONE,        /* 410: list again */
        KUBE_NOT_FOUND,
        KUBE_INVALID, /* 400, 415, 422: will never work */
        KUBE_UNAUTHORIZED,
        KUBE_FORBIDDEN,
        KUBE_THROTTLED, /* 429 */
        KUBE_TROUBLE,   /* 5xx: try again */
};

struct kube_failure {
        struct err err; /* CONFLICT for EXISTS, CONFLICT, TEST_FAILED and GONE: what was read is no longer so */
        enum kube_reason reason;
        int status;             /* HTTP; 0 without an answer */
        int64_t retry_after_ms; /* -1: not said */
};

/* From an answer of 400 and above. `what` says what we were trying to do. */
void kube_failure_from_answer(const char *what, const struct http_response *r, struct kube_failure *out);
/* From a Status document, as it also comes inside a watch; `status` counts if the document has no code. */
void kube_failure_from_status(const char *what, const json_t *doc, int status, struct kube_failure *out);
/* There was no answer at all. */
void kube_failure_from_err(const struct err *e, struct kube_failure *out);
const char *kube_reason_name(enum kube_reason r);
