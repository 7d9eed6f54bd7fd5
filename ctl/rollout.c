/* `ctl rollout` and `ctl rollback`: one request each. */
#include <inttypes.h>

#include "ctl/cells.h"
#include "ctl/handlers.h"
#include "ctl/rollout_view.h"
#include "ctl/text.h"
#include "ctl/watch.h"
#include "lib/clock.h"
#include "lib/mem.h"

/* POST /v1/rollouts/MODEL/VERB. Takes over `body`. Never sent twice: the second one might mean something else. */
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

static void print_rollout(const struct ctl *c, const struct answer *a, const char *model)
{
        AUTO_STRBUF line;

        strbuf_init(&line, 8192);
        view_line(a->doc, &line);
        if (c->output == OUTPUT_JSON)
                output_json(c, a->text);
        else if (c->output == OUTPUT_NAME)
                output_line("%s", model);
        else
                output_line("%s: %s", model, strbuf_str(&line));
}

int rollout_start(struct ctl *c, const struct call *call, struct err *e)
{
        const char *ref = call->args[1];
        json_t *version = *ref == '@' ? json_string(ref) : json_integer(atoll(ref));
        json_t *body = json_pack("{s:o, s:s*, s:s*}", "version", version, "policy", call_flag(call, "policy"), "reason",
                                 call_flag(call, "reason"));
        AUTO_ANSWER answer = { 0 };

        if (!body)
                return err_set(e, ERR_INVALID, "--reason is no UTF-8");
        if (post(c, call, "", body, &answer, e))
                return -1;
        if (call_has(call, "watch"))
                return watch_rollout(c, call->args[0], answer.doc, e);
        print_rollout(c, &answer, call->args[0]);
        return 0;
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

int rollout_promote(struct ctl *c, const struct call *call, struct err *e)
{
        json_t *body = reason_only(call);

        if (body && call_has(call, "full"))
                (void) json_object_set_new(body, "full", json_true());
        return steer(c, call, "promote", body, e);
}

/* The version that was left: the candidate, or at rest the newest in the window that a rollback went away from. */
static int64_t left_version(const json_t *rollout)
{
        const json_t *newest = json_array_get(json_object_get(rollout, "window"), 0);
        int64_t candidate = json_num(rollout, "candidate", 0);

        return candidate || !json_is_true(json_object_get(newest, "left")) ? candidate : json_num(newest, "version", 0);
}

/* The answer holds the weights as they stand now. */
static void print_rollback(const char *model, const json_t *rollout, int64_t took_ms)
{
        int64_t stable = json_num(rollout, "stable", 0), left = left_version(rollout);
        double seen = json_dbl(rollout, "weight_observed", -1);
        char asked[TEXT_MAX], observed[TEXT_MAX];

        text_percent(json_dbl(rollout, "weight_asked", -1), asked);
        text_percent(seen, observed);
        output_line("%s: all traffic is on version %" PRId64 " again, after %" PRId64 " ms", model, stable, took_ms);
        if (left && left != stable)
                output_line("%s: version %" PRId64 " has %s%s%s", model, left, asked, seen >= 0 ? ", was last seen with " : "",
                            seen >= 0 ? observed : "");
}

int rollback_run(struct ctl *c, const struct call *call, struct err *e)
{
        json_t *body = reason_only(call);
        AUTO_ANSWER answer = { 0 };
        int64_t begun_ms = clock_ms();

        if (!body)
                return err_set(e, ERR_INVALID, "--reason is no UTF-8");
        if (call_has(call, "to"))
                (void) json_object_set_new(body, "to", json_integer(atoll(call_flag(call, "to"))));
        if (post(c, call, "rollback", body, &answer, e))
                return -1;
        if (c->output == OUTPUT_JSON)
                output_json(c, answer.text);
        else if (c->output == OUTPUT_NAME)
                output_line("%" PRId64, json_num(answer.doc, "stable", 0));
        else
                print_rollback(call->args[0], answer.doc, clock_ms() - begun_ms);
        return 0;
}

int rollout_watch(struct ctl *c, const struct call *call, struct err *e)
{
        return watch_rollout(c, call->args[0], NULL, e);
}
