/* The HTTP API of docs/api.md: the route table, answers that come later, and clients that watch. */
#pragma once

#include "rolloutd/controller.h"

extern const struct http_route api_routes[];
extern const size_t api_route_count;

static inline struct controller *api_controller(const struct http_request *rq)
{
        return rq->app;
}

int api_authenticate(void *app, const char *token, enum role *role, char actor[static NAME_MAX_LEN + 1], struct err *e);
void api_observe(const struct http_request *rq, const char *route, int status, int64_t duration_us);

int api_find(struct http_request *rq, struct target **out, struct err *e); /* of {target} */
json_t *api_view(const struct target *t);                                  /* ROLLOUT */

/* --- answers that come later --- */

struct api_call {
        struct controller *c;
        struct http_later *later;
        struct request rq; /* with a reference to its policy */
        char target[TARGET_MAX_LEN + 1];
        int64_t limit, timeout_ms;
        struct api_call *prev, *next;
};

struct api_call *api_call_new(struct http_request *rq, struct http_reply *rp);
void api_call_json(struct api_call *call, int status, json_t *doc); /* answers and frees */
void api_call_err(struct api_call *call, const struct err *e);      /* answers and frees */
void api_calls_free(struct controller *c);

/* --- handlers --- */

int api_explain(struct http_request *rq, struct http_reply *rp, struct err *e); /* api_explain.c */

int api_start(struct http_request *rq, struct http_reply *rp, struct err *e); /* api_steer.c */
int api_pause(struct http_request *rq, struct http_reply *rp, struct err *e);
int api_resume(struct http_request *rq, struct http_reply *rp, struct err *e);
int api_retry(struct http_request *rq, struct http_reply *rp, struct err *e);
int api_abort(struct http_request *rq, struct http_reply *rp, struct err *e);
int api_promote(struct http_request *rq, struct http_reply *rp, struct err *e);
int api_rollback(struct http_request *rq, struct http_reply *rp, struct err *e);
int api_watch(struct http_request *rq, struct http_reply *rp, struct err *e); /* api_watch.c */

/* Tell those who watch: the record changed (or what the target waits for did), or something happened. */
void api_watch_changed(struct controller *c, struct target *t);
void api_watch_happened(struct controller *c, struct target *t, const struct event *ev);
void api_watch_gone(struct controller *c, struct target *t); /* end the streams of those who watch it */
void api_watch_look(struct controller *c, struct target *t); /* tell those whose message is another by now */
