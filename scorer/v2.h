/*
 * One model version behind the Open Inference Protocol V2: bytes in, bytes out. Whatever carries them calls this and
 * turns errors into {"error": ...} with the status of their kind. Immutable after v2_open(); any number of threads may ask.
 */
#pragma once

#include <stdint.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "scorer/feature_index.h"
#include "scorer/model.h"
#include "scorer/tally.h"

enum { V2_ANSWER_MAX = 64 << 20 }; /* the maximum for `out` that holds every answer */

struct v2 { /* zeroed: closed */
        char *name, *version, *output;
        struct model model;
        struct feature_index features;
        int64_t max_rows;
};

/* Takes over *model, which is empty afterwards, even on failure. INVALID when two features share a name. */
int v2_open(struct v2 *v, const char *name, const char *version, const char *output, int64_t max_rows, struct model *model,
            struct err *e);
void v2_close(struct v2 *v);

/* Is this the model of the path? `version` NULL: any. NOT_FOUND says what is served. */
int v2_check(const struct v2 *v, const char *name, const char *version, struct err *e);

/* Score the body of an infer request. INVALID when the request has to change. seen: what was in it and came out; NULL: nobody asks. */
int v2_infer(const struct v2 *v, const char *body, size_t len, struct strbuf *out, struct tally *seen, struct err *e);
/* The model's metadata. INTERNAL when its features' names are too long for `out`. */
int v2_describe(const struct v2 *v, struct strbuf *out, struct err *e);
