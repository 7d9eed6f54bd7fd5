/* Reading an object of a model document against the list of members that are understood: everything else is refused by name. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "scorer/doc.h"

/* Sets of kinds. An array without elements is of every array kind. */
#define FIELD_TEXT (1u << DOC_STRING)
#define FIELD_INT (1u << DOC_INT)
#define FIELD_OBJECT (1u << DOC_OBJECT)
#define FIELD_LIST (1u << DOC_LIST)
#define FIELD_INTS (1u << DOC_INTS)
#define FIELD_NUMBERS (1u << DOC_INTS | 1u << DOC_FLOATS)

struct field {
        const char *name;
        unsigned kinds;
        bool optional;
};

/* Members of `v` into out[], one per row, NULL where an optional one is absent. INVALID: "PATH.NAME: SENTENCE" when v is no
 * object, a member is unknown, doubled, missing or of the wrong kind. The path of the document itself is "". */
int fields_take(const struct doc_value *v, const char *path, const struct field *rows, size_t n_rows,
                const struct doc_value **out, struct err *e);

/* A member that is a text with a decimal integer within [low, high], as XGBoost writes its parameters. */
int field_int(const struct doc_value *v, const char *path, int64_t low, int64_t high, int64_t *out, struct err *e);

/* INVALID with "PATH.NAME: " in front; -1. `name` NULL: the path by itself. */
int field_refuse(struct err *e, const char *path, const char *name, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
