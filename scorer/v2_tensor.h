/*
 * One tensor of a V2 request (Open Inference Protocol, REST, "$request_input"). The members of a tensor may come in any order,
 * so data is read into floats as it comes, with enough remembered to judge it once shape and datatype are known.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scorer/scan.h"

enum { V2_RANK_MAX = 2 };

/* The numbers of all tensors of a request, one after the other; NaN where missing. Bounded by the text they come from. */
struct v2_values { /* zeroed: empty */
        float *v;
        size_t n, cap;
};

struct v2_tensor {
        struct scan_text name;
        int64_t shape[V2_RANK_MAX];
        int rank;
        size_t first, count; /* in the values */
};

/* Read the tensor whose opening brace is next, and check that data is what datatype and shape say. INVALID otherwise. */
int v2_tensor_scan(struct scan *s, struct v2_values *values, struct v2_tensor *t);
