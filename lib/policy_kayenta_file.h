/* gates.kayenta of a policy's file: its part of the schema, and from the document to the struct. Internal to policy_file.c. */
#pragma once

#include <cyaml/cyaml.h>

#include "lib/policy_kayenta.h"

struct doc_kayenta_group {
        char *name, *weight;
};

struct doc_kayenta_metric {
        char *name, *query, *group;
        int *direction, *nan, *outliers, *effect;
        int critical, must_have_data;
        char *outlier_factor, *allowed_increase, *allowed_decrease, *critical_increase, *critical_decrease;
};

struct doc_kayenta {
        char *pass, *marginal, *interval, *points;
        struct doc_kayenta_group *groups;
        unsigned groups_count;
        struct doc_kayenta_metric *metrics;
        unsigned metrics_count;
};

extern const cyaml_schema_field_t policy_kayenta_fields[];

/* doc NULL: no such gate. */
int policy_kayenta_take(const struct doc_kayenta *doc, struct policy_kayenta *out, struct err *e);
