/* Handlers of the route table in routes.c, one file per noun, and what they share. */
#pragma once

#include "registryd/registry.h"
#include "registryd/store.h"

int health_get(struct http_request *rq, struct http_reply *rp, struct err *e);
int ready_get(struct http_request *rq, struct http_reply *rp, struct err *e);
int metrics_get(struct http_request *rq, struct http_reply *rp, struct err *e);
int whoami_get(struct http_request *rq, struct http_reply *rp, struct err *e);

int model_create(struct http_request *rq, struct http_reply *rp, struct err *e);
int model_list(struct http_request *rq, struct http_reply *rp, struct err *e);
int model_get(struct http_request *rq, struct http_reply *rp, struct err *e);

extern const struct http_upload blob_upload;
int blob_put(struct http_request *rq, struct http_reply *rp, struct err *e);
int blob_get(struct http_request *rq, struct http_reply *rp, struct err *e);
/* Answer with a blob's bytes, or the range of them that was asked for. */
int blob_reply(struct http_request *rq, struct http_reply *rp, const struct blob *b, struct err *e);

/* May a transfer keep a connection to PostgreSQL busy while its client is waited for? A client that stalls then keeps it for as
 * long as idle_timeout, so half of them stay for the others. `more`: connections that the caller is about to take. */
bool transfers_have_spare(struct registry *reg, int more);

int version_create(struct http_request *rq, struct http_reply *rp, struct err *e);
int version_list(struct http_request *rq, struct http_reply *rp, struct err *e);
int version_get(struct http_request *rq, struct http_reply *rp, struct err *e);
int version_file_get(struct http_request *rq, struct http_reply *rp, struct err *e);

int alias_list(struct http_request *rq, struct http_reply *rp, struct err *e);
int alias_get(struct http_request *rq, struct http_reply *rp, struct err *e);
int alias_put(struct http_request *rq, struct http_reply *rp, struct err *e);
int alias_delete(struct http_request *rq, struct http_reply *rp, struct err *e);
int alias_history(struct http_request *rq, struct http_reply *rp, struct err *e);

int decision_add(struct http_request *rq, struct http_reply *rp, struct err *e);
int decision_list(struct http_request *rq, struct http_reply *rp, struct err *e);

int token_create(struct http_request *rq, struct http_reply *rp, struct err *e);
int token_list(struct http_request *rq, struct http_reply *rp, struct err *e);
int token_delete(struct http_request *rq, struct http_reply *rp, struct err *e);

/* ?limit=&after= of a list by name, or of one by number. */
int page_by_name(const struct http_request *rq, struct page *out, struct err *e);
int page_by_number(const struct http_request *rq, struct page *out, struct err *e);

static inline struct registry *registry_of(const struct http_request *rq)
{
        return rq->app;
}
