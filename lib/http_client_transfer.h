/* One call on one libcurl handle: what http_fetch() and http_loop share. Private to http_client*.c. */
#pragma once

#include <curl/curl.h>

#include "lib/http_client.h"
#include "lib/strbuf.h"

struct http_transfer {
        struct http_call call;
        CURL *curl; /* borrowed */
        struct curl_slist *headers, *connect_to;
        char *no_proxy;
        struct strbuf body;
        bool gave_up; /* the caller's read or write returned -1 */
        bool dropped; /* cancelled while libcurl was running it: no more data to the caller */
        char text[CURL_ERROR_SIZE];
};

/* Prepare `curl` (fresh or reset) for `call`; t must stay where it is until http_transfer_done(). */
void http_transfer_init(struct http_transfer *t, CURL *curl, const struct http_call *call);

/* The transfer has ended with `code`: the answer, or why there is none. */
int http_transfer_result(struct http_transfer *t, CURLcode code, struct http_response *out, struct err *e);
void http_transfer_done(struct http_transfer *t);

void http_client_init(void); /* libcurl's global state, once */
