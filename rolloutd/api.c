/* Routes, reading, and answers that come later. */
#include "rolloutd/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/policy_json.h"
#include "lib/version.h"
#include "rolloutd/measure.h"

enum { BODY_MAX = 16 * 1024 };

/* --- answers that come later --- */

struct api_call *api_call_new(struct http_request *rq, struct http_reply *rp)
{
        struct controller *c = api_controller(rq);
        struct api_call *call = xcalloc(1, sizeof *call);

        call->c = c;
        call->later = http_reply_later(rq, rp);
        call->timeout_ms = rq->deadline_ms - clock_ms() - 500; /* so that the answer is out in time */
        snprintf(call->target, sizeof call->target, "%.*s", TARGET_MAX_LEN, rq->arg[0]);
        memcpy(call->rq.actor, rq->actor, sizeof call->rq.actor);
        DL_APPEND(c->calls, call);
        return call;
}

static void call_free(struct api_call *call)
{
        DL_DELETE(call->c->calls, call);
        policy_unref(call->rq.policy);
        free(call);
}

void api_call_json(struct api_call *call, int status, json_t *doc)
{
        http_later_json(call->later, status, doc);
        call_free(call);
}

void api_call_err(struct api_call *call, const struct err *e)
{
        http_later_err(call->later, e);
        call_free(call);
}

void api_calls_free(struct controller *c)
{
        struct api_call *call, *next;

        DL_FOREACH_SAFE(c->calls, call, next)
        call_free(call);
}

/* --- reading --- */

static int healthz(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        (void) rq, (void) e;
        return http_reply_json(rp, 200, json_pack("{s:s, s:s}", "status", "ok", "version", SLUICE_VERSION));
}

static int readyz(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        const struct controller *c = api_controller(rq);

        if (c->draining)
                return err_set(e, ERR_UNAVAILABLE, "stopping");
        if (c->platform->ops->stands_by && c->platform->ops->stands_by(c->platform))
                return http_reply_json(rp, 200, json_pack("{s:s}", "status", "standby"));
        if (controller_check_loaded(c, e) < 0)
                return -1;
        return http_reply_json(rp, 200, json_pack("{s:s}", "status", "ready"));
}

static int metrics_get(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        size_t len;
        char *text = measure_text(api_controller(rq), &len);

        (void) e;
        return http_reply_text(rp, 200, METRICS_CONTENT_TYPE, text, len);
}

static int rollouts_list(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        const struct controller *c = api_controller(rq);

        if (controller_check_loaded(c, e) < 0)
                return -1;
        json_t *list = json_array();
        DUE_EACH(&c->targets, one)
        json_array_append_new(list, api_view(one->t));
        return http_reply_json(rp, 200, json_pack("{s:o}", "rollouts", list));
}

int api_find(struct http_request *rq, struct target **out, struct err *e)
{
        return target_check(rq->arg[0], e) < 0 ? -1 : controller_resolve(api_controller(rq), rq->arg[0], out, e);
}

static int rollout_get(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        struct target *t;

        return api_find(rq, &t, e) < 0 ? -1 : http_reply_json(rp, 200, api_view(t));
}

static void history_read(void *arg, const char *events, const struct err *failure)
{
        struct api_call *call = arg;
        struct err e = { 0 };
        json_t *list = NULL, *next = NULL;

        if (failure) {
                api_call_err(call, failure);
                return;
        }
        if (json_parse("history", events, strlen(events), &list, &e) < 0) {
                e.kind = ERR_INTERNAL;
                api_call_err(call, &e);
                return;
        }
        size_t n = json_array_size(list);

        if ((int64_t) n == call->limit)
                next = json_incref(json_object_get(json_array_get(list, n - 1), "number"));
        api_call_json(call, 200, json_pack("{s:o, s:o}", "events", list, "next", next ? next : json_null()));
}

static int history_get(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        struct platform *platform = api_controller(rq)->platform;
        int64_t limit, before;
        struct target *t;

        if (api_find(rq, &t, e) < 0 || http_query_int(rq, "limit", 1, 1000, 100, &limit, e) < 0 ||
            http_query_int(rq, "after", 0, INT64_MAX, 0, &before, e) < 0)
                return -1;
        struct api_call *call = api_call_new(rq, rp);
        call->limit = limit;
        platform->ops->history(platform, t->now.target, before, (int) limit, history_read, call);
        return 0;
}

static int policies_list(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        const struct policies *p = &api_controller(rq)->policies;
        json_t *list = json_array();

        (void) e;
        for (size_t i = 0; i < p->n; i++)
                json_array_append_new(list, policy_view(&p->list[i]));
        return http_reply_json(rp, 200, json_pack("{s:o}", "policies", list));
}

static int discovery_get(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        enum { TARGETS_MAX = 4096 };
        struct platform *platform = api_controller(rq)->platform;
        struct scrape_target *found = xcalloc(TARGETS_MAX, sizeof *found);
        size_t n = platform->ops->discover(platform, found, TARGETS_MAX);
        json_t *list = json_array();

        (void) e;
        for (size_t i = 0; i < n && i < TARGETS_MAX; i++) {
                json_array_append_new(list, json_pack("{s:[s], s:{s:s, s:s, s:s}}", "targets", found[i].address, "labels",
                                                      "model", found[i].model, "target", found[i].target, "version",
                                                      release_text(found[i].version).text));
        }
        free(found);
        return http_reply_json(rp, 200, list);
}

/* --- the server's hooks --- */

int api_authenticate(void *app, const char *token, enum role *role, char actor[static NAME_MAX_LEN + 1], struct err *e)
{
        struct controller *c = app;

        if (tokens_check(c->tokens, token, role, actor, e) == 0)
                return 0;
        token_sync_soon(c->token_sync);
        return -1;
}

void api_observe(const struct http_request *rq, const char *route, int status, int64_t duration_us)
{
        if (rq->app)
                measure_request(api_controller(rq), route, status);
        if (strcmp(rq->method, "POST") == 0)
                LOG_INFO("request", "method", rq->method, "path", rq->path, "actor", rq->actor, "request_id", rq->id,
                         LOG_INT("status", status), LOG_INT("duration_us", duration_us));
}

const struct http_route api_routes[] = {
        { "GET", "/healthz", ROLE_ANYONE, 0, healthz, "200 while the process lives", NULL },
        { "GET", "/readyz", ROLE_ANYONE, 0, readyz, "200 when the records have been read, or another one leads", NULL },
        { "GET", "/metrics", ROLE_READER, 0, metrics_get, "Prometheus text", NULL },
        { "GET", "/v1/rollouts", ROLE_READER, 0, rollouts_list, "list rollouts", NULL },
        { "GET", "/v1/rollouts/{target}", ROLE_READER, 0, rollout_get, "one rollout", NULL },
        { "POST", "/v1/rollouts/{target}", ROLE_DEPLOYER, BODY_MAX, api_start, "start a rollout", NULL },
        { "POST", "/v1/rollouts/{target}/pause", ROLE_DEPLOYER, BODY_MAX, api_pause, "hold the steps, not the gates", NULL },
        { "POST", "/v1/rollouts/{target}/resume", ROLE_DEPLOYER, BODY_MAX, api_resume, "go on", NULL },
        { "POST", "/v1/rollouts/{target}/promote", ROLE_DEPLOYER, BODY_MAX, api_promote, "end this step, or all of them", NULL },
        { "POST", "/v1/rollouts/{target}/abort", ROLE_DEPLOYER, BODY_MAX, api_abort, "back to stable", NULL },
        { "POST", "/v1/rollouts/{target}/retry", ROLE_DEPLOYER, BODY_MAX, api_retry, "what was rolled back, again", NULL },
        { "POST", "/v1/rollouts/{target}/rollback", ROLE_DEPLOYER, BODY_MAX, api_rollback, "back to stable or earlier", NULL },
        { "GET", "/v1/rollouts/{target}/explain", ROLE_READER, 0, api_explain, "what the gates say", NULL },
        { "GET", "/v1/rollouts/{target}/history", ROLE_READER, 0, history_get, "events, newest first", NULL },
        { "GET", "/v1/rollouts/{target}/watch", ROLE_READER, 0, api_watch, "server-sent events", NULL },
        { "GET", "/v1/policies", ROLE_READER, 0, policies_list, "list policies", NULL },
        { "GET", "/v1/discovery/prometheus", ROLE_READER, 0, discovery_get, "for http_sd_configs", NULL },
};
const size_t api_route_count = sizeof api_routes / sizeof *api_routes;
