/* What rolloutd asks of registryd, asynchronously: which version a reference means, and which tokens there are. */
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

/* The body of GET /v1/tokens. */
void registry_tokens(struct registry *r, void (*done)(void *arg, const char *body, const struct err *failure), void *arg);
