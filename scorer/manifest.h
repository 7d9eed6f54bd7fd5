/* The registry's answer for one version (VERSION of docs/api.md), checked against its own digest. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/err.h"
#include "lib/sha256.h"

struct manifest_file {
        const char *path, *digest; /* borrowed from doc */
        int64_t size;
};

struct manifest { /* zeroed: empty */
        json_t *doc;
        struct manifest_file *files; /* sorted by path */
        size_t n_files;
        size_t model;  /* index of the model file */
        size_t golden; /* of the golden rows; n_files: the version has none */
        char digest[DIGEST_TEXT_LEN + 1];
};

/*
 * Read the answer's text. INVALID when it is no VERSION, when files and metadata do not have the digest it states, or when
 * the model file cannot be told: metadata.scorer.file names it, otherwise it is the only one ending in .json or .ubj. Golden rows are in the
 * file that metadata.scorer.golden names, otherwise in golden.jsonl, if there is one.
 */
int manifest_read(const char *text, size_t len, const char *model, int64_t version, struct manifest *m, struct err *e);
void manifest_done(struct manifest *m);
