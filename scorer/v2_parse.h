/*
 * Bodies of POST .../infer in the Open Inference Protocol V2 (https://github.com/kserve/open-inference-protocol,
 * specification/protocol/inference_rest.md), turned into rows. Text in, values out: nothing here knows about HTTP.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "scorer/feature_index.h"

/* What the body is judged against. */
struct v2_schema {
        const struct feature_index *features; /* without names, inputs cannot be named */
        uint32_t n_features;
        const char *output; /* the only name that "outputs" may ask for */
        int64_t max_rows;
};

struct v2_request {  /* zeroed: empty */
        float *rows; /* n_rows * n_features, row by row, NaN where missing */
        size_t n_rows;
        char *id; /* as JSON text with its quotes; NULL if there was none */
};

/*
 * INVALID with a sentence that names the input, the member or the byte. On success the caller owns *rq; on failure it is empty.
 * One input [rows, features] of any name, or one input [rows] or [rows, 1] per feature, in any order. Inputs and members that
 * are not known are refused; parameters are accepted and have no effect.
 */
int v2_parse(const struct v2_schema *schema, const char *body, size_t len, struct v2_request *rq, struct err *e);
void v2_request_done(struct v2_request *rq);
