/* `ctl rollout` and `ctl rollback`: one request each. */
#include <inttypes.h>
#include <string.h>

#include "ctl/cells.h"
#include "ctl/handlers.h"
#include "ctl/rollout_view.h"
#include "ctl/text.h"
#include "ctl/watch.h"
#include "lib/clock.h"
#include "lib/mem.h"

/* POST /v1/rollouts/TARGET/VERB. Takes over `body`. Never sent twice: the second one might mean something else. */
static int post(struct ctl *c, const struct call *call, const char *verb, json_t *body, struct answer *out, struct err *e)
{
        AUTO(json) own = body;
        AUTO(str) path = xasprintf("/v1/rollouts/%s%s%s", call->args[0], *verb ? "/" : "", verb);
        const struct client_request rq = {
                .server = SERVER_ROLLOUT,
                .method = "POST",
                .path = path,
                .body = own,
                .what = call->cmd->words,
        };

        return client_call(c, &rq, out, e);
}

/* A target as the answer calls it: `asked` may be its NAME alone. */
static const char *called(const json_t *rollout, const char *asked)
{
        const char *target = json_str(rollout, "target");

        return target ? target : asked;
}

static void print_rollout(const struct ctl *c, const struct answer *a, const char *asked)
{
        const char *target = called(a->doc, asked);
        AUTO_STRBUF line;

        strbuf_init(&line, 8192);
        view_line(a->doc, &line);
        if (c->output == OUTPUT_JSON)
                output_json(c, a->text);
        else if (c->output == OUTPUT_NAME)
                output_line("%s", target);
        else
                output_line("%s: %s", target, strbuf_str(&line));
}

/* A rollout begins; with --watch, follow it. */
static int begin(struct ctl *c, const struct call *call, const char *verb, json_t *body, struct err *e)
{
        AUTO_ANSWER answer = { 0 };

        if (!body)
                return err_set(e, ERR_INVALID, "--reason is no UTF-8");
        if (post(c, call, verb, body, &answer, e))
                return -1;
        if (call_has(call, "watch"))
                return watch_rollout(c, call->args[0], answer.doc, e);
        print_rollout(c, &answer, call->args[0]);
        return 0;
}

int rollout_start(struct ctl *c, const struct call *call, struct err *e)
{
        const char *ref = call->args[1];
        json_t *version = *ref == '@' ? json_string(ref) : json_integer(atoll(ref));
        json_t *body = json_pack("{s:o, s:s*, s:s*}", "version", version, "policy", call_flag(call, "policy"), "reason",
                                 call_flag(call, "reason"));

        return begin(c, call, "", body, e);
}

static int steer(struct ctl *c, const struct call *call, const char *verb, json_t *body, struct err *e)
{
        AUTO_ANSWER answer = { 0 };

        if (!body)
                return err_set(e, ERR_INVALID, "--reason is no UTF-8");
        if (post(c, call, verb, body, &answer, e))
                return -1;
        print_rollout(c, &answer, call->args[0]);
        return 0;
}

static json_t *reason_only(const struct call *call)
{
        return json_pack("{s:s*}", "reason", call_flag(call, "reason"));
}

int rollout_pause(struct ctl *c, const struct call *call, struct err *e)
{
        return steer(c, call, "pause", reason_only(call), e);
}

int rollout_resume(struct ctl *c, const struct call *call, struct err *e)
{
        return steer(c, call, "resume", reason_only(call), e);
}

int rollout_abort(struct ctl *c, const struct call *call, struct err *e)
{
        return steer(c, call, "abort", reason_only(call), e);
}

int rollout_retry(struct ctl *c, const struct call *call, struct err *e)
{
        return begin(c, call, "retry", reason_only(call), e);
}

int rollout_promote(struct ctl *c, const struct call *call, struct err *e)
{
        json_t *body = reason_only(call);

        if (body && call_has(call, "full"))
                (void) json_object_set_new(body, "full", json_true());
        return steer(c, call, "promote", body, e);
}

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
static void print_rollback(const char *target, const json_t *rollout, int64_t took_ms)
{
        const struct release_name stable = view_release(rollout, "stable_release", "stable"), left = left_release(rollout);
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

int rollback_run(struct ctl *c, const struct call *call, struct err *e)
{
        json_t *body = reason_only(call);
        AUTO_ANSWER answer = { 0 };
        int64_t begun_ms = clock_ms();

        if (!body)
                return err_set(e, ERR_INVALID, "--reason is no UTF-8");
        if (call_has(call, "to"))
                (void) json_object_set_new(body, "to", release_json(call_flag(call, "to")));
        if (post(c, call, "rollback", body, &answer, e))
                return -1;
        if (c->output == OUTPUT_JSON)
                output_json(c, answer.text);
        else if (c->output == OUTPUT_NAME)
                output_line("%s", view_stable(answer.doc));
        else
                print_rollback(called(answer.doc, call->args[0]), answer.doc, clock_ms() - begun_ms);
        return 0;
}

int rollout_watch(struct ctl *c, const struct call *call, struct err *e)
{
        return watch_rollout(c, call->args[0], NULL, e);
}
