/* What a client sends to register a version: VERSION-NEW of docs/api.md. */
#pragma once

#include <jansson.h>

#include "lib/auto.h"
#include "lib/sha256.h"
#include "registryd/rules.h"

struct manifest {
        struct manifest_file files[FILES_MAX]; /* sorted by path; text borrowed from the document */
        size_t n_files;
        const char *description;
        char *metadata;  /* canonical JSON */
        char *file_list; /* canonical JSON */
        int64_t size;    /* of all files */
        char digest[DIGEST_TEXT_LEN + 1];
};

/* Check `doc` and make it canonical. The manifest borrows from doc; free with manifest_free(). */
int manifest_new(json_t *doc, struct manifest **out, struct err *e);
void manifest_free(struct manifest *m);
DEFINE_AUTO(manifest, struct manifest *, manifest_free);
