/* Between spool.c, the queue, and spool_files.c, its segments on disk. */
#pragma once

#include <sys/types.h>

#include "lib/strbuf.h"
#include "rolloutd/spool.h"

enum { SPOOL_READ_BYTES = 16 * (SPOOL_TEXT_MAX + 64) };

struct spool_segment {
        int64_t number;
        off_t size;
        int64_t lines;
};

struct spool {
        char *folder;
        int64_t segment_bytes, max_bytes;
        struct spool_segment *segments; /* oldest first; the last is written to while fd is open */
        size_t n;
        int64_t last_number; /* of the newest segment there ever was */
        int fd;
        off_t taken;         /* of the oldest segment */
        int64_t taken_lines; /* of the oldest segment */
        struct strbuf unwritten;
        int64_t n_unwritten;
        struct {
                int64_t number; /* of the segment; 0: from memory; -1: nothing */
                off_t bytes;
                int64_t lines; /* damaged ones too */
                uint64_t damaged;
        } peeked;
        char read[SPOOL_READ_BYTES + 1];
        int64_t oldest_ms;
        uint64_t dropped, damaged;
        struct err trouble;
};

/* Segments and how far they have been taken, as the last process left them. */
int spool_files_load(struct spool *s, struct err *e);
/* All of s->unwritten to the newest segment, or nothing of it. */
int spool_files_append(struct spool *s, struct err *e);
/* What comes after what is taken of the oldest segment, into s->read. Bytes; 0: there is nothing more; -1: not now. */
ssize_t spool_files_read(struct spool *s, struct err *e);
void spool_files_forget_oldest(struct spool *s);
int64_t spool_files_bytes(const struct spool *s);
void spool_files_give_way(struct spool *s); /* to the cap */
void spool_files_remember(const struct spool *s);
