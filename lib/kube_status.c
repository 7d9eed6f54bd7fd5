/* Two tables, by reason and by code, and the message for people. */
#include "lib/kube_status.h"

#include <stdio.h>
#include <string.h>

#include "lib/auto.h"

/* Reasons first: 409 alone cannot tell "exists" from "conflict". */
static const struct {
        const char *text;
        enum kube_reason reason;
} by_text[] = {
        { "AlreadyExists", KUBE_EXISTS },
        { "Conflict", KUBE_CONFLICT },
        { "Expired", KUBE_GONE },
        { "Gone", KUBE_GONE },
        { "NotFound", KUBE_NOT_FOUND },
        { "Forbidden", KUBE_FORBIDDEN },
        { "Unauthorized", KUBE_UNAUTHORIZED },
        { "TooManyRequests", KUBE_THROTTLED },
};

static const struct {
        int low, high;
        enum kube_reason reason;
} by_code[] = {
        { 401, 401, KUBE_UNAUTHORIZED }, { 403, 403, KUBE_FORBIDDEN }, { 404, 404, KUBE_NOT_FOUND }, { 409, 409, KUBE_CONFLICT },
        { 410, 410, KUBE_GONE },         { 429, 429, KUBE_THROTTLED }, { 400, 499, KUBE_INVALID },   { 500, 599, KUBE_TROUBLE },
};

static const struct {
        const char *name;
        enum err_kind kind;
} reasons[] = {
        [KUBE_NO_ANSWER] = { "NoAnswer", ERR_UNAVAILABLE },
        [KUBE_EXISTS] = { "AlreadyExists", ERR_CONFLICT },
        [KUBE_CONFLICT] = { "Conflict", ERR_CONFLICT },
        [KUBE_TEST_FAILED] = { "TestFailed", ERR_CONFLICT },
        [KUBE_GONE] = { "Gone", ERR_CONFLICT },
        [KUBE_NOT_FOUND] = { "NotFound", ERR_NOT_FOUND },
        [KUBE_INVALID] = { "Invalid", ERR_INVALID },
        [KUBE_UNAUTHORIZED] = { "Unauthorized", ERR_UNAUTHORIZED },
        [KUBE_FORBIDDEN] = { "Forbidden", ERR_FORBIDDEN },
        [KUBE_THROTTLED] = { "Throttled", ERR_UNAVAILABLE },
        [KUBE_TROUBLE] = { "Trouble", ERR_UNAVAILABLE },
};

const char *kube_reason_name(enum kube_reason r)
{
        return reasons[r].name;
}

static enum kube_reason reason_of(const char *text, int code)
{
        for (size_t i = 0; text && i < sizeof by_text / sizeof *by_text; i++)
                if (strcmp(by_text[i].text, text) == 0)
                        return by_text[i].reason;
        for (size_t i = 0; i < sizeof by_code / sizeof *by_code; i++)
                if (code >= by_code[i].low && code <= by_code[i].high)
                        return by_code[i].reason;
        return KUBE_TROUBLE;
}

/* How apimachinery words a JSON Patch that does not apply; every other Invalid names its causes. */
static const char misfit[] = "the server rejected our request due to an error in our request";

void kube_failure_from_status(const char *what, const json_t *doc, int status, struct kube_failure *out)
{
        const char *text = json_string_value(json_object_get(doc, "reason"));
        const char *message = json_string_value(json_object_get(doc, "message"));
        const json_t *code = json_object_get(doc, "code"), *details = json_object_get(doc, "details");
        const json_t *wait_s = json_object_get(details, "retryAfterSeconds");

        *out = (struct kube_failure){ .status = json_is_integer(code) ? (int) json_integer_value(code) : status,
                                      .retry_after_ms = json_is_integer(wait_s) ? json_integer_value(wait_s) * 1000 : -1 };
        out->reason = reason_of(text, out->status);
        if (out->status == 422 && message && strcmp(message, misfit) == 0) {
                out->reason = KUBE_TEST_FAILED;
                message = "the patch does not fit the object as it is now";
        }
        (void) err_set(&out->err, reasons[out->reason].kind, "%s: %s", what, message ? message : "no reason given");
}

void kube_failure_from_answer(const char *what, const struct http_response *r, struct kube_failure *out)
{
        AUTO(json) doc = json_loadb(r->body, r->body_len, JSON_ALLOW_NUL, NULL);
        char start[160];

        if (!json_is_string(json_object_get(doc, "message"))) { /* a proxy or a load balancer speaks */
                (void) snprintf(start, sizeof start, "HTTP status %d: %.*s", r->status, (int) strcspn(r->body, "\r\n"), r->body);
                json_decref(doc);
                doc = json_pack("{s:s?}", "message", start);
        }
        kube_failure_from_status(what, doc, r->status, out);
        if (r->retry_after_ms >= 0)
                out->retry_after_ms = r->retry_after_ms;
}

void kube_failure_from_err(const struct err *e, struct kube_failure *out)
{
        *out = (struct kube_failure){ .err = *e, .reason = KUBE_NO_ANSWER, .retry_after_ms = -1 };
}
