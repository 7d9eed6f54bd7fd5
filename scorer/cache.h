/*
 * Verified files on this machine's disk, so that a scorer that is started again needs no registry. Content is found by its digest and
 * hashed each time it is read: what is not what its name says is deleted, never used. Any number of scorers may share a folder.
 *
 *      DIR/blob-HEX             a file of some version
 *      DIR/version-MODEL-N      the registry's answer for a version
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct cache {
        const char *dir;   /* NULL: there is none, nothing is found or kept */
        int64_t max_bytes; /* of all files together; the longest unused go first */
};

/* 0: found and verified; the caller owns *data, which has `size` bytes. -1: not there. */
int cache_get(const struct cache *c, const char *digest, size_t size, char **data);
/* The stored answer for a version, which is the caller's to verify; -1: not there. */
int cache_get_version(const struct cache *c, const char *model, int64_t version, char **text, size_t *len);

/* Keep it if there is room. A failure costs nothing but the next start. */
int cache_put(const struct cache *c, const char *digest, const void *data, size_t len, struct err *e);
int cache_put_version(const struct cache *c, const char *model, int64_t version, const char *text, size_t len, struct err *e);
/* It turned out to be wrong. */
void cache_drop_version(const struct cache *c, const char *model, int64_t version);
