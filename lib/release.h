/*
 * A release: a model version together with the way it is run. The first way of version 7 is written "7", later ones "7.1",
 * "7.2". Where only the version matters (one machine), a release's key is the version's number.
 */
#pragma once

#include <stdint.h>

#include "lib/err.h"

enum { RELEASE_TEXT_LEN = 32, RELEASE_BUILD_MAX = 9999 };

static inline int64_t release_key(int64_t version, int build)
{
        return version | (int64_t) build << 32;
}

static inline int64_t release_version(int64_t key)
{
        return key & 0xffffffff;
}

static inline int release_build(int64_t key)
{
        return (int) (key >> 32);
}

struct release_text {
        char text[RELEASE_TEXT_LEN];
};

struct release_text release_text(int64_t key);                    /* "7", "7.1"; as release_text(k).text */
int release_parse(const char *text, int64_t *key, struct err *e); /* INVALID */

/* What the objects of a release are called in a cluster: ROLLOUT-v7, ROLLOUT-v7-1. The other way round: -1 if it is none of them. */
enum { RELEASE_OBJECT_MAX = 63 };
void release_object_name(const char *rollout, int64_t key, char out[static RELEASE_OBJECT_MAX + 1]);
int release_of_object(const char *rollout, const char *object, int64_t *key);
