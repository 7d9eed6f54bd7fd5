/* Error values and the one table that says what each kind means outside. */
#include "lib/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
        const char *name;
        int http, exit;
        bool retry;
} kinds[ERR_KIND_COUNT] = { [ERR_NONE] = { "none", 200, 0, false },
#define X(kind, http, exit, retry) [ERR_##kind] = { #kind, http, exit, retry },
                            ERR_KINDS(X)
#undef X
};

int err_setv(struct err *e, enum err_kind kind, const char *fmt, va_list ap)
{
        if (!e)
                return -1;
        e->kind = kind;
        (void) vsnprintf(e->msg, sizeof e->msg, fmt, ap);
        return -1;
}

int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        (void) err_setv(e, kind, fmt, ap);
        va_end(ap);
        return -1;
}

static enum err_kind kind_of_errno(int number)
{
        switch (number) {
        case ENOENT:
                return ERR_NOT_FOUND;
        case EACCES:
        case EPERM:
                return ERR_FORBIDDEN;
        case ECONNREFUSED:
        case ECONNRESET:
        case EPIPE:
        case EAGAIN:
                return ERR_UNAVAILABLE;
        case ETIMEDOUT:
                return ERR_TIMEOUT;
        default:
                return ERR_INTERNAL;
        }
}

int err_errno(struct err *e, int number, const char *fmt, ...)
{
        char text[128];
        va_list ap;

        if (!e)
                return -1;
        va_start(ap, fmt);
        (void) err_setv(e, kind_of_errno(number), fmt, ap);
        va_end(ap);
        size_t used = strlen(e->msg);
        (void) snprintf(e->msg + used, sizeof e->msg - used, ": %s", strerror_r(number, text, sizeof text));
        return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
        char outer[sizeof(struct err)];
        va_list ap;

        if (!e)
                return -1;
        va_start(ap, fmt);
        (void) vsnprintf(outer, sizeof outer, fmt, ap);
        va_end(ap);
        size_t cause = strlen(e->msg), room = sizeof e->msg - 1 - cause, n = strlen(outer);
        if (room <= 2) /* the cause fills the message: keep it whole */
                return -1;
        if (n > room - 2)
                n = room - 2;
        memmove(e->msg + n + 2, e->msg, cause + 1);
        memcpy(e->msg, outer, n);
        memcpy(e->msg + n, ": ", 2);
        return -1;
}

bool err_is_retryable(enum err_kind kind)
{
        return kind < ERR_KIND_COUNT && kinds[kind].retry;
}

int err_http_status(enum err_kind kind)
{
        return kind < ERR_KIND_COUNT ? kinds[kind].http : 500;
}

int err_exit_code(enum err_kind kind)
{
        return kind < ERR_KIND_COUNT ? kinds[kind].exit : 1;
}

const char *err_kind_name(enum err_kind kind)
{
        return kind < ERR_KIND_COUNT ? kinds[kind].name : "INTERNAL";
}

enum err_kind err_kind_from_http(int status)
{
        if (status < 400)
                return ERR_NONE;
        for (int k = ERR_NONE + 1; k < ERR_KIND_COUNT; k++)
                if (kinds[k].http == status)
                        return k;
        if (status == 429 || status == 502)
                return ERR_UNAVAILABLE;
        return status < 500 ? ERR_INVALID : ERR_INTERNAL;
}
