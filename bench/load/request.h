/* The requests that a load sends over and over, made ready once: head and body in one piece. */
#pragma once

#include <stddef.h>

#include "lib/err.h"

struct request {
        char *text;
        size_t len;
};

struct requests {
        struct request *all;
        size_t n;
};

enum { REQUESTS_FILE_MAX = 256 << 20, REQUESTS_COLUMNS_MAX = 1024 };

/*
 * Inference requests (Open Inference Protocol V2, a named tensor per column) of `batch` rows each, from a CSV file whose first
 * line names the columns: numbers, and empty cells that become null. Column `leave_out` (NULL: none) is not sent. Every row is
 * sent; the last request is filled up from the top of the file. No quoting: a cell that is no number is INVALID.
 * `host` and `path` go into the request head.
 */
int requests_from_csv(const char *file, const char *leave_out, int batch, const char *host, const char *path,
                      struct requests *out, struct err *e);

/* One prebuilt JSON body per line. */
int requests_from_lines(const char *file, const char *host, const char *path, struct requests *out, struct err *e);

void requests_done(struct requests *r);
