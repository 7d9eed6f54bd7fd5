/* `ctl rollout`: one request each. */
#include <stdlib.h>

#include "ctl/cells.h"
#include "ctl/handlers.h"
#include "ctl/rollout_view.h"
#include "ctl/watch.h"
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

int rollout_watch(struct ctl *c, const struct call *call, struct err *e)
{
        return watch_rollout(c, call->args[0], NULL, e);
}
