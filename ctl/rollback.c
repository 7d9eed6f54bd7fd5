/* `ctl rollback`: by rolloutd, or without it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cells.h"
#include "ctl/direct.h"
#include "ctl/handlers.h"
#include "ctl/rollout_view.h"
#include "ctl/text.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/kube_config.h"
#include "lib/mem.h"

enum { PATIENCE_MS = 1000 }; /* with rolloutd, if there is another way */

/* --- by rolloutd --- */

/* The release that was left: the candidate, or at rest the newest in the window that a rollback went away from. */
static struct release_name left_release(const json_t *rollout)
{
        const json_t *newest = json_array_get(json_object_get(rollout, "window"), 0);
        const struct release_name candidate = view_release(rollout, "candidate_release", "candidate");

        if (*candidate.text || !json_is_true(json_object_get(newest, "left")))
                return candidate;
        return view_release(newest, "release", "version");
}

/* The answer holds the weights as they stand now. */
static void print_rollback(const char *asked_for, const json_t *rollout, int64_t took_ms)
{
        const struct release_name stable = view_release(rollout, "stable_release", "stable"), left = left_release(rollout);
        const char *named = json_str(rollout, "target"), *target = named ? named : asked_for;
        double seen = json_dbl(rollout, "weight_observed", -1);
        char asked[TEXT_MAX], observed[TEXT_MAX];

        text_percent(json_dbl(rollout, "weight_asked", -1), asked);
        text_percent(seen, observed);
        output_line("%s: all traffic is on version %s again, after %" PRId64 " ms", target, stable.text, took_ms);
        if (*left.text && strcmp(left.text, stable.text) != 0)
                output_line("%s: version %s has %s%s%s", target, left.text, asked, seen >= 0 ? ", was last seen with " : "",
                            seen >= 0 ? observed : "");
}

/* A number as a number, so that a rolloutd that knows no releases understands it. */
static json_t *release_json(const char *text)
{
        return strchr(text, '.') ? json_string(text) : json_integer(atoll(text));
}

static json_t *body_of(const struct call *call)
{
        json_t *body = json_pack("{s:s*}", "reason", call_flag(call, "reason"));

        if (body && call_has(call, "to"))
                (void) json_object_set_new(body, "to", release_json(call_flag(call, "to")));
        return body;
}

/* key: should we go to the cluster next, rolloutd knows the mark for the same rollback, and whichever it hears of last does nothing. */
static int ask(struct ctl *c, const struct call *call, const char *key, int64_t timeout_ms, struct err *e)
{
        AUTO(json) body = body_of(call);
        AUTO(str) path = xasprintf("/v1/rollouts/%s/rollback", call->args[0]);
        AUTO(str) header = xasprintf("Idempotency-Key: %s", key);
        const struct client_request rq = { .server = SERVER_ROLLOUT,
                                           .method = "POST",
                                           .path = path,
                                           .body = body,
                                           .header = header,
                                           .what = "rollback",
                                           .once = true };
        int64_t begun_ms = clock_ms(), patience_ms = c->set.timeout;
        AUTO_ANSWER answer = { 0 };

        if (!body)
                return err_set(e, ERR_INVALID, "--reason is no UTF-8");
        c->set.timeout = timeout_ms < patience_ms ? timeout_ms : patience_ms;
        int failed = client_call(c, &rq, &answer, e);
        c->set.timeout = patience_ms;
        if (failed)
                return -1;
        if (c->output == OUTPUT_JSON)
                output_json(c, answer.text);
        else if (c->output == OUTPUT_NAME)
                output_line("%s", view_stable(answer.doc));
        else
                print_rollback(call->args[0], answer.doc, clock_ms() - begun_ms);
        return 0;
}

/* --- without it --- */

/* No answer, or one that says that rolloutd cannot. A refusal stands. */
static bool is_away(const struct err *why)
{
        return why->kind == ERR_UNAVAILABLE || why->kind == ERR_TIMEOUT || why->kind == ERR_INTERNAL;
}

static int go_direct(struct ctl *c, const struct call *call, struct kube_config *config, const char *key, bool maybe_done,
                     struct err *e)
{
        const struct direct_request rq = { .target = call->args[0],
                                           .at = key,
                                           .to = call_flag(call, "to"),
                                           .namespace_ = call_flag(call, "namespace"),
                                           .kubeconfig = call_flag(call, "kubeconfig"),
                                           .context = call_flag(call, "context"),
                                           .reason = call_flag(call, "reason"),
                                           .dry_run = call_has(call, "dry-run"),
                                           .maybe_done = maybe_done };

        if (rq.reason && !json_is_utf8(rq.reason)) {
                kube_config_done(config);
                return err_set(e, ERR_INVALID, "--reason is no UTF-8");
        }
        struct kube *k = kube_new(config);
        c->hint[0] = '\0';
        int r = direct_rollback(c, k, &rq, e);
        kube_free(k);
        return r;
}

int rollback_run(struct ctl *c, const struct call *call, struct err *e)
{
        const struct kube_config_options o = { .path = call_flag(call, "kubeconfig"), .context = call_flag(call, "context") };
        struct kube_config config = { 0 };
        struct err away = { 0 }, none = { 0 };
        char now[RFC3339_MAX];

        clock_rfc3339(clock_wall_ms(), now);
        bool can = kube_config_load(&o, &config, &none) == 0;

        if (call_has(call, "direct") || call_has(call, "dry-run"))
                return can ? go_direct(c, call, &config, now, false, e) : err_set(e, none.kind, "%s", none.msg);
        int r = ask(c, call, now, can ? PATIENCE_MS : c->set.timeout, &away);
        if (r == 0 || !can || !is_away(&away)) {
                kube_config_done(&config);
                return r ? err_set(e, away.kind, "%s", away.msg) : 0;
        }
        ctl_note(c, "%s; going straight to the cluster%s%s", away.msg, *config.context ? ", context " : "", config.context);
        /* Refused connections are the one case in which it certainly has not heard. */
        return go_direct(c, call, &config, now, away.kind == ERR_TIMEOUT || !strstr(away.msg, "refused"), e);
}
