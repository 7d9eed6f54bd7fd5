/*
 * HTTP client over libcurl: one blocking call for programs that do one thing at a time, and a loop for the controller.
 * Only http_client*.c sees libcurl. TLS certificates are verified; redirects are not followed; proxies come
 * from the environment, but never for loopback addresses.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"

struct http_tls {                /* PEM texts; NULL where there is none */
        const char *ca;          /* trusted instead of the system's authorities */
        const char *cert, *key;  /* the client's own */
        const char *server_name; /* the name in the server's certificate, if it is not the URL's host */
        bool insecure;           /* verify nothing: the user has asked for it in so many words */
};

struct http_call {
        const char *method;         /* NULL: GET */
        const char *url;            /* http:// or https:// */
        const char *unix_socket;    /* connect here instead of the URL's host; NULL: no */
        const char *bearer;         /* token; NULL: none */
        const struct http_tls *tls; /* borrowed until the call has started; NULL: system's authorities, no certificate */
        const char *proxy;          /* this proxy whatever the environment says; NULL: the environment's */
        bool http1;                 /* HTTP/1.1 even if the peer offers HTTP/2: a connection a call, so none waits for another */
        const char *const *headers; /* "Name: value" lines, ended by NULL; NULL for none */
        const char *content_type;   /* NULL: application/json for a body, application/octet-stream for a streamed one */
        const void *body;           /* sent whole; borrowed until the call ends */
        size_t body_len;
        /* Streamed request body of `upload_size` bytes, -1 if unknown (when .read is set): returns bytes read, 0 at the end, -1
         * to give up. */
        ssize_t (*read)(void *arg, void *out, size_t max);
        int64_t upload_size;
        /* Streamed answer of 2xx replies (when .write is set): -1 gives up. Other replies still land in response.body. In a loop,
         * write may start and cancel calls. */
        int (*write)(void *arg, const void *data, size_t len);
        void *arg;          /* for read and write */
        int64_t timeout_ms; /* whole call; 0: 10 s. With read or write: no byte for this long */
        int64_t stream_ms;  /* with read or write: the whole call; 0: no limit */
        size_t max_body;    /* cap of response.body; 0: 4 MiB; beyond it the call fails with TOO_LARGE */
};

struct http_response {
        int status;
        char *body; /* NUL-terminated, never NULL after success */
        size_t body_len;
        char *etag; /* header values; NULL when absent */
        char *content_type;
        int64_t retry_after_ms; /* at most a day; -1 when absent */
};

void http_response_done(struct http_response *r);
#define AUTO_RESPONSE __attribute__((cleanup(http_response_done))) struct http_response

/*
 * Blocking. 0 when an answer came, whatever its status; -1 when none did: UNAVAILABLE (refused, reset, name not found),
 * TIMEOUT, TOO_LARGE, INVALID (no http URL) or INTERNAL (read or write gave up). *out is zeroed first. Connections are kept
 * per thread and reused.
 */
int http_fetch(const struct http_call *call, struct http_response *out, struct err *e);

/* Turn a status of 400 and above into an error: kind by status, message from problem+json's detail (or `error`, or the
 * start of the body). 0 for everything below. `what` says what we were trying to do. */
int http_check(const char *what, const struct http_response *r, struct err *e);

/* --- the controller's loop: any number of calls in flight, no threads --- */

struct http_loop;
struct http_flight;

/* Exactly one of r and failure is non-NULL; both are dead after the return. */
typedef void (*http_done_fn)(void *arg, const struct http_response *r, const struct err *failure);

struct http_loop *http_loop_new(void);
void http_loop_free(struct http_loop *l); /* drops calls in flight without calling done */

/* Start a call; what `call` points to must live until done. done runs from http_loop_poll() or _run(), never from here. */
struct http_flight *http_loop_start(struct http_loop *l, const struct http_call *call, http_done_fn done, void *arg);
void http_loop_cancel(struct http_loop *l, struct http_flight *f); /* done will not run */

/* Wait for traffic, for `extra` descriptors (revents filled) or for the timeout, then run the done functions that are
 * due. 0, or -1 when the loop itself is broken. */
int http_loop_poll(struct http_loop *l, struct pollfd *extra, unsigned n_extra, int timeout_ms);

/* The same in parts, for a loop inside another loop: a descriptor that is readable when there is traffic, the milliseconds after
 * which to run it anyway (-1: no need), and the run itself, which never waits. */
int http_loop_fd(const struct http_loop *l);
int http_loop_wait_ms(const struct http_loop *l);
int http_loop_run(struct http_loop *l);

/* Percent-encode one path segment or query value. Caller frees. */
char *http_escape(const char *text);
