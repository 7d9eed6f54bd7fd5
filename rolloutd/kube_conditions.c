/* What `kubectl wait` waits for. Each rule looks at the same facts and says true, false or unknown, and why. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/utf8.h"
#include "rolloutd/kube_status.h"
#include "rolloutd/target.h"

struct said { /* what a rule answers */
        enum kube_truth truth;
        char reason[64]; /* CamelCase */
        const char *message;
};

static const char *const names[KUBE_CONDITION_COUNT] = {
#define X(name) [KUBE_IS_##name] = #name,
        KUBE_CONDITIONS(X)
#undef X
};

static const char *const truths[] = { "", "False", "True", "Unknown" };

static struct said say(enum kube_truth truth, const char *reason, const char *message)
{
        struct said s = { .truth = truth, .message = message };

        (void) snprintf(s.reason, sizeof s.reason, "%s", reason);
        return s;
}

/* "ROLLING_BACK", "rolling-back", "error-rate" as RollingBack, ErrorRate. */
void kube_camel(const char *text, char *out, size_t size)
{
        bool upper = true;
        size_t n = 0;

        for (; *text && n + 1 < size; text++) {
                bool lower_case = *text >= 'a' && *text <= 'z', upper_case = *text >= 'A' && *text <= 'Z';
                bool digit = *text >= '0' && *text <= '9';

                if (lower_case || upper_case)
                        out[n++] = (char) (upper ? *text & ~0x20 : *text | 0x20);
                else if (digit && n)
                        out[n++] = *text;
                upper = !lower_case && !upper_case;
        }
        out[n] = '\0';
}

/* --- rules --- */

static struct said is_ready(const struct kube_status_input *in)
{
        const struct target *t = in->seen;
        const struct version_status *s = target_status(t, t->now.stable.version);

        if (!t->now.stable.version)
                return say(KUBE_FALSE, "NothingStable", "no release has had all the traffic yet");
        if (!t->world_known)
                return say(KUBE_UNKNOWN, "NotSeen", "the cluster is being looked at");
        if (!s || s->ready == 0)
                return say(KUBE_FALSE, "StableNotReady", "no pod of the stable release is ready");
        if (!t->world.router_ok)
                return say(KUBE_FALSE, "RouteNotUsable",
                           t->world.router_message ? t->world.router_message : "the route is not usable");
        if (!target_weights_stand(t))
                return say(KUBE_FALSE, "WeightsNotSet", "the route does not have the weights asked for yet");
        return say(KUBE_TRUE, "Serving", "the stable release serves and the weights stand");
}

static struct said is_progressing(const struct kube_status_input *in)
{
        enum phase phase = in->seen->now.phase;
        struct said s = say(KUBE_TRUE, "", "a rollout is under way");

        if (phase_is_at_rest(phase))
                s = say(KUBE_FALSE, "", "no rollout is under way");
        kube_camel(phase_name(phase), s.reason, sizeof s.reason);
        return s;
}

/* A step that ends by hand, and nothing else is missing. */
static bool waits_for_promotion(const struct target *t)
{
        const struct rollout *r = &t->now;
        bool by_hand = r->phase == PHASE_CANARY && r->step < r->policy->n_steps && r->policy->steps[r->step].pause;

        return by_hand && r->verdict.at_ms && r->verdict.state == VERDICT_HEALTHY && r->stood && rollout_hold_left_ms(r) == 0 &&
               target_weights_stand(t);
}

static struct said is_paused(const struct kube_status_input *in)
{
        const struct rollout *r = &in->seen->now;

        if (waits_for_promotion(in->seen))
                return say(KUBE_TRUE, "StepPassed", "the step has passed its gates and waits until somebody promotes");
        if (r->paused && phase_is_under_way(r->phase))
                return say(KUBE_TRUE, "Paused", "the rollout waits until it is resumed or promoted");
        return say(KUBE_FALSE, "NotPaused", "nothing is paused");
}

static struct said is_healthy(const struct kube_status_input *in)
{
        const struct verdict *v = &in->seen->now.verdict;
        struct said s;

        if (v->at_ms == 0)
                return say(KUBE_UNKNOWN, "NotJudged", "there is no verdict yet");
        if (v->state == VERDICT_HEALTHY)
                return say(KUBE_TRUE, "Healthy", v->reason);
        s = say(v->state == VERDICT_BREACH ? KUBE_FALSE : KUBE_UNKNOWN, "NoEvidence", v->reason);
        if (v->state == VERDICT_BREACH)
                kube_camel(v->gate, s.reason, sizeof s.reason);
        return s;
}

static struct said is_verified(const struct kube_status_input *in)
{
        const struct target *t = in->seen;

        if (!t->now.stable.version && !t->now.candidate.version)
                return say(KUBE_FALSE, "NoTraffic", "no release has traffic");
        if (!t->world_known)
                return say(KUBE_UNKNOWN, "NotSeen", "the cluster is being looked at");
        if (!t->world.router_ok)
                return say(KUBE_FALSE, "RouteNotAccepted",
                           t->world.router_message ? t->world.router_message : "the route is not usable");
        if (!target_weights_stand(t))
                return say(KUBE_FALSE, "WeightsNotSet", "the route does not have the weights asked for yet");
        if (t->now.phase == PHASE_CANARY && rollout_weight_bp(&t->now) && !t->split_matches)
                return say(KUBE_UNKNOWN, "SplitNotSeen", "the requests counted do not show the weights yet");
        return say(KUBE_TRUE, "Verified", "the route is accepted and its weights are those asked for");
}

static struct said is_rolled_back(const struct kube_status_input *in)
{
        const struct rollout *r = &in->seen->now;

        if (!in->followed)
                return say(KUBE_FALSE, "NotFollowedYet", "the spec has changed and is being looked at");
        if (r->phase == PHASE_ROLLED_BACK)
                return say(KUBE_TRUE, "RolledBack", *r->rejected ? r->rejected : r->note);
        return say(KUBE_FALSE, r->phase == PHASE_ROLLING_BACK ? "RollingBack" : "NotRolledBack",
                   "the release that is wanted was not rolled back");
}

static struct said is_complete(const struct kube_status_input *in)
{
        const struct rollout *r = &in->seen->now;

        if (!in->followed)
                return say(KUBE_FALSE, "NotFollowedYet", "the spec has changed and is being looked at");
        if (r->phase == PHASE_DONE)
                return say(KUBE_TRUE, "Complete", "the release that is wanted has all the traffic");
        return say(KUBE_FALSE, "NotComplete", "the release that is wanted does not have all the traffic");
}

/* The name that kstatus knows: Flux and others take True for a failure. */
static struct said is_stalled(const struct kube_status_input *in)
{
        return *in->stall->reason ? say(KUBE_TRUE, in->stall->reason, in->stall->message)
                                  : say(KUBE_FALSE, "NotStalled", "nothing keeps it from getting on");
}

static struct said is_accepted(const struct kube_status_input *in)
{
        if (*in->trouble->reason)
                return say(KUBE_FALSE, in->trouble->reason, in->trouble->message);
        if (!in->followed)
                return say(KUBE_UNKNOWN, "NotFollowedYet", "the spec has changed and is being looked at");
        return say(KUBE_TRUE, "Accepted", "the spec is understood, and what it names exists");
}

static struct said (*const rules[KUBE_CONDITION_COUNT])(const struct kube_status_input *in) = {
        [KUBE_IS_Ready] = is_ready,       [KUBE_IS_Progressing] = is_progressing,  [KUBE_IS_Paused] = is_paused,
        [KUBE_IS_Healthy] = is_healthy,   [KUBE_IS_TrafficVerified] = is_verified, [KUBE_IS_RolledBack] = is_rolled_back,
        [KUBE_IS_Complete] = is_complete, [KUBE_IS_Stalled] = is_stalled,          [KUBE_IS_SpecAccepted] = is_accepted,
};

/* --- as JSON --- */

/* Whatever a message holds, its condition is there: who waits for it would wait for ever. */
static json_t *condition_json(const char *type, const struct said *s, const char *since, int64_t generation)
{
        AUTO(str) message = xstrdup(*s->message ? s->message : s->reason);

        utf8_clean(message);
        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "type", type, "status", truths[s->truth], "reason",
                         *s->reason ? s->reason : "Unknown", "message", message, "lastTransitionTime", since,
                         "observedGeneration", (json_int_t) generation);
}

json_t *kube_conditions_json(const struct kube_status_input *in, struct kube_conditions *c)
{
        json_t *list = json_array();

        for (int i = 0; i < KUBE_CONDITION_COUNT; i++) {
                struct said s = rules[i](in);
                char since[RFC3339_MAX];

                if (c->truth[i] != s.truth) {
                        c->truth[i] = s.truth;
                        c->since_ms[i] = in->now_ms;
                }
                clock_rfc3339(c->since_ms[i], since);
                (void) json_array_append_new(list, condition_json(names[i], &s, since, in->generation));
        }
        return list;
}

static const char *member(const json_t *c, const char *key)
{
        const char *text = json_string_value(json_object_get(c, key));

        return text ? text : "";
}

json_t *kube_conditions_complaint(const json_t *status, const struct desire_trouble *trouble, int64_t generation, int64_t now_ms)
{
        const struct said told = say(KUBE_FALSE, trouble->reason, trouble->message);
        const char *type = names[KUBE_IS_SpecAccepted];
        json_t *list = json_array(), *c;
        char since[RFC3339_MAX];
        size_t i;

        clock_rfc3339(now_ms, since);
        json_array_foreach (json_object_get(status, "conditions"), i, c) {
                if (strcmp(member(c, "type"), type) != 0)
                        (void) json_array_append(list, c);
                else if (strcmp(member(c, "status"), truths[KUBE_FALSE]) == 0)
                        (void) snprintf(since, sizeof since, "%s", member(c, "lastTransitionTime"));
        }
        (void) json_array_append_new(list, condition_json(type, &told, since, generation));
        return list;
}

static int index_of(const char *const *list, int n, const json_t *text)
{
        for (int i = 0; i < n; i++)
                if (json_is_string(text) && strcmp(list[i], json_string_value(text)) == 0)
                        return i;
        return -1;
}

void kube_conditions_read(const json_t *status, struct kube_conditions *out)
{
        const json_t *c;
        size_t i;

        *out = (struct kube_conditions){ 0 };
        json_array_foreach (json_object_get(status, "conditions"), i, c) {
                int which = index_of(names, KUBE_CONDITION_COUNT, json_object_get(c, "type"));
                int truth = index_of(truths, KUBE_UNKNOWN + 1, json_object_get(c, "status"));
                const char *since = json_string_value(json_object_get(c, "lastTransitionTime"));

                if (which >= 0 && truth > 0 && since && clock_rfc3339_any(since, &out->since_ms[which]) == 0)
                        out->truth[which] = (enum kube_truth) truth;
        }
}
