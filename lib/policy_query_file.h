/* The part of a policy's file that holds a PromQL gate: schema, and from the document to the struct. Internal to policy_file.c. */
#pragma once

#include <cyaml/cyaml.h>

#include "lib/policy_query.h"

struct doc_query { /* as libcyaml fills it; a NULL pointer is a key that was left out */
        char *name, *query, *of;
        char *min, *max, *fail_below, *fail_above, *failures;
        char *max_percent;
        char *max_ratio, *min_ratio, *expected_percent;
        char *by, *slack_percent;
        char *max_change, *max_change_percent, *min_change, *min_change_percent;
};

extern const cyaml_schema_value_t policy_query_value;

int policy_query_take(const struct doc_query *d, struct policy_query *q, struct err *e);
