/* What people ask for: unpack, resolve, ask the target, and answer when it is carried out. */
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "rolloutd/api.h"

static void carried_out(void *arg, struct target *t, const struct err *failure)
{
        struct api_call *call = arg;

        if (failure)
                api_call_err(call, failure);
        else
                api_call_json(call, 202, api_view(t));
}

static int take_reason(const char *reason, struct request *out, struct err *e)
{
        if (reason && strlen(reason) > ROLLOUT_REASON_LEN)
                return err_set(e, ERR_INVALID, "reason: at most %d bytes", ROLLOUT_REASON_LEN);
        snprintf(out->reason, sizeof out->reason, "%s", reason ? reason : "");
        return 0;
}

/* --- start --- */

static void start_it(struct api_call *call, struct err *e)
{
        struct target *t;

        if (controller_make(call->c, call->target, call->target, &t, e) < 0)
                return;
        if (t->now.stable.version == call->rq.version)
                (void) err_set(e, ERR_CONFLICT, "version %s of %s already has all the traffic",
                               release_text(call->rq.version).text, call->target);
        else if (target_ask(t, &call->rq, e) == 0)
                target_wait(t, TARGET_SAVED, call->timeout_ms, carried_out, call);
        target_wake(t);
}

static void resolved(void *arg, const struct registry_version *v, const struct err *failure)
{
        struct api_call *call = arg;
        struct err e = { 0 };

        if (failure) {
                api_call_err(call, failure);
                return;
        }
        call->rq.version = v->number;
        memcpy(call->rq.digest, v->digest, sizeof call->rq.digest);
        start_it(call, &e);
        if (e.kind)
                api_call_err(call, &e);
}

/* 2, "2" or "@champion". */
static int take_ref(json_t *version, char out[static NAME_MAX_LEN + 2], struct err *e)
{
        const char *text = json_string_value(version);
        int64_t number;

        if (json_is_integer(version))
                snprintf(out, NAME_MAX_LEN + 2, "%lld", (long long) json_integer_value(version));
        else if (text && strlen(text) <= NAME_MAX_LEN + 1)
                snprintf(out, NAME_MAX_LEN + 2, "%s", text);
        else
                return err_set(e, ERR_INVALID, "version: must be a number or an \"@alias\"");
        return out[0] == '@' ? name_check("alias", out + 1, e) : version_parse(out, &number, e);
}

/* What can be said without asking the registry. */
static int check_free(const struct controller *c, const char *model, struct err *e)
{
        struct err why = { 0 };
        struct target *t;

        if (controller_find(c, model, &t, &why) < 0) {
                *e = why;
                return why.kind == ERR_NOT_FOUND ? 0 : -1;
        }
        if (!phase_is_at_rest(t->now.phase))
                return err_set(e, ERR_CONFLICT, "a rollout of %s is under way: version %s, phase %s", model,
                               release_text(t->now.candidate.version).text, phase_name(t->now.phase));
        return 0;
}

/* A name in the body that is wrong is the body's fault, not the path's. */
static const struct policy *find_policy(const struct controller *c, const char *name, struct err *e)
{
        struct err why = { 0 };
        const struct policy *policy = controller_policy(c, name, &why);

        if (!policy)
                err_set(e, ERR_INVALID, "%s", why.msg);
        return policy;
}

static int declared_elsewhere(const struct http_request *rq, struct err *e)
{
        return err_set(e, ERR_CONFLICT, "the ModelRollout \"%s\" declares the version that is rolled out: change it there",
                       rq->arg[0]);
}

int api_start(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        struct controller *c = api_controller(rq);
        const char *name = c->settings->default_policy, *reason = NULL;
        struct request wish = { .what = ASK_START };
        char ref[NAME_MAX_LEN + 2];
        AUTO(json) body = NULL;
        json_t *version;

        if (c->wants)
                return declared_elsewhere(rq, e);
        if (name_check("model", rq->arg[0], e) < 0 || http_body_json(rq, &body, e) < 0 ||
            json_take("rollout", body, e, "{s:o, s?s, s?s}", "version", &version, "policy", &name, "reason", &reason) < 0 ||
            take_ref(version, ref, e) < 0 || take_reason(reason, &wish, e) < 0 || check_free(c, rq->arg[0], e) < 0)
                return -1;
        const struct policy *policy = find_policy(c, name, e);
        if (!policy)
                return -1;
        struct api_call *call = api_call_new(rq, rp);
        wish.policy = policy_share(c->policy_pool, policy);
        memcpy(wish.actor, call->rq.actor, sizeof wish.actor);
        call->rq = wish;
        registry_resolve(c->registry, call->target, ref, resolved, call);
        return 0;
}

/* --- steering what is under way --- */

/* An empty body is an empty object. */
static int take_body(const struct http_request *rq, json_t **body, struct err *e)
{
        if (rq->body_len > 0)
                return http_body_json(rq, body, e);
        *body = json_object();
        return 0;
}

static int steer(struct http_request *rq, struct http_reply *rp, struct target *t, struct request *wish, enum target_until until,
                 struct err *e)
{
        memcpy(wish->actor, rq->actor, sizeof wish->actor);
        if (target_ask(t, wish, e) < 0)
                return -1;
        struct api_call *call = api_call_new(rq, rp);
        target_wait(t, until, call->timeout_ms, carried_out, call);
        target_wake(t);
        return 0;
}

static int simple(struct http_request *rq, struct http_reply *rp, enum ask what, enum target_until until, struct err *e)
{
        struct request wish = { .what = what };
        const char *reason = NULL;
        AUTO(json) body = NULL;
        struct target *t;

        if (api_find(rq, &t, e) < 0 || take_body(rq, &body, e) < 0 ||
            json_take("request", body, e, "{s?s}", "reason", &reason) < 0 || take_reason(reason, &wish, e) < 0)
                return -1;
        return steer(rq, rp, t, &wish, until, e);
}

int api_pause(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        return simple(rq, rp, ASK_PAUSE, TARGET_SAVED, e);
}

int api_resume(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        return simple(rq, rp, ASK_RESUME, TARGET_SAVED, e);
}

int api_abort(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        return simple(rq, rp, ASK_ABORT, TARGET_STANDS, e);
}

int api_promote(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        struct request wish = { .what = ASK_PROMOTE };
        const char *reason = NULL;
        AUTO(json) body = NULL;
        struct target *t;
        int full = false;

        if (api_find(rq, &t, e) < 0 || take_body(rq, &body, e) < 0 ||
            json_take("request", body, e, "{s?b, s?s}", "full", &full, "reason", &reason) < 0 ||
            take_reason(reason, &wish, e) < 0)
                return -1;
        wish.what = full ? ASK_PROMOTE_FULL : ASK_PROMOTE;
        return steer(rq, rp, t, &wish, TARGET_SAVED, e);
}

/* Where nothing is declared, what was started last, by the policy that it was started by. */
static int retry_last(const struct target *t, struct request *wish, struct err *e)
{
        const struct release *last = &t->now.followed;

        if (last->version == 0 || last->version == t->now.stable.version)
                return err_set(e, ERR_CONFLICT, "%s has nothing that was rolled back to try again", t->now.target);
        wish->what = ASK_RETRY;
        wish->version = last->version;
        memcpy(wish->digest, last->digest, sizeof wish->digest);
        memcpy(wish->build, last->build, sizeof wish->build);
        wish->policy = policy_ref(t->now.policy);
        return 0;
}

int api_retry(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        struct controller *c = api_controller(rq);
        struct request wish = { 0 };
        const char *reason = NULL;
        AUTO(json) body = NULL;
        struct target *t;
        int r;

        if (api_find(rq, &t, e) < 0 || take_body(rq, &body, e) < 0 ||
            json_take("request", body, e, "{s?s}", "reason", &reason) < 0 || take_reason(reason, &wish, e) < 0 ||
            (c->wants ? wants_retry(c->wants, t, &wish, e) : retry_last(t, &wish, e)) < 0)
                return -1;
        r = steer(rq, rp, t, &wish, TARGET_SAVED, e);
        policy_unref(wish.policy);
        return r;
}

/*
 * A rollback that a person asks for goes to a version that can serve; one that the judge asks for goes to stable regardless. A refusal, and
 * no inability of ours: ctl would go past us, and all requests to nothing.
 */
static int check_serves(const struct target *t, int64_t version, struct err *e)
{
        const struct version_status *s = target_status(t, version);

        if (!t->world_known || version == t->now.stable.version || (s && s->ready > 0))
                return 0;
        return err_set(e, ERR_CONFLICT, "version %s of %s is not ready: %s", release_text(version).text, t->now.target,
                       s && *s->message ? s->message : "it does not run");
}

/* 7, "7" or "7.1". */
static int take_to(const json_t *doc, int64_t *key, struct err *e)
{
        if (!doc)
                return 0;
        if (json_is_string(doc))
                return release_parse(json_string_value(doc), key, e) < 0 ? err_wrap(e, "to") : 0;
        *key = json_integer_value(doc);
        return *key >= 1 && *key <= INT32_MAX ? 0 : err_set(e, ERR_INVALID, "to: must be a version's number or a release");
}

/* Who asks for the same rollback in two ways, here and with a mark at the cluster, gives both one key, and has it once. */
static int take_key(const struct http_request *rq, struct request *wish, struct err *e)
{
        const char *key = http_header(rq, "Idempotency-Key");

        if (!key)
                return 0;
        for (const char *c = key; *c; c++)
                if (*c <= ' ' || *c > '~')
                        return err_set(e, ERR_INVALID, "Idempotency-Key: printable ASCII without spaces");
        if (strlen(key) > ROLLOUT_MARK_LEN)
                return err_set(e, ERR_INVALID, "Idempotency-Key: at most %d bytes", ROLLOUT_MARK_LEN);
        snprintf(wish->key, sizeof wish->key, "%s", key);
        return 0;
}

int api_rollback(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        struct request wish = { .what = ASK_ROLLBACK };
        const char *reason = NULL;
        AUTO(json) body = NULL;
        json_t *to_doc = NULL;
        int64_t to = 0;
        struct target *t;

        if (api_find(rq, &t, e) < 0 || take_body(rq, &body, e) < 0 ||
            json_take("request", body, e, "{s?o, s?s}", "to", &to_doc, "reason", &reason) < 0 || take_to(to_doc, &to, e) < 0 ||
            take_reason(reason, &wish, e) < 0 || take_key(rq, &wish, e) < 0)
                return -1;
        if (rollout_has_gone_back(&t->now, wish.key))
                return http_reply_json(rp, 202, api_view(t));
        if (rollout_back_to(&t->now, to, &wish.version, e) < 0 || check_serves(t, wish.version, e) < 0)
                return -1;
        return steer(rq, rp, t, &wish, TARGET_STANDS, e);
}
