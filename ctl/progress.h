/* How far a transfer is: a bar that is drawn over on a terminal, one line at the end elsewhere. On standard error. */
#pragma once

#include <stdint.h>

#include "ctl/app.h"
#include "lib/strbuf.h"

struct progress {
        const struct ctl *c;
        const char *label, *verb;   /* "model.ubj", "sent" */
        int64_t total, start, done; /* bytes; `start` were there before */
        int64_t started_ms, drawn_ms;
        bool drawn;
};

void progress_begin(struct progress *p, const struct ctl *c, const char *label, const char *verb, int64_t total, int64_t start);
void progress_add(struct progress *p, int64_t bytes);
/* Finished: says how much and how fast. */
void progress_end(struct progress *p);
/* Given up, or nothing to say: takes the bar away. */
void progress_clear(struct progress *p);

/* The bar's text within `width` columns. Pure. */
void progress_text(const struct progress *p, int64_t now_ms, int width, struct strbuf *out);

/* "[=====>    ]" of `width` columns in all. Pure. */
void progress_bar(double fraction, int width, struct strbuf *out);

/* Columns of the terminal behind a descriptor; 80 if it does not say. */
int terminal_width(int fd);
