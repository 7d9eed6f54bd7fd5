/* A call as libcurl options, and its outcome as response or error. */
#include "lib/http_client_transfer.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/mem.h"
#include "lib/version.h"

enum {
        CONNECT_TIMEOUT_MS = 2000,
        CALL_TIMEOUT_MS = 10000,
        BODY_MAX_BYTES = 4 << 20,
        READ_BUFFER_BYTES = 512 << 10, /* libcurl's largest */
        SEND_BUFFER_BYTES = 1 << 20,
        KEEPALIVE_S = 15,
        RETRY_AFTER_MAX_S = 86400,
};

DEFINE_AUTO(url, CURLU *, curl_url_cleanup);
DEFINE_AUTO(curl_str, char *, curl_free);

static void init_once(void)
{
        if (curl_global_init(CURL_GLOBAL_DEFAULT))
                abort(); /* OpenSSL is broken: no call could ever work */
}

void http_client_init(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;

        (void) pthread_once(&once, init_once);
}

static size_t on_body(char *data, size_t one, size_t n, void *arg)
{
        struct http_transfer *t = arg;
        long status = 0;

        (void) one;
        if (t->dropped)
                return CURL_WRITEFUNC_ERROR;
        (void) curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
        if (t->call.write && status >= 200 && status < 300) {
                t->gave_up = t->call.write(t->call.arg, data, n) < 0;
                return t->gave_up ? CURL_WRITEFUNC_ERROR : n;
        }
        return strbuf_add(&t->body, data, n) ? n : CURL_WRITEFUNC_ERROR;
}

static size_t on_send(char *out, size_t one, size_t n, void *arg)
{
        struct http_transfer *t = arg;

        if (t->dropped)
                return CURL_READFUNC_ABORT;
        ssize_t got = t->call.read(t->call.arg, out, one * n);

        t->gave_up = got < 0;
        return got < 0 ? CURL_READFUNC_ABORT : (size_t) got;
}

static void add_header(struct http_transfer *t, const char *line)
{
        struct curl_slist *longer = curl_slist_append(t->headers, line);

        if (!longer)
                abort();
        t->headers = longer;
}

static void set_headers(struct http_transfer *t)
{
        const struct http_call *c = &t->call;

        for (const char *const *h = c->headers; h && *h; h++)
                add_header(t, *h);
        if (c->bearer) {
                AUTO(str) line = xasprintf("Authorization: Bearer %s", c->bearer);
                add_header(t, line);
        }
        if (c->body || c->read) {
                const char *fallback = c->read ? "application/octet-stream" : "application/json";
                AUTO(str) line = xasprintf("Content-Type: %s", c->content_type ? c->content_type : fallback);
                add_header(t, line);
        } else {
                add_header(t, "Content-Type:"); /* else libcurl calls an empty POST a form */
        }
        (void) curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, t->headers);
}

static void set_method(struct http_transfer *t)
{
        const struct http_call *c = &t->call;
        const char *method = c->method ? c->method : "GET";

        if (strcmp(method, "HEAD") == 0) {
                (void) curl_easy_setopt(t->curl, CURLOPT_NOBODY, 1L);
                return;
        }
        if (c->read) {
                (void) curl_easy_setopt(t->curl, CURLOPT_UPLOAD, 1L);
                (void) curl_easy_setopt(t->curl, CURLOPT_READFUNCTION, on_send);
                (void) curl_easy_setopt(t->curl, CURLOPT_READDATA, t);
                (void) curl_easy_setopt(t->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t) c->upload_size);
                (void) curl_easy_setopt(t->curl, CURLOPT_UPLOAD_BUFFERSIZE, (long) SEND_BUFFER_BYTES);
        } else if (c->body || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0) {
                (void) curl_easy_setopt(t->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) (c->body ? c->body_len : 0));
                (void) curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, c->body ? c->body : "");
        }
        (void) curl_easy_setopt(t->curl, CURLOPT_CUSTOMREQUEST, method);
}

/* Whole calls have a deadline; streams have one for silence only, since nobody knows how long a gigabyte takes. */
static void set_limits(struct http_transfer *t)
{
        int64_t ms = t->call.timeout_ms ? t->call.timeout_ms : CALL_TIMEOUT_MS;
        bool streams = t->call.read || t->call.write;

        strbuf_init(&t->body, t->call.max_body ? t->call.max_body : BODY_MAX_BYTES);
        (void) curl_easy_setopt(t->curl, CURLOPT_CONNECTTIMEOUT_MS, (long) (ms < CONNECT_TIMEOUT_MS ? ms : CONNECT_TIMEOUT_MS));
        if (streams) {
                (void) curl_easy_setopt(t->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
                (void) curl_easy_setopt(t->curl, CURLOPT_LOW_SPEED_TIME, (long) ((ms + 999) / 1000));
                (void) curl_easy_setopt(t->curl, CURLOPT_BUFFERSIZE, (long) READ_BUFFER_BYTES);
                (void) curl_easy_setopt(t->curl, CURLOPT_TIMEOUT_MS, (long) t->call.stream_ms);
                (void) curl_easy_setopt(t->curl, CURLOPT_TCP_KEEPALIVE, 1L);
                (void) curl_easy_setopt(t->curl, CURLOPT_TCP_KEEPIDLE, (long) KEEPALIVE_S);
                (void) curl_easy_setopt(t->curl, CURLOPT_TCP_KEEPINTVL, (long) KEEPALIVE_S);
        } else {
                (void) curl_easy_setopt(t->curl, CURLOPT_TIMEOUT_MS, (long) ms);
        }
}

/* Proxies come from the environment as everywhere; what listens on this machine is never asked through one of those. */
static void set_proxy(struct http_transfer *t)
{
        const char *rest = getenv("no_proxy");

        if (t->call.proxy) {
                (void) curl_easy_setopt(t->curl, CURLOPT_PROXY, t->call.proxy);
                (void) curl_easy_setopt(t->curl, CURLOPT_NOPROXY, "");
                return;
        }
        if (!rest)
                rest = getenv("NO_PROXY");
        t->no_proxy = xasprintf("localhost,127.0.0.0/8,::1%s%s", rest ? "," : "", rest ? rest : "");
        (void) curl_easy_setopt(t->curl, CURLOPT_NOPROXY, rest && strcmp(rest, "*") == 0 ? "*" : t->no_proxy);
}

static void set_pem(CURL *curl, CURLoption option, const char *pem)
{
        struct curl_blob blob = { .data = (void *) pem, .len = pem ? strlen(pem) : 0, .flags = CURL_BLOB_COPY };

        if (pem)
                (void) curl_easy_setopt(curl, option, &blob);
}

/* libcurl sends and verifies the name in the URL, so the URL gets the certificate's name and the connection the real address. */
static void set_server_name(struct http_transfer *t, const char *name)
{
        AUTO(url) u = curl_url();
        AUTO(curl_str) host = NULL;
        AUTO(curl_str) port = NULL;
        AUTO(curl_str) url = NULL;

        if (!u)
                abort();
        if (curl_url_set(u, CURLUPART_URL, t->call.url, 0) || curl_url_get(u, CURLUPART_HOST, &host, 0) ||
            curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) || curl_url_set(u, CURLUPART_HOST, name, 0) ||
            curl_url_get(u, CURLUPART_URL, &url, 0))
                return; /* no URL: the call itself will say so */
        AUTO(str) to = xasprintf("::%s:%s", host, port);
        AUTO(str) header_line = xasprintf("Host: %s:%s", host, port);
        t->connect_to = curl_slist_append(NULL, to);
        add_header(t, header_line);
        (void) curl_easy_setopt(t->curl, CURLOPT_URL, url);
        (void) curl_easy_setopt(t->curl, CURLOPT_CONNECT_TO, t->connect_to);
        (void) curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, t->headers);
}

static void set_tls(struct http_transfer *t)
{
        const struct http_tls *tls = t->call.tls;

        if (!tls)
                return;
        if (tls->ca) { /* and nobody else */
                (void) curl_easy_setopt(t->curl, CURLOPT_CAINFO, NULL);
                (void) curl_easy_setopt(t->curl, CURLOPT_CAPATH, NULL);
                set_pem(t->curl, CURLOPT_CAINFO_BLOB, tls->ca);
        }
        set_pem(t->curl, CURLOPT_SSLCERT_BLOB, tls->cert);
        set_pem(t->curl, CURLOPT_SSLKEY_BLOB, tls->key);
        if (tls->server_name)
                set_server_name(t, tls->server_name);
        (void) curl_easy_setopt(t->curl, CURLOPT_SSL_VERIFYPEER, tls->insecure ? 0L : 1L);
        (void) curl_easy_setopt(t->curl, CURLOPT_SSL_VERIFYHOST, tls->insecure ? 0L : 2L);
}

void http_transfer_init(struct http_transfer *t, CURL *curl, const struct http_call *call)
{
        *t = (struct http_transfer){ .call = *call, .curl = curl };
        (void) curl_easy_setopt(curl, CURLOPT_URL, call->url);
        (void) curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        (void) curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        (void) curl_easy_setopt(curl, CURLOPT_USERAGENT, "sluice/" SLUICE_VERSION);
        (void) curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, t->text);
        (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
        (void) curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
        if (call->unix_socket)
                (void) curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, call->unix_socket);
        if (call->http1)
                (void) curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
        set_method(t);
        set_headers(t);
        set_limits(t);
        set_proxy(t);
        set_tls(t);
}

static enum err_kind kind_of(CURLcode code)
{
        switch ((int) code) { /* an int: libcurl has a hundred codes, and most mean that nobody answered */
        case CURLE_OPERATION_TIMEDOUT:
                return ERR_TIMEOUT;
        case CURLE_URL_MALFORMAT:
        case CURLE_UNSUPPORTED_PROTOCOL:
                return ERR_INVALID;
        default:
                return ERR_UNAVAILABLE;
        }
}

static int failed(struct http_transfer *t, CURLcode code, struct err *e)
{
        const char *method = t->call.method ? t->call.method : "GET";

        if (t->gave_up)
                return err_set(e, ERR_INTERNAL, "%s %s: given up half-way", method, t->call.url);
        if (!strbuf_ok(&t->body))
                return err_set(e, ERR_TOO_LARGE, "%s %s: the answer is over %zu bytes", method, t->call.url, t->body.max);
        return err_set(e, kind_of(code), "%s %s: %s", method, t->call.url, *t->text ? t->text : curl_easy_strerror(code));
}

static char *header(CURL *curl, const char *name)
{
        struct curl_header *h;

        return curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK ? xstrdup(h->value) : NULL;
}

static int64_t retry_after_ms(CURL *curl)
{
        AUTO(str) value = header(curl, "Retry-After");
        curl_off_t seconds = 0;

        (void) curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &seconds); /* understands dates too */
        if (!value || (seconds == 0 && !isdigit((unsigned char) *value)))
                return -1;
        return 1000 * (seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S);
}

/* A server that refuses an upload may answer and close while we still send: its answer says more than the broken pipe. */
static bool refused_while_sending(struct http_transfer *t, CURLcode code, long status)
{
        return (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR) && t->call.read && status >= 400;
}

int http_transfer_result(struct http_transfer *t, CURLcode code, struct http_response *out, struct err *e)
{
        long status = 0;

        *out = (struct http_response){ .retry_after_ms = -1 };
        (void) curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
        if (code != CURLE_OK && !refused_while_sending(t, code, status))
                return failed(t, code, e);
        out->status = (int) status;
        out->etag = header(t->curl, "ETag");
        out->content_type = header(t->curl, "Content-Type");
        out->retry_after_ms = retry_after_ms(t->curl);
        out->body_len = t->body.len;
        out->body = strbuf_take(&t->body);
        return 0;
}

void http_transfer_done(struct http_transfer *t)
{
        curl_slist_free_all(t->headers);
        curl_slist_free_all(t->connect_to);
        strbuf_done(&t->body);
        free(t->no_proxy);
        *t = (struct http_transfer){ 0 };
}
