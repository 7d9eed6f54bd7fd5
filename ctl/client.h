/* Requests to registryd and rolloutd: address, token, deadline, tries again where that is harmless, hints for errors. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "ctl/app.h"
#include "lib/backoff.h"
#include "lib/http_client.h"

enum server { SERVER_REGISTRY, SERVER_ROLLOUT, SERVER_COUNT };

const char *server_name(enum server s); /* "registryd" */
const char *server_url(const struct ctl *c, enum server s);

struct client_request {
        enum server server;
        const char *method; /* NULL: GET */
        const char *path;   /* "/v1/models" */
        const json_t *body; /* borrowed; NULL: none */
        const char *header; /* one more "Name: value"; NULL: none */
        const char *what;   /* "list models", for an error that does not speak for itself */
        bool repeatable;    /* doing it twice is as good as once; GET and HEAD always are */
        bool once;          /* don't try again all the same */
};

struct answer {
        int status;
        char *text;  /* the body as it came, never NULL after success */
        json_t *doc; /* the body parsed; NULL when there is none */
};

/* Any status below 400 is success. UNAVAILABLE and TIMEOUT are tried again until --timeout if the request is repeatable,
 * with the pause that Retry-After asks for. Sets c->hint on failure. */
int client_call(struct ctl *c, const struct client_request *rq, struct answer *out, struct err *e);
void answer_done(struct answer *a);
#define AUTO_ANSWER __attribute__((cleanup(answer_done))) struct answer

/* GET one document whose path printf makes; names need no escaping. */
int client_get(struct ctl *c, enum server s, const char *what, struct answer *out, struct err *e, const char *fmt, ...)
        __attribute__((format(printf, 6, 7)));

/* GET a paged list: `key` names its member, `path` may end in a query. At most `limit` rows (0: all). out->doc is one document {key: [...], "next"}; its
 * text is the server's when one page held everything. */
int client_list(struct ctl *c, enum server s, const char *path, const char *key, int64_t limit, struct answer *out,
                struct err *e);

/* For transfers and streams: fill in url, token and timeout, call once, turn bad statuses into errors. */
int client_transfer(struct ctl *c, enum server s, const char *path, const char *what, struct http_call *call,
                    struct http_response *out, struct err *e);

/* The pause before another try; false when the error is final or patience is over. Sleeps. retry_after_ms: -1 if unknown. */
bool client_again(struct ctl *c, struct backoff *b, const struct err *why, int64_t retry_after_ms);

/* Put what helps against this failure of server s into c->hint. */
void client_hint(struct ctl *c, enum server s, const struct err *why, bool answered);
