/* What a target does or waits for, in a sentence. */
#include <stdio.h>
#include <string.h>

#include "lib/utf8.h"
#include "rolloutd/target_private.h"

static const char *pending_wait(const struct target *t)
{
        const struct rollout *r = &t->now;
        const struct version_status *c = target_status(t, r->candidate.version);

        if (t->deploy_failure)
                return t->deploy_failure->msg;
        if (!target_candidate_is_ready(t, c))
                return c && *c->message ? c->message : "starting";
        if (r->paused)
                return "ready; paused before the first step";
        if (r->verdict.at_ms && r->verdict.state == VERDICT_NO_EVIDENCE)
                return r->verdict.reason;
        return "ready; waiting until Prometheus scrapes it";
}

static void capacity_wait(const struct target *t, char *out, size_t size)
{
        const struct version_status *c = target_status(t, t->now.candidate.version);
        struct capacity plan;

        target_plan(t, &plan);
        snprintf(out, size, "waiting for capacity, %d of %d are ready%s%s", c ? c->ready : 0, plan.candidate,
                 c && *c->message ? ": " : "", c ? c->message : "");
}

/* Beyond what the policy calls long, how long it has been. */
static void no_evidence(const struct rollout *r, char *out, size_t size)
{
        if (r->starved_ms < r->policy->max_hold_ms)
                snprintf(out, size, "no evidence: %s", r->verdict.reason);
        else
                snprintf(out, size, "no evidence for %.3g minutes, and the policy says to hold: %s",
                         (double) r->starved_ms / 60000, r->verdict.reason);
}

static void canary_wait(const struct target *t, char *out, size_t size)
{
        const struct rollout *r = &t->now;
        int64_t left_ms = rollout_hold_left_ms(r);

        if (t->world_failure)
                snprintf(out, size, "%s", t->world_failure->msg);
        else if (t->world_known && !t->world.router_ok)
                snprintf(out, size, "waiting for the router: %s",
                         t->world.router_message ? t->world.router_message : "its weights are not known");
        else if (!target_capacity_stands(t))
                capacity_wait(t, out, size);
        else if (!r->stood)
                snprintf(out, size, "setting the weight");
        else if (r->paused)
                snprintf(out, size, "paused");
        else if (r->verdict.at_ms && r->verdict.state == VERDICT_NO_EVIDENCE)
                no_evidence(r, out, size);
        else if (left_ms > 0)
                snprintf(out, size, "holding %lld s more", (long long) (left_ms + 999) / 1000);
        else if (r->policy->steps[r->step].pause && r->verdict.state == VERDICT_HEALTHY)
                snprintf(out, size, "its gates have passed; it waits until somebody promotes it");
        else
                snprintf(out, size, "waiting for evidence");
}

static void compose(const struct target *t, char *out, size_t size)
{
        const struct rollout *r = &t->now;
        const struct release_text c = release_text(r->candidate.version), s = release_text(r->stable.version);
        const char *candidate = c.text, *stable = s.text;
        char wait[600];

        switch (r->phase) {
        case PHASE_IDLE:
                snprintf(out, size, "%s", *r->note ? r->note : "nothing has been rolled out yet");
                return;
        case PHASE_PENDING:
                snprintf(out, size, "version %s: %s", candidate, pending_wait(t));
                return;
        case PHASE_CANARY:
                canary_wait(t, wait, sizeof wait);
                snprintf(out, size, "step %d of %d, %g %% to version %s: %s", r->step + 1, r->policy->n_steps,
                         rollout_weight_bp(r) / 100.0, candidate, wait);
                return;
        case PHASE_PROMOTING:
                snprintf(out, size, "moving all traffic to version %s", candidate);
                if (t->world_known && !target_capacity_stands(t)) {
                        capacity_wait(t, wait, sizeof wait);
                        snprintf(out, size, "moving all traffic to version %s: %s", candidate, wait);
                }
                return;
        case PHASE_DONE:
                snprintf(out, size, "version %s has all the traffic", stable);
                return;
        case PHASE_ROLLING_BACK:
                snprintf(out, size, "moving all traffic to version %s: %s", stable, r->note);
                return;
        case PHASE_ROLLED_BACK:
                snprintf(out, size, "version %s has all the traffic: %s", stable, r->note);
                return;
        case PHASE_COUNT:
                break;
        }
        *out = '\0';
}

void target_message(const struct target *t, char *out, size_t size)
{
        struct desire_trouble stall;

        compose(t, out, size);
        if (target_stalled(t, &stall)) {
                size_t len = strlen(out);

                snprintf(out + len, size - len, "; %s", stall.message);
        }
        if (t->trouble) {
                size_t len = strlen(out);

                snprintf(out + len, size - len, "; what is declared cannot be followed: %s", t->trouble->message);
        }
        utf8_clean(out);
}
