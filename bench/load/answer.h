/* What the load generator has to know of HTTP/1.1: one answer to a POST, with a Content-Length. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

enum { ANSWER_MAX = 4 << 20, ANSWER_VERSION_MAX = 16 };

struct answer {
        int status;
        bool closes; /* the server will not take another request on this connection */
        size_t head_len, body_len;
        char version[ANSWER_VERSION_MAX]; /* header X-Sluice-Version, else the body's "model_version"; "" when neither is there */
};

/* 1: a whole answer lies at the start of `data`, *out describes it. 0: more bytes are needed. -1: this is no such answer. */
int answer_parse(const char *data, size_t len, struct answer *out, struct err *e);
