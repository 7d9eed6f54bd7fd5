/* Asking the registry for its tokens. */
#include "rolloutd/token_sync.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"

enum { PACE_MS = 500 };

struct token_sync {
        struct tokens *tokens;
        struct registry *registry;
        const struct settings *settings;
        int64_t at_ms, asked_ms;
        bool asking;
        struct err failure; /* warned of once, until it works again */
};

static void listed(void *arg, const char *body, const struct err *failure)
{
        struct token_sync *s = arg;
        struct err e = { 0 };

        s->asking = false;
        if (failure)
                e = *failure;
        else
                (void) tokens_update(s->tokens, body, &e);
        if (e.kind && !s->failure.kind)
                LOG_WARN("tokens cannot be copied from the registry; the known ones stay valid", "error", e.msg);
        else if (!e.kind && s->failure.kind)
                LOG_INFO("tokens are copied from the registry again");
        s->failure = e;
}

int64_t token_sync_run(struct token_sync *s, int64_t now_ms)
{
        if (s->asking)
                return -1;
        if (now_ms < s->at_ms)
                return s->at_ms - now_ms;
        s->asking = true;
        s->asked_ms = now_ms;
        s->at_ms = now_ms + s->settings->token_sync;
        registry_tokens(s->registry, listed, s);
        return -1;
}

void token_sync_soon(struct token_sync *s)
{
        /* At once, save that somebody guessing tokens must not make us ask more often than this. */
        int64_t now = clock_ms(), again = s->asked_ms + PACE_MS, soon = again > now ? again : now;

        if (soon < s->at_ms)
                s->at_ms = soon;
}

struct token_sync *token_sync_new(struct tokens *tokens, struct registry *registry, const struct settings *settings)
{
        struct token_sync *s = xcalloc(1, sizeof *s);

        *s = (struct token_sync){ .tokens = tokens, .registry = registry, .settings = settings };
        return s;
}

void token_sync_free(struct token_sync *s)
{
        free(s);
}
