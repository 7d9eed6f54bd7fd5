/*
 * A model file as a tree of typed values: objects and lists of values, and arrays of numbers kept as plain C arrays.
 * Everything lives in one arena that has a cap, so that a hostile file costs bounded memory; doc_done() frees it all.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

enum doc_kind {
        DOC_NULL,
        DOC_BOOL,
        DOC_INT,
        DOC_FLOAT,
        DOC_STRING, /* UTF-8 without NUL bytes, NUL-terminated */
        DOC_OBJECT,
        DOC_LIST,   /* of values other than numbers; also every array without elements */
        DOC_INTS,   /* array of integers; booleans in an array are 0 and 1 */
        DOC_FLOATS, /* array of numbers of which at least one is no integer */
};

struct doc_value {
        const char *key;        /* name inside an object, NULL elsewhere */
        struct doc_value *next; /* sibling in an object or list */
        enum doc_kind kind;
        uint32_t count; /* members, elements, or bytes of a string */
        union {
                bool truth;
                int64_t integer;
                float real;
                const char *text;
                struct doc_value *first;
                const int64_t *ints;
                const float *reals;
        };
};

struct doc_limits {
        size_t max_bytes;  /* of memory */
        size_t max_values; /* numbers in arrays do not count */
        unsigned max_depth;
};

struct doc_block;
struct doc { /* zeroed: empty */
        struct doc_value *root;
        struct doc_limits limits;
        struct doc_block *blocks;
        size_t bytes, values;
};

void doc_done(struct doc *d);

/*
 * Parse exactly one document. The error says at which byte. On success the caller owns *d; on failure it is empty.
 * JSON as XGBoost writes it: RFC 8259, and the tokens NaN, Infinity, -Infinity. Numbers with a fraction or an exponent
 * become the nearest float32, as strtof() has it.
 */
int doc_json_parse(const char *text, size_t len, const struct doc_limits *limits, struct doc *d, struct err *e);
/* UBJSON draft 12 (https://ubjson.org) without H, N and optimised objects, all of which XGBoost never writes. */
int doc_ubjson_parse(const void *data, size_t len, const struct doc_limits *limits, struct doc *d, struct err *e);

/* Element i of DOC_INTS or DOC_FLOATS as a float32. */
static inline float doc_real(const struct doc_value *v, size_t i)
{
        return v->kind == DOC_INTS ? (float) v->ints[i] : v->reals[i];
}

/* "an object", "a list", ... for messages. */
const char *doc_kind_text(enum doc_kind kind);

/* --- for the two parsers --- */

/* `size` bytes of the arena, aligned for any value, or NULL past limits.max_bytes. */
void *doc_alloc(struct doc *d, size_t size, struct err *e);
struct doc_value *doc_add(struct doc *d, enum doc_kind kind, struct err *e);   /* NULL past a limit */
const char *doc_text(struct doc *d, const char *s, size_t len, struct err *e); /* checked copy */

/* An array of numbers that grows: integers until the first float arrives, floats from then on. */
struct doc_numbers { /* zeroed: empty */
        int64_t *ints;
        float *reals;
        size_t count, cap;
        bool are_real;
};

int doc_numbers_add_int(struct doc_numbers *a, const struct doc *d, int64_t v, struct err *e);
int doc_numbers_add_real(struct doc_numbers *a, const struct doc *d, float v, struct err *e);
void doc_numbers_done(struct doc_numbers *a);
/* Move them into an array value of the document. */
int doc_numbers_take(struct doc_numbers *a, struct doc *d, struct doc_value *v, struct err *e);
