/* The blocking call, and what responses mean. */
#include "lib/http_client.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/http_client_transfer.h"
#include "lib/json.h"
#include "lib/mem.h"

void http_response_done(struct http_response *r)
{
        free(r->body);
        free(r->etag);
        free(r->content_type);
        *r = (struct http_response){ .retry_after_ms = -1 };
}

/* A handle a thread, because a handle keeps its connections; it goes when the thread does. */
static pthread_key_t handle_key;

static void make_key(void)
{
        http_client_init();
        if (pthread_key_create(&handle_key, curl_easy_cleanup))
                abort();
}

static CURL *thread_handle(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;

        (void) pthread_once(&once, make_key);
        CURL *curl = pthread_getspecific(handle_key);
        if (curl)
                return curl;
        curl = curl_easy_init();
        if (!curl || pthread_setspecific(handle_key, curl))
                abort();
        return curl;
}

int http_fetch(const struct http_call *call, struct http_response *out, struct err *e)
{
        CURL *curl = thread_handle();
        struct http_transfer t;

        http_transfer_init(&t, curl, call);
        int r = http_transfer_result(&t, curl_easy_perform(curl), out, e);
        curl_easy_reset(curl); /* it points into t; connections stay */
        http_transfer_done(&t);
        return r;
}

/* The sentence in a peer's error body: RFC 9457's detail, or a member `error`, or NULL. Borrowed from doc. */
static const char *sentence_of(json_t *doc)
{
        const char *detail = json_string_value(json_object_get(doc, "detail"));

        return detail ? detail : json_string_value(json_object_get(doc, "error"));
}

int http_check(const char *what, const struct http_response *r, struct err *e)
{
        enum err_kind kind = err_kind_from_http(r->status);
        const char *body = r->body ? r->body : "";

        if (kind == ERR_NONE)
                return 0;
        AUTO(json) doc = NULL;
        (void) json_parse("error", body, r->body_len, &doc, NULL);
        const char *sentence = sentence_of(doc);
        if (sentence)
                return err_set(e, kind, "%s: %s", what, sentence);
        int n = (int) strcspn(body, "\r\n");
        return err_set(e, kind, "%s: HTTP status %d%s%.*s", what, r->status, n ? ": " : "", n < 200 ? n : 200, body);
}

char *http_escape(const char *text)
{
        char *escaped = curl_easy_escape(NULL, text, 0);
        char *copy = xstrdup(escaped ? escaped : "");

        curl_free(escaped);
        return copy;
}
