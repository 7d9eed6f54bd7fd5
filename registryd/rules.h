/* The registry's rules: values in, values out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

enum {
        CHUNK_BYTES = 1 << 20, /* one row of registry.chunk */
        FILES_MAX = 1000,      /* per version */
        METADATA_MAX = 65536,  /* bytes of canonical JSON */
        METADATA_DEPTH = 32,   /* levels: half of what lib/json.h reads, for what it is wrapped in */
        DESCRIPTION_MAX = 4096,
        REASON_MAX = 1024,
        DECISIONS_MAX = 500,       /* of one batch */
        DECISION_EVENT_MAX = 8192, /* bytes of compact JSON */
        DECISION_KIND_MAX = 32,
};

/* --- manifests --- */

struct manifest_file {
        const char *path, *digest;
        int64_t size;
};

/*
 * Sort by path (bytes) and check: 1 to FILES_MAX files, good paths and digests, no path twice, none that is a file here and a
 * folder there. INVALID names the file.
 */
int manifest_check(struct manifest_file *files, size_t n, struct err *e);

/* --- which version --- */

struct version_ref {
        int64_t number;   /* 0: by name */
        const char *name; /* an alias or a digest, borrowed from the text; "" when by number */
};

int version_ref_parse(const char *text, struct version_ref *out, struct err *e); /* "3", "@champion" or "sha256:..." */

/* --- byte ranges (RFC 9110, 14.1.2) --- */

struct byte_range {
        int64_t first, length;
        bool partial; /* answer with 206 */
};

/*
 * The first range of a Range header (NULL: absent) for a file of `size` bytes. What is no byte range is ignored, as the RFC has
 * it: then the whole file. RANGE when no byte of the file is asked for.
 */
int range_parse(const char *header, int64_t size, struct byte_range *out, struct err *e);

/* Does an If-None-Match or If-Range header name this entity tag (without its quotes)? `*` does, weak tags too. */
bool etag_is_listed(const char *header, const char *tag);

/* --- compare and set --- */

struct precondition {
        bool must_exist, must_not_exist;
        int64_t revision; /* 0: any */
};

/* If-Match: "REVISION" or *; If-None-Match: *. NULL: absent. Anything else is INVALID. */
int precondition_parse(const char *if_match, const char *if_none_match, struct precondition *out, struct err *e);
/* `revision` is the one that stands, 0 if there is none. PRECONDITION when it is not the one asked for. */
int precondition_check(const struct precondition *p, int64_t revision, struct err *e);

/* --- decisions --- */

struct decision { /* what rolloutd did with a target's traffic; see docs/api.md, DECISION */
        const char *target, *model, *kind, *reason;
        int64_t number, at_ms, epoch;
        size_t event_bytes;
};

int decision_check(const struct decision *d, struct err *e);

/* --- text --- */

/* A description or reason: at most `max` bytes, no control characters but newline and tab. */
int text_check(const char *what, const char *text, size_t max, struct err *e);

/* A token's form, whoever made it: 20 to 256 visible ASCII characters. */
int token_check(const char *token, struct err *e);
