/* What rolloutd asks of registryd and tells it, asynchronously: which version a reference means, which tokens there are, what was
 * decided. */
#pragma once

#include "lib/http_client.h"
#include "lib/sha256.h"

struct registry;

struct registry *registry_new(struct http_loop *loop, const char *url, const char *token);
void registry_free(struct registry *r); /* before the loop; drops calls under way without an answer */

struct registry_version {
        int64_t number;
        char digest[DIGEST_TEXT_LEN + 1];
};

/* ref: a number or "@alias". NOT_FOUND, UNAVAILABLE, ... with a sentence. Exactly one of v and failure is non-NULL. */
void registry_resolve(struct registry *r, const char *model, const char *ref,
                      void (*done)(void *arg, const struct registry_version *v, const struct err *failure), void *arg);

typedef void (*registry_body_fn)(void *arg, const char *body, const struct err *failure);

/* The body of GET /v1/tokens. */
void registry_tokens(struct registry *r, registry_body_fn done, void *arg);

/* POST /v1/decisions with this body, which is taken over. */
void registry_decided(struct registry *r, char *body, registry_body_fn done, void *arg);
