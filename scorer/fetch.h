/*
 * One version from registryd into memory: every file downloaded and verified, the model file and the golden rows kept, here and in a cache
 * on disk. While the registry is away the cache serves instead; a version whose digest is known is taken from there without asking.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/sha256.h"
#include "scorer/cache.h"

struct fetch_config {
        const char *registry; /* base URL */
        const char *token;    /* NULL: none */
        const char *model;
        int64_t version;
        const char *digest; /* that the version has to have; NULL: whichever it has */
        struct cache cache;
        int64_t max_bytes;         /* of all files together */
        int64_t wait_ms;           /* how long to go on trying while the registry is unavailable; 0: one try */
        const atomic_bool *cancel; /* true: give up at the next opportunity */
};

struct fetched { /* zeroed: nothing */
        char *data;
        size_t len;
        char *path;   /* of the model file inside the version */
        char *golden; /* golden rows; NULL: it has none */
        size_t golden_len;
        char digest[DIGEST_TEXT_LEN + 1]; /* of the version */
        bool cached;                      /* without the registry */
};

/* Blocking. On success the caller owns *out. INVALID when bytes or manifest do not have the digest they should have. */
int fetch_version(const struct fetch_config *config, struct fetched *out, struct err *e);
void fetched_done(struct fetched *f);
