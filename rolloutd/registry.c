/* Calls of registryd. */
#include "rolloutd/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/json.h"
#include "lib/mem.h"

enum { TIMEOUT_MS = 5000, BODY_MAX = 4 << 20 };

struct registry {
        struct http_loop *loop;
        char *url, *token;
        struct ask *asks;
};

struct ask {
        struct registry *registry;
        struct http_call call;
        struct http_flight *flight;
        char *url, *body;
        char what[160]; /* for errors */
        void (*resolved)(void *arg, const struct registry_version *v, const struct err *failure);
        registry_body_fn answered;
        void *arg;
        struct ask *prev, *next;
};

static void ask_free(struct ask *a)
{
        DL_DELETE(a->registry->asks, a);
        free(a->url);
        free(a->body);
        free(a);
}

static int parse_version(const struct http_response *r, struct registry_version *v, struct err *e)
{
        AUTO(json) doc = NULL;
        const char *digest;
        json_int_t number;

        if (json_parse("registryd's answer", r->body, r->body_len, &doc, e) < 0 ||
            json_peek("registryd's answer", doc, e, "{s:I, s:s}", "number", &number, "digest", &digest) < 0)
                return -1;
        if (number < 1 || !digest_is_valid(digest))
                return err_set(e, ERR_INVALID, "registryd's answer has no valid number or digest");
        v->number = number;
        memcpy(v->digest, digest, sizeof v->digest);
        return 0;
}

static void tell(struct ask *a, const struct http_response *r, const struct err *failure)
{
        struct registry_version v = { 0 };
        struct err e = { 0 };

        if (!failure && a->resolved && parse_version(r, &v, &e) < 0)
                failure = &e;
        if (a->resolved)
                a->resolved(a->arg, failure ? NULL : &v, failure);
        else
                a->answered(a->arg, failure ? NULL : r->body, failure);
}

static void answered(void *arg, const struct http_response *r, const struct err *failure)
{
        struct ask *a = arg;
        struct err e = { 0 };

        if (failure)
                (void) err_set(&e, failure->kind, "%s: registryd: %s", a->what, failure->msg);
        else
                (void) http_check(a->what, r, &e);
        if (e.kind == ERR_UNAUTHORIZED || e.kind == ERR_FORBIDDEN) /* our token, not the caller's */
                e.kind = ERR_UNAVAILABLE;
        tell(a, r, e.kind ? &e : NULL);
        ask_free(a);
}

/* `url` and `body` are taken over; without a body it is a GET. */
static struct ask *start(struct registry *r, char *url, char *body, void *arg)
{
        struct ask *a = xcalloc(1, sizeof *a);

        a->registry = r;
        a->url = url;
        a->body = body;
        a->arg = arg;
        a->call = (struct http_call){ .url = a->url, .bearer = r->token, .timeout_ms = TIMEOUT_MS, .max_body = BODY_MAX };
        if (body) {
                a->call.method = "POST";
                a->call.body = body;
                a->call.body_len = strlen(body);
        }
        DL_APPEND(r->asks, a);
        a->flight = http_loop_start(r->loop, &a->call, answered, a);
        return a;
}

void registry_resolve(struct registry *r, const char *model, const char *ref,
                      void (*done)(void *arg, const struct registry_version *v, const struct err *failure), void *arg)
{
        struct ask *a = start(r, xasprintf("%s/v1/models/%s/versions/%s", r->url, model, ref), NULL, arg);

        a->resolved = done;
        snprintf(a->what, sizeof a->what, "look up version %s of %s", ref, model);
}

void registry_tokens(struct registry *r, registry_body_fn done, void *arg)
{
        struct ask *a = start(r, xasprintf("%s/v1/tokens", r->url), NULL, arg);

        a->answered = done;
        snprintf(a->what, sizeof a->what, "list tokens");
}

void registry_decided(struct registry *r, char *body, registry_body_fn done, void *arg)
{
        struct ask *a = start(r, xasprintf("%s/v1/decisions", r->url), body, arg);

        a->answered = done;
        snprintf(a->what, sizeof a->what, "log decisions");
}

struct registry *registry_new(struct http_loop *loop, const char *url, const char *token)
{
        struct registry *r = xcalloc(1, sizeof *r);
        size_t n = strlen(url);

        r->loop = loop;
        r->url = xstrndup(url, n > 0 && url[n - 1] == '/' ? n - 1 : n);
        r->token = token ? xstrdup(token) : NULL;
        return r;
}

void registry_free(struct registry *r)
{
        struct ask *a, *next;

        if (!r)
                return;
        DL_FOREACH_SAFE(r->asks, a, next)
        {
                http_loop_cancel(r->loop, a->flight);
                ask_free(a);
        }
        free(r->url);
        free(r->token);
        free(r);
}
