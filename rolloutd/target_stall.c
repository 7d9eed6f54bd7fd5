/* What keeps a target from getting on, although nothing is wrong with what is asked of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/utf8.h"
#include "rolloutd/target_private.h"

void target_denied(struct target *t, const char *operation, const struct err *failure)
{
        if (!t->denied)
                t->denied = xcalloc(1, sizeof *t->denied);
        t->denied->operation = operation;
        t->denied->why = *failure;
        t->news = true;
}

void target_allowed(struct target *t, const char *operation)
{
        if (!t->denied || (operation && strcmp(operation, t->denied->operation) != 0))
                return;
        free(t->denied);
        t->denied = NULL;
        t->news = true;
}

bool target_is_short(const struct target *t)
{
        const struct rollout *r = &t->now;

        return (r->phase == PHASE_CANARY || r->phase == PHASE_PROMOTING) && t->world_known && !target_capacity_stands(t);
}

void target_count_short(struct target *t, int64_t passed_ms)
{
        struct rollout *r = &t->now;
        int64_t before_ms = r->starting_ms, deadline_ms = r->policy->start_deadline_ms;

        if (t->world_known)
                r->starting_ms = target_is_short(t) ? r->starting_ms + passed_ms : 0;
        if ((before_ms >= deadline_ms) != (r->starting_ms >= deadline_ms))
                t->news = true;
}

bool target_stalled(const struct target *t, struct desire_trouble *out)
{
        const struct rollout *r = &t->now;

        *out = (struct desire_trouble){ .reason = "" };
        if (t->denied) {
                snprintf(out->reason, sizeof out->reason, "Forbidden");
                snprintf(out->message, sizeof out->message, "rolloutd lacks a right; it goes on when it has it: %.190s",
                         t->denied->why.msg);
        } else if (target_is_short(t) && r->starting_ms >= r->policy->start_deadline_ms) {
                const struct version_status *c = target_status(t, r->candidate.version);

                snprintf(out->reason, sizeof out->reason, "CapacityOverdue");
                snprintf(out->message, sizeof out->message,
                         "version %s has lacked ready pods for its weight for longer than start_deadline, and the step "
                         "holds%s%.120s",
                         release_text(r->candidate.version).text, c && *c->message ? ": " : "", c ? c->message : "");
        }
        utf8_clean(out->message);
        return *out->reason;
}
