/* Files: capped reads, writes that are whole or absent after a crash, folders. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/err.h"

/* The whole file as NUL-terminated text; over `max` bytes is TOO_LARGE. Caller frees *out. *len may be NULL. */
int fs_read(const char *path, size_t max, char **out, size_t *len, struct err *e);

/* The first line without its end: how secrets are kept in files. NOT_FOUND if absent, INVALID if empty. Caller frees. */
int fs_read_line(const char *path, char **out, struct err *e);

/* Write to a temporary file beside it, fsync, rename, fsync the folder: after a crash there is the old file or the new. */
int fs_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct err *e);

/* The same without waiting for the disk: whole after our own crash, but perhaps old or empty after the machine's. */
int fs_write_quick(const char *path, const void *data, size_t len, mode_t mode, struct err *e);

int fs_mkdirs(const char *path, mode_t mode, struct err *e); /* like mkdir -p */
int fs_remove(const char *path, struct err *e);              /* a file; absent is fine */
bool fs_exists(const char *path);
