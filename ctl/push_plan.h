/* What a push will send: local files with their paths in the version, and the version's metadata. */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "ctl/app.h"
#include "lib/sha256.h"

enum { PUSH_FILES_MAX = 1000, PUSH_METADATA_MAX = 64 << 10 };

struct push_file {
        char *local; /* where it is here */
        char *path;  /* what it is called in the version */
        int64_t size;
        char digest[DIGEST_TEXT_LEN + 1]; /* filled by push_hash() */
};

struct push_plan {
        struct push_file *files;
        size_t n_files;
        json_t *metadata; /* an object */
};

/* FILE or FILE=PATH of each argument after the model. INVALID for folders, empty or doubled paths; NOT_FOUND. */
int push_files(const struct call *call, struct push_plan *plan, struct err *e);
/* --meta and, unless --no-git, the Git checkout around the current folder. */
int push_metadata(const struct ctl *c, const struct call *call, struct push_plan *plan, struct err *e);
/* Read every file once, with progress. */
int push_hash(const struct ctl *c, struct push_plan *plan, struct err *e);
void push_plan_done(struct push_plan *plan);

/* KEY=TEXT or KEY:=JSON into the object. INVALID for broken JSON or a key that is there already. Pure. */
int push_add_pair(json_t *metadata, const char *pair, struct err *e);
