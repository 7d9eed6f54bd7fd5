/* Where a watched rollout is drawn: a picture that is drawn over on a terminal, else a line per change, or JSON lines. */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "ctl/app.h"

struct screen { /* zeroed but for c: nothing is shown yet */
        const struct ctl *c;
        json_t *shown;  /* the rollout as last shown; owned */
        int lines;      /* of the picture that stands there now */
        char note[160]; /* a line below the picture: "connection lost, ..." */
};

/* The rollout as it is now; text is the document as it came. */
void screen_rollout(struct screen *s, json_t *rollout, const char *text);
/* Something that happened; goes above the picture. */
void screen_event(struct screen *s, const json_t *event);
/* Time has passed: count down, or show a new note. */
void screen_tick(struct screen *s, int64_t age_ms);
/* The last word: the rollout's line stays, the picture goes. */
void screen_end(struct screen *s);
void screen_done(struct screen *s);
