/* Requests and answers of the Kubernetes client as texts: paths, statuses, credentials. */
#include <stdlib.h>

#include "lib/auto.h"
#include "lib/base64.h"
#include "lib/clock.h"
#include "lib/kube_exec.h"
#include "lib/kube_request.h"
#include "lib/kube_status.h"
#include "tests/unit/lib/unit.h"

static const struct kube_resource services = { "", "v1", "services" };
static const struct kube_resource routes = { "gateway.networking.k8s.io", "v1", "httproutes" };

static void requests_go_where_the_api_conventions_say(void **state)
{
        static const struct {
                struct kube_call call;
                const char *method, *path;
        } cases[] = {
                { { .verb = KUBE_GET, .resource = &services, .namespace_ = "a", .name = "b" },
                  "GET",
                  "/api/v1/namespaces/a/services/b" },
                { { .verb = KUBE_LIST, .resource = &routes, .query = "limit=5" },
                  "GET",
                  "/apis/gateway.networking.k8s.io/v1/httproutes?limit=5" },
                { { .verb = KUBE_WATCH, .resource = &services, .namespace_ = "a", .query = "resourceVersion=7" },
                  "GET",
                  "/api/v1/namespaces/a/services?resourceVersion=7&watch=1&allowWatchBookmarks=true" },
                { { .verb = KUBE_CREATE, .resource = &services, .namespace_ = "a", .name = "b" },
                  "POST",
                  "/api/v1/namespaces/a/services?fieldManager=sluice" },
                { { .verb = KUBE_UPDATE, .resource = &routes, .namespace_ = "a", .name = "b", .subresource = "status" },
                  "PUT",
                  "/apis/gateway.networking.k8s.io/v1/namespaces/a/httproutes/b/status?fieldManager=sluice" },
                { { .verb = KUBE_APPLY,
                    .resource = &services,
                    .namespace_ = "a",
                    .name = "b:c",
                    .field_manager = "x y",
                    .force = true },
                  "PATCH",
                  "/api/v1/namespaces/a/services/b%3Ac?fieldManager=x%20y&force=true" },
                { { .verb = KUBE_JSON_PATCH, .resource = &services, .namespace_ = "a", .name = "b", .force = true },
                  "PATCH",
                  "/api/v1/namespaces/a/services/b?fieldManager=sluice" },
                { { .verb = KUBE_DELETE, .resource = &services, .namespace_ = "a", .name = "b" },
                  "DELETE",
                  "/api/v1/namespaces/a/services/b" },
                { { .verb = KUBE_GET, .path = "/readyz" }, "GET", "/readyz" },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct kube_request rq;
                struct err e;
                assert_ok(kube_request_init(&rq, &cases[i].call, &e), e);
                assert_string_equal(rq.method, cases[i].method);
                assert_string_equal(rq.path, cases[i].path);
                kube_request_done(&rq);
        }
}

static void names_that_would_lead_elsewhere_are_refused(void **state)
{
        static const char *const names[] = { "", ".", "..", "a/b", "a%2fb", NULL };
        (void) state;

        for (size_t i = 0; i < LENGTH(names); i++) {
                struct kube_call call = { .verb = KUBE_GET, .resource = &services, .namespace_ = "a", .name = names[i] };
                struct kube_request rq;
                struct err e = { 0 };
                assert_failed(kube_request_init(&rq, &call, &e), e, ERR_INVALID, "no Kubernetes name");
                kube_request_done(&rq);
        }
}

static void statuses_become_reasons(void **state)
{
        static const struct {
                int status;
                const char *body;
                enum kube_reason reason;
                enum err_kind kind;
                const char *text;
        } cases[] = {
                { 409, "{\"reason\":\"AlreadyExists\",\"message\":\"there\",\"code\":409}", KUBE_EXISTS, ERR_CONFLICT, "there" },
                { 409, "{\"reason\":\"Conflict\",\"message\":\"modified\",\"code\":409}", KUBE_CONFLICT, ERR_CONFLICT,
                  "modified" },
                { 410, "{\"reason\":\"Expired\",\"message\":\"old\",\"code\":410}", KUBE_GONE, ERR_CONFLICT, "old" },
                { 200, "{\"reason\":\"Gone\",\"message\":\"old\",\"code\":410}", KUBE_GONE, ERR_CONFLICT, "old" },
                { 422, "{\"reason\":\"Invalid\",\"message\":\"no\",\"code\":422}", KUBE_INVALID, ERR_INVALID, "no" },
                { 422,
                  "{\"reason\":\"Invalid\",\"code\":422,\"message\":\"the server rejected our request due to an error in our "
                  "request\"}",
                  KUBE_TEST_FAILED, ERR_CONFLICT, "does not fit" },
                { 403, "{\"reason\":\"Forbidden\",\"message\":\"who\",\"code\":403}", KUBE_FORBIDDEN, ERR_FORBIDDEN, "who" },
                { 500, "{\"reason\":\"InternalError\",\"message\":\"etcd\",\"code\":500}", KUBE_TROUBLE, ERR_UNAVAILABLE,
                  "etcd" },
                { 504, "{\"reason\":\"Timeout\",\"message\":\"slow\",\"code\":504}", KUBE_TROUBLE, ERR_UNAVAILABLE, "slow" },
                { 502, "<html>\nbad gateway", KUBE_TROUBLE, ERR_UNAVAILABLE, "HTTP status 502: <html>" },
                { 404, "", KUBE_NOT_FOUND, ERR_NOT_FOUND, "HTTP status 404" },
                { 400, "[]", KUBE_INVALID, ERR_INVALID, "HTTP status 400" },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct http_response r = { .status = cases[i].status,
                                           .body = (char *) cases[i].body,
                                           .body_len = strlen(cases[i].body),
                                           .retry_after_ms = -1 };
                struct kube_failure f;
                kube_failure_from_answer("GET x", &r, &f);
                assert_string_equal(kube_reason_name(f.reason), kube_reason_name(cases[i].reason));
                assert_int_equal(f.err.kind, cases[i].kind);
                assert_contains(f.err.msg, cases[i].text);
                assert_contains(f.err.msg, "GET x: ");
        }
}

static void the_wait_comes_from_the_header_or_the_details(void **state)
{
        static const char body[] = "{\"message\":\"m\",\"code\":429,\"details\":{\"retryAfterSeconds\":5}}";
        struct http_response r = { .status = 429, .body = (char *) body, .body_len = sizeof body - 1, .retry_after_ms = -1 };
        struct kube_failure f;
        (void) state;

        kube_failure_from_answer("x", &r, &f);
        assert_int_equal(f.retry_after_ms, 5000);
        r.retry_after_ms = 1000;
        kube_failure_from_answer("x", &r, &f);
        assert_int_equal(f.retry_after_ms, 1000);
}

static void credentials_are_read(void **state)
{
        static const char text[] = "{\"apiVersion\":\"v\",\"kind\":\"ExecCredential\",\"more\":1,\"status\":{\"token\":\"t\","
                                   "\"expirationTimestamp\":\"1970-01-01T02:00:01.5+02:00\"}}";
        struct kube_credential c;
        struct err e;
        (void) state;

        assert_ok(kube_credential_parse(text, sizeof text - 1, "v", &c, &e), e);
        assert_string_equal(c.token, "t");
        assert_null(c.cert);
        assert_int_equal(c.expires_wall_ms, 1500);
        kube_credential_done(&c);
        assert_failed(kube_credential_parse(text, sizeof text - 1, "w", &c, &e), e, ERR_INVALID, "not an ExecCredential of w");
}

static void base64_is_exact(void **state)
{
        static const char *const good[][2] = { { "", "" },        { "YQ==", "a" },       { "YWI=", "ab" },
                                               { "YWJj", "abc" }, { "YW\nJj\n", "abc" }, { "YWJjZA==", "abcd" } };
        static const char *const bad[] = { "Y", "YQ", "YQ=", "Y===", "====", "YQ==YQ==", "Y!==", "YQ=a" };
        size_t len;
        struct err e;
        (void) state;

        for (size_t i = 0; i < LENGTH(good); i++) {
                AUTO(str) out = NULL;
                assert_ok(base64_decode("x", good[i][0], &out, &len, &e), e);
                assert_string_equal(out, good[i][1]);
                assert_int_equal(len, strlen(good[i][1]));
        }
        for (size_t i = 0; i < LENGTH(bad); i++) {
                char *out;
                assert_failed(base64_decode("x", bad[i], &out, &len, &e), e, ERR_INVALID, "no base64");
        }
        AUTO(str) text = base64_encode("abcd", 4);
        assert_string_equal(text, "YWJjZA==");
}

static void times_of_every_form_are_read(void **state)
{
        static const struct {
                const char *text;
                int64_t ms;
        } cases[] = { { "1970-01-01T00:00:00Z", 0 },
                      { "1970-01-01T00:00:01.25Z", 1250 },
                      { "1970-01-01T00:00:00.123456789Z", 123 },
                      { "1970-01-01T01:30:00+01:30", 0 },
                      { "1969-12-31T23:00:00-01:00", 0 } };
        static const char *const bad[] = { "",
                                           "1970-01-01",
                                           "1970-01-01T00:00:00",
                                           "1970-01-01T00:00:00+1",
                                           "1970-01-01T00:00:00ZZ",
                                           "1970-01-01T00:00:00+01:00x" };
        int64_t ms;
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                assert_int_equal(clock_rfc3339_any(cases[i].text, &ms), 0);
                assert_int_equal(ms, cases[i].ms);
        }
        for (size_t i = 0; i < LENGTH(bad); i++)
                assert_int_equal(clock_rfc3339_any(bad[i], &ms), -1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(requests_go_where_the_api_conventions_say),
                cmocka_unit_test(names_that_would_lead_elsewhere_are_refused),
                cmocka_unit_test(statuses_become_reasons),
                cmocka_unit_test(the_wait_comes_from_the_header_or_the_details),
                cmocka_unit_test(credentials_are_read),
                cmocka_unit_test(base64_is_exact),
                cmocka_unit_test(times_of_every_form_are_read),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
