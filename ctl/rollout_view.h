/* Rollouts as text: one line, a table row, the picture that a watching terminal shows. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "ctl/table.h"
#include "lib/release.h"
#include "lib/strbuf.h"

/* How a rollout stands. AT_REST phases: nothing more happens by itself. */
enum outcome { OUTCOME_UNDER_WAY, OUTCOME_IDLE, OUTCOME_DONE, OUTCOME_ROLLED_BACK };

struct phase_view {
        const char *name; /* "CANARY" */
        enum outcome outcome;
        enum style style;
};

/* Never NULL: an unknown phase is one under way. */
const struct phase_view *view_phase(const json_t *rollout);

struct release_name {
        char text[RELEASE_TEXT_LEN];
};
/* A release that a document names in the member `release` ("7.1"), or if absent as the number in `version`; "": none. */
struct release_name view_release(const json_t *doc, const char *release, const char *version);
/* Members `stable` and `candidate` of a rollout or an event. */
#define view_stable(doc) view_release(doc, "stable_release", "stable").text
#define view_candidate(doc) view_release(doc, "candidate_release", "candidate").text

/* Where the traffic goes: "1 -> 2", "2 -> 1" while rolling back, "2" at rest, "-" for nowhere. */
void view_versions(const json_t *rollout, struct strbuf *out);
/* "5 % > 25 % > 100 %"; with colour the present step stands out, without it is in brackets. */
void view_steps(const json_t *rollout, bool color, struct strbuf *out);
/* "CANARY       1 -> 2  step 1/3  asked 5 %  observed 5.08 %  hold left 42s  healthy: ..." without a line end */
void view_line(const json_t *rollout, struct strbuf *out);
/* The picture, several lines of at most `width` columns. age_ms: how long ago the rollout was received, for the countdown. */
void view_picture(const json_t *rollout, int64_t age_ms, int width, bool color, struct strbuf *out);
/* An event: "CANARY -> PROMOTING: last step passed its gate" with weight and actor, without a line end. */
void view_event(const json_t *event, struct strbuf *out);

/* What makes a change worth a line: phase, step, weight asked, pause, verdict, and the message's words (not its numbers, since
 * it counts down). */
bool view_differs(const json_t *a, const json_t *b);
