/*
 * A queue of short texts in a folder, for what must be told to somebody who may be away.
 *
 * Files are numbered segments of lines "CHECK MS TEXT\n": CHECK is the first 8 hex digits of the SHA-256 of "MS TEXT", MS the Unix
 * time in milliseconds at which it was added. Lines are appended by one write each and never changed; a start begins a new
 * segment, so a line that the last process left torn stays alone and is skipped. `taken` remembers up to where the queue has
 * been emptied; when it is old or gone, texts come twice.
 *
 * Nothing is fsynced: adding must never wait for a disk. A text outlives the process at once, and the machine once the kernel
 * has written it back (within half a minute). While the disk refuses, texts are kept in memory. When there are too many, the oldest
 * give way, counted.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

enum { SPOOL_TEXT_MAX = 16384, SPOOL_MEMORY_MAX = 1 << 20, SPOOL_BATCH_MAX = 256 };

struct spool;

/* Never fails: what is wrong with the folder is told by spool_stats(). max_bytes counts the files. */
struct spool *spool_open(const char *folder, int64_t max_bytes);
void spool_close(struct spool *s);

/* `text` is one line of at most SPOOL_TEXT_MAX bytes. */
void spool_add(struct spool *s, const char *text, int64_t wall_ms);

struct spool_batch {
        const char *texts[SPOOL_BATCH_MAX]; /* until the next call */
        int n;
};
/* The oldest texts, at most `most` of them. They stay in the queue. */
void spool_peek(struct spool *s, int most, struct spool_batch *out);
/* Those of the last peek are done with. */
void spool_take(struct spool *s);

struct spool_stats {
        int64_t waiting, bytes;    /* texts, and the files' size */
        int64_t oldest_ms;         /* when the oldest was added; 0: none waits */
        uint64_t dropped;          /* gave way, since the start */
        uint64_t damaged;          /* lines that could not be understood and were skipped */
        const struct err *trouble; /* what the disk last refused; kind ERR_NONE: nothing */
};
void spool_get_stats(const struct spool *s, struct spool_stats *out);
