/* One error value: a kind that callers branch on and a sentence for people. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

/*        kind          http  exit  retry */
#define ERR_KINDS(X)                                                                                                             \
        X(INVALID, 400, 2, false)      /* the caller must change the request */                                                  \
        X(UNAUTHORIZED, 401, 3, false) /* who are you? */                                                                        \
        X(FORBIDDEN, 403, 3, false)    /* we know you, and no */                                                                 \
        X(NOT_FOUND, 404, 4, false)                                                                                              \
        X(CONFLICT, 409, 5, true)      /* somebody else won; read again */                                                       \
        X(PRECONDITION, 412, 5, false) /* If-Match named another revision */                                                     \
        X(TOO_LARGE, 413, 2, false)    /* over a cap that --help or the docs name */                                             \
        X(RANGE, 416, 2, false)        /* a byte range outside the file */                                                       \
        X(UNAVAILABLE, 503, 6, true)   /* peer down, slow or throttling */                                                       \
        X(TIMEOUT, 504, 6, true)       /* our own deadline passed */                                                             \
        X(INTERNAL, 500, 1, false)     /* our bug */

enum err_kind {
        ERR_NONE,
#define X(name, ...) ERR_##name,
        ERR_KINDS(X)
#undef X
                ERR_KIND_COUNT
};

struct err {
        enum err_kind kind;
        char msg[512];
};

/* Fill *e (which may be NULL) and return -1, so that `return err_set(...)` is the whole failure path. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int err_setv(struct err *e, enum err_kind kind, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));

/* As err_set(), with ": " and the text of errno value `number` appended; kind INTERNAL unless errno says otherwise. */
int err_errno(struct err *e, int number, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Prefix what we were trying to do: "outer: inner". Shortens the outer part, never the cause. Returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

bool err_is_retryable(enum err_kind kind);
int err_http_status(enum err_kind kind);
int err_exit_code(enum err_kind kind);
const char *err_kind_name(enum err_kind kind); /* "not_found"; static storage */
enum err_kind err_kind_from_http(int status);  /* nearest kind for a peer's answer; ERR_NONE below 400 */
