/* Requests to the servers. */
#include "ctl/client.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/text.h"
#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/random.h"

enum { BODY_MAX_BYTES = 64 << 20, PAGE_ROWS = 100 };

static const struct {
        const char *name, *flag, *variable;
} servers[SERVER_COUNT] = {
        [SERVER_REGISTRY] = { "registryd", "--registry", "SLUICE_REGISTRY" },
        [SERVER_ROLLOUT] = { "rolloutd", "--rollout", "SLUICE_ROLLOUT" },
};

const char *server_name(enum server s)
{
        return servers[s].name;
}

const char *server_url(const struct ctl *c, enum server s)
{
        return s == SERVER_REGISTRY ? c->set.registry : c->set.rollout;
}

void answer_done(struct answer *a)
{
        free(a->text);
        json_decref(a->doc);
        *a = (struct answer){ 0 };
}

void client_hint(struct ctl *c, enum server s, const struct err *why, bool answered)
{
        c->hint[0] = '\0';
        if (!answered && why->kind != ERR_TOO_LARGE && why->kind != ERR_INTERNAL)
                (void) snprintf(c->hint, sizeof c->hint, "is %s running at %s? %s or %s says where it is", servers[s].name,
                                server_url(c, s), servers[s].flag, servers[s].variable);
        else if (why->kind == ERR_UNAUTHORIZED && !c->set.token)
                (void) snprintf(c->hint, sizeof c->hint,
                                "no token was given: use --token-file FILE, SLUICE_TOKEN_FILE, SLUICE_TOKEN, or token_file in "
                                "~/.config/sluice/ctl.yaml");
        else if (why->kind == ERR_UNAUTHORIZED)
                (void) snprintf(c->hint, sizeof c->hint, "%s does not know this token; is it for another server, or deleted?",
                                servers[s].name);
}

bool client_again(struct ctl *c, struct backoff *b, const struct err *why, int64_t retry_after_ms)
{
        const struct backoff_policy policy = { .base_ms = 150, .cap_ms = 2000, .give_up_ms = c->set.timeout, .max_tries = 4 };
        char pause[TEXT_MAX];

        if ((why->kind != ERR_UNAVAILABLE && why->kind != ERR_TIMEOUT) || !backoff_next(&policy, b, clock_ms(), random_u32()))
                return false;
        int64_t wait_ms = retry_after_ms > b->wait_ms ? retry_after_ms : b->wait_ms;
        if (clock_ms() + wait_ms - b->started_ms > c->set.timeout)
                return false;
        if (wait_ms >= 1000) {
                text_duration(wait_ms, pause);
                ctl_note(c, "%s; trying again in %s", why->msg, pause);
        }
        struct timespec t = { .tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000 };
        (void) nanosleep(&t, NULL);
        return true;
}

int client_transfer(struct ctl *c, enum server s, const char *path, const char *what, struct http_call *call,
                    struct http_response *out, struct err *e)
{
        struct err why = { 0 };
        AUTO(str) url = xasprintf("%s%s", server_url(c, s), path);

        call->url = url;
        call->bearer = c->set.token;
        if (!call->timeout_ms)
                call->timeout_ms = c->set.timeout;
        int failed = http_fetch(call, out, &why);
        int refused = !failed && http_check(what, out, &why);
        call->url = NULL;
        if (!failed && !refused)
                return 0;
        if (failed && err_is_retryable(why.kind))
                (void) err_wrap(&why, "%s does not answer", server_name(s));
        client_hint(c, s, &why, !failed);
        return err_set(e, why.kind, "%s", why.msg);
}

static int read_answer(const struct client_request *rq, const char *server, struct http_response *r, struct answer *out,
                       struct err *e)
{
        struct err why = { 0 };

        if (r->body_len && json_parse("answer", r->body, r->body_len, &out->doc, &why))
                return err_set(e, ERR_UNAVAILABLE, "%s: what answers at that address is no %s: it did not send JSON", rq->what,
                               server);
        out->status = r->status;
        out->text = TAKE(r->body);
        return 0;
}

/* A server's own sentence needs no "list models: " before it. */
static void drop_what(const struct client_request *rq, const struct http_response *r, struct err *why)
{
        size_t prefix = strlen(rq->what) + strlen(": ");

        if (r->content_type && strncmp(r->content_type, "application/problem+json", 24) == 0 && strlen(why->msg) > prefix)
                memmove(why->msg, why->msg + prefix, strlen(why->msg + prefix) + 1);
}

int client_call(struct ctl *c, const struct client_request *rq, struct answer *out, struct err *e)
{
        const char *const headers[] = { rq->header, NULL };
        AUTO(str) body = rq->body ? json_text(rq->body) : NULL;
        bool repeatable = !rq->once && (rq->repeatable || !rq->method || strcmp(rq->method, "HEAD") == 0);
        struct backoff backoff = { 0 };
        struct err why = { 0 };

        *out = (struct answer){ 0 };
        for (int64_t started = clock_ms();;) {
                AUTO_RESPONSE r = { 0 };
                int64_t left = c->set.timeout - (clock_ms() - started);
                struct http_call call = {
                        .method = rq->method,
                        .headers = headers,
                        .body = body,
                        .body_len = body ? strlen(body) : 0,
                        .timeout_ms = left > 1 ? left : 1,
                        .max_body = BODY_MAX_BYTES,
                };
                if (client_transfer(c, rq->server, rq->path, rq->what, &call, &r, &why) == 0)
                        return read_answer(rq, server_name(rq->server), &r, out, e);
                drop_what(rq, &r, &why);
                if (!repeatable || !client_again(c, &backoff, &why, r.retry_after_ms))
                        return err_set(e, why.kind, "%s", why.msg);
        }
}

int client_get(struct ctl *c, enum server s, const char *what, struct answer *out, struct err *e, const char *fmt, ...)
{
        AUTO_STRBUF path;
        va_list ap;

        strbuf_init(&path, 4096);
        va_start(ap, fmt);
        strbuf_addv(&path, fmt, ap);
        va_end(ap);
        const struct client_request rq = { .server = s, .path = strbuf_str(&path), .what = what };
        return client_call(c, &rq, out, e);
}

/* The key that the next page is asked by, as query text; NULL at the end. The caller frees it. */
static char *next_key(const json_t *doc)
{
        const json_t *next = json_object_get(doc, "next");

        if (json_is_string(next))
                return http_escape(json_string_value(next));
        return json_is_integer(next) ? xasprintf("%" PRId64, (int64_t) json_integer_value(next)) : NULL;
}

static int get_page(struct ctl *c, enum server s, const char *path, const char *key, int64_t rows, const char *after,
                    struct answer *out, struct err *e)
{
        AUTO(str) what = xasprintf("list %s", key);

        if (client_get(c, s, what, out, e, "%s%climit=%" PRId64 "%s%s", path, strchr(path, '?') ? '&' : '?', rows,
                       after ? "&after=" : "", after ? after : ""))
                return -1;
        if (json_is_array(json_object_get(out->doc, key)))
                return 0;
        answer_done(out);
        return err_set(e, ERR_INTERNAL, "%s: %s answered without \"%s\"", what, server_name(s), key);
}

/* Move the page's rows to the end of all's and take over its "next". */
static void append_page(struct answer *all, const struct answer *page, const char *key)
{
        (void) json_array_extend(json_object_get(all->doc, key), json_object_get(page->doc, key));
        (void) json_object_set(all->doc, "next", json_object_get(page->doc, "next"));
        free(all->text);
        all->text = NULL;
}

int client_list(struct ctl *c, enum server s, const char *path, const char *key, int64_t limit, struct answer *out, struct err *e)
{
        AUTO_ANSWER all = { 0 };
        AUTO(str) after = NULL;
        int64_t have = 0;

        do {
                AUTO_ANSWER page = { 0 };
                int64_t rows = limit && limit - have < PAGE_ROWS ? limit - have : PAGE_ROWS;
                if (get_page(c, s, path, key, rows, after, &page, e))
                        return -1;
                int64_t got = (int64_t) json_array_size(json_object_get(page.doc, key));
                free(after);
                after = got > 0 ? next_key(page.doc) : NULL;
                have += got;
                if (all.doc)
                        append_page(&all, &page, key);
                else
                        all = page, page = (struct answer){ 0 };
        } while (after && (!limit || have < limit));
        if (!all.text)
                all.text = json_text(all.doc);
        *out = all;
        all = (struct answer){ 0 };
        return 0;
}
