/*
 * The local platform's memory: records with compare-and-swap and append-only histories in a folder, for one process at a time.
 *
 * targets/NAME.json is {"revision":N} on the first line and the caller's text after it, replaced atomically. history/NAME.jsonl is
 * one event a line, each appended with fsync; a last line without its end is what a crash left of an append and does not count.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/auto.h"
#include "lib/err.h"
#include "rolloutd/platform.h"

enum { LOCAL_RECORD_MAX = 1 << 20, LOCAL_EVENT_MAX = 65536, LOCAL_HISTORY_MAX = 1000 /* events in one answer */ };

struct local_store {
        char *dir;
        int lock;
};

/* Make the folders and lock them; CONFLICT when another process has them. */
int local_store_open(struct local_store *s, const char *dir, struct err *e);
void local_store_close(struct local_store *s);

/* All records, by name. Free with local_records_free(). */
int local_store_load(const struct local_store *s, struct platform_record **out, size_t *n, struct err *e);
void local_records_free(struct platform_record *r, size_t n);

/* expected: 0 for a new record, else the revision last seen; CONFLICT when another one stands. */
int local_store_save(const struct local_store *s, const char *target, const char *json, int64_t expected, int64_t *revision,
                     struct err *e);

/* Append one event unless its "number" is not above the newest one's. */
int local_store_record(const struct local_store *s, const char *target, const char *event, struct err *e);

/* As platform_ops.history. Caller frees *out. */
int local_store_history(const struct local_store *s, const char *target, int64_t before, int limit, char **out, struct err *e);

/* What of `folder` ends in ".json", sorted, as full paths; absent temporary files of interrupted writes are removed on the way. */
int local_store_list(const struct local_store *s, const char *folder, char ***paths, size_t *n, struct err *e);
void local_paths_free(char **paths, size_t n);
