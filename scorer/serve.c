/* Routes of scorer. */
#include "scorer/serve.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "scorer/v2_reply.h"

static const struct metric_row metric_rows[] = {
#define METRIC(name, type, text, labels, help) [METRIC_##name] = { METRIC_##type, text, labels, help },
#include "scorer/metrics.def"
#undef METRIC
};

static int reply(struct http_reply *rp, struct strbuf *b)
{
        size_t len = b->len;

        return http_reply_text(rp, 200, NULL, strbuf_take(b), len);
}

static const char *doing(const struct serving *s)
{
        const char *text = atomic_load(&s->loading->doing);

        return text ? text : "the model is being loaded";
}

/* The loaded model, if the path names it. */
static const struct v2 *model_of(struct http_request *rq, struct err *e)
{
        struct serving *s = rq->app;
        const struct v2 *v2 = atomic_load(&s->v2);

        if (!v2)
                return (void) err_set(e, ERR_UNAVAILABLE, "%s", doing(s)), NULL;
        /* A path without a version ends in "/infer" or the like, and has one capture. */
        return v2_check(v2, rq->arg[0], rq->arg[1], e) ? NULL : v2;
}

static int live_get(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        (void) rq, (void) e;
        return http_reply_json(rp, 200, json_pack("{s:b}", "live", 1));
}

static int ready_get(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        struct serving *s = rq->app;

        if (atomic_load(&s->draining))
                return err_set(e, ERR_UNAVAILABLE, "stopping");
        if (!atomic_load(&s->v2))
                return err_set(e, ERR_UNAVAILABLE, "%s", doing(s));
        return http_reply_json(rp, 200, json_pack("{s:b, s:b}", "live", 1, "ready", 1));
}

static int server_get(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        AUTO_STRBUF b;

        (void) rq, (void) e;
        strbuf_init(&b, V2_ANSWER_MAX);
        v2_reply_server(&b);
        return reply(rp, &b);
}

static int model_get(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        const struct v2 *v2 = model_of(rq, e);
        AUTO_STRBUF b;

        strbuf_init(&b, V2_ANSWER_MAX);
        if (!v2 || v2_describe(v2, &b, e))
                return -1;
        return reply(rp, &b);
}

static int model_ready_get(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        const struct v2 *v2 = model_of(rq, e);
        const struct serving *s = rq->app;
        AUTO_STRBUF b;

        strbuf_init(&b, V2_ANSWER_MAX);
        if (!v2)
                return -1;
        if (atomic_load(&s->draining))
                return err_set(e, ERR_UNAVAILABLE, "stopping");
        v2_reply_model_ready(&b, v2->name);
        return reply(rp, &b);
}

static int infer_post(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        const struct serving *s = rq->app;
        const struct v2 *v2 = model_of(rq, e);
        struct tally seen;
        AUTO_STRBUF b;

        strbuf_init(&b, V2_ANSWER_MAX);
        if (!v2 || v2_infer(v2, rq->body, rq->body_len, &b, &seen, e))
                return -1;
        serve_counts_add(&s->counts, &seen);
        http_reply_header(rp, "X-Sluice-Version", "%s", s->settings->version);
        return reply(rp, &b);
}

static int metrics_get(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        struct serving *s = rq->app;
        const struct settings *set = s->settings;
        size_t len;

        (void) e;
        metric_set(metrics_cell(s->metrics, METRIC_ready, set->model, set->version),
                   atomic_load(&s->v2) && !atomic_load(&s->draining));
        char *text = metrics_text(s->metrics, &len);
        return http_reply_text(rp, 200, METRICS_CONTENT_TYPE, text, len);
}

static const struct http_route routes[] = {
        { "GET", "/v2/health/live", ROLE_ANYONE, 0, live_get, "the process lives", NULL },
        { "GET", "/v2/health/ready", ROLE_ANYONE, 0, ready_get, "requests are wanted", NULL },
        { "GET", "/v2", ROLE_ANYONE, 0, server_get, "what this server is", NULL },
        { "GET", "/v2/models/{model}", ROLE_ANYONE, 0, model_get, "inputs and outputs of the model", NULL },
        { "GET", "/v2/models/{model}/versions/{version}", ROLE_ANYONE, 0, model_get, "the same of a version", NULL },
        { "GET", "/v2/models/{model}/ready", ROLE_ANYONE, 0, model_ready_get, "the model takes requests", NULL },
        { "GET", "/v2/models/{model}/versions/{version}/ready", ROLE_ANYONE, 0, model_ready_get, "the same of a version", NULL },
        { "POST", "/v2/models/{model}/infer", ROLE_ANYONE, 1, infer_post, "score rows", NULL },
        { "POST", "/v2/models/{model}/versions/{version}/infer", ROLE_ANYONE, 1, infer_post, "score rows", NULL },
        { "GET", "/metrics", ROLE_ANYONE, 0, metrics_get, "Prometheus metrics", NULL },
};

enum { N_ROUTES = sizeof routes / sizeof *routes };
static_assert(sizeof routes <= sizeof(((struct serving *) 0)->routes), "struct serving has room for every route");

static bool is_infer(const char *route)
{
        size_t len = strlen(route), n = strlen("/infer");

        return len > n && !strcmp(route + len - n, "/infer");
}

/* Errors as V2 has them. */
static bool problem(const struct http_request *rq, const char *route, const struct err *e, struct http_reply *rp)
{
        const struct serving *s = rq->app;
        AUTO_STRBUF b;

        strbuf_init(&b, V2_ANSWER_MAX);
        v2_reply_error(&b, e->msg);
        size_t len = b.len;
        (void) http_reply_text(rp, rp->status, NULL, strbuf_take(&b), len);
        if (is_infer(route))
                http_reply_header(rp, "X-Sluice-Version", "%s", s->settings->version);
        return true;
}

static void observe(const struct http_request *rq, const char *route, int status, int64_t duration_us)
{
        struct serving *s = rq->app;
        struct log_int code = log_int(status), us = log_int(duration_us);

        LOG_DEBUG("request", "method", rq->method, "path", rq->path, "status", code.text, "us", us.text, "request_id", rq->id);
        if (!is_infer(route))
                return;
        atomic_store(&s->last_ms, clock_ms());
        metric_inc(metrics_cell(s->metrics, METRIC_requests, s->settings->model, s->settings->version, code.text));
        metric_observe(s->duration, (double) duration_us / 1e6);
}

static void make_metrics(struct serving *s)
{
        /* There from the beginning, so that rates see the first error of each kind. */
        static const char *const codes[] = { "200", "400", "404", "413", "500", "503" };

        s->metrics = metrics_new(metric_rows, METRIC_ROWS, METRICS_LATENCY_BUCKETS,
                                 sizeof METRICS_LATENCY_BUCKETS / sizeof *METRICS_LATENCY_BUCKETS);
        s->duration = metrics_cell(s->metrics, METRIC_duration, s->settings->model, s->settings->version);
        for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
                (void) metrics_cell(s->metrics, METRIC_requests, s->settings->model, s->settings->version, codes[i]);
}

int serve_start(struct serving *s, const struct settings *settings, const struct loader *loading, struct err *e)
{
        *s = (struct serving){ .settings = settings, .loading = loading };
        for (int i = 0; i < N_ROUTES; i++) {
                s->routes[i] = routes[i];
                s->routes[i].max_body *= settings->max_body;
        }
        make_metrics(s);
        struct http_server_config config = { .listen = settings->listen,
                                             .routes = s->routes,
                                             .n_routes = N_ROUTES,
                                             .app = s,
                                             .mode = HTTP_THREAD_POOL,
                                             .threads = (unsigned) settings->threads,
                                             .max_connections = (unsigned) settings->max_connections,
                                             .idle_timeout_ms = settings->idle_timeout,
                                             .observe = observe,
                                             .problem = problem };
        return http_server_start(&config, &s->http, e);
}

static void set(struct serving *s, enum serve_metric row, double value)
{
        metric_set(metrics_cell(s->metrics, row, s->settings->model, s->settings->version), value);
}

void serve_model(struct serving *s, const struct loader *l)
{
        const struct v2 *v2 = &l->v2;

        metric_set(metrics_cell(s->metrics, METRIC_info, v2->name, v2->version, l->digest, v2->model.objective->name), 1);
        set(s, METRIC_trees, forest_n_trees(v2->model.forest));
        set(s, METRIC_golden_rows, (double) l->golden_rows);
        set(s, METRIC_warm_up_seconds, (double) l->warm_up.took_ms / 1e3);
        set(s, METRIC_warm_up_settled, l->warm_up.settled);
        set(s, METRIC_load_seconds, (double) l->took_ms / 1e3);
        serve_counts_init(&s->counts, s->metrics, v2);
        atomic_store(&s->v2, v2);
}

void serve_not_ready(struct serving *s)
{
        atomic_store(&s->draining, true);
}

void serve_stop(struct serving *s)
{
        http_server_stop(s->http);
        metrics_free(s->metrics);
}
