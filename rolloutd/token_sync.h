/* Keeps the copy of the registry's tokens up to date: now and then, and soon after a token that is not known. */
#pragma once

#include "rolloutd/registry.h"
#include "rolloutd/settings.h"
#include "rolloutd/tokens.h"

struct token_sync;

/* All three must outlive it, the registry's answers included: free it after the registry. */
struct token_sync *token_sync_new(struct tokens *tokens, struct registry *registry, const struct settings *settings);
void token_sync_free(struct token_sync *s);

/* Ask when it is time to. Milliseconds until then; -1: not before an answer. */
int64_t token_sync_run(struct token_sync *s, int64_t now_ms);
void token_sync_soon(struct token_sync *s);
