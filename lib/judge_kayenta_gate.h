/*
 * A policy's Kayenta gate: from the values of both versions to a score, and from the score to a verdict. Pure, and without a memory: the
 * window, from when the step's weight stood until now, is asked for again at each interval.
 *
 * Where Kayenta's score is 0 because data is missing (half of the metrics or more, or a critical one, without any) this gate has no
 * evidence instead; a metric with must_have_data fails without data, as there.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/counts.h"
#include "lib/judge_verdict.h"
#include "lib/policy_kayenta.h"

struct kayenta_window { /* values at from_ms + i * interval_ms, 0 <= i < n; each tells of the interval before. Prometheus's clock */
        int64_t since_ms; /* when the weight stood: the mark of a step */
        int64_t from_ms, interval_ms;
        int n;
};

/* The newest POLICY_KAYENTA_POINTS intervals that are over, and scraped: they ended lag_ms ago or earlier. */
struct kayenta_window kayenta_window(const struct policy_kayenta *k, int64_t stood_at_ms, int64_t server_ms, int64_t lag_ms);

struct kayenta_answer {                                  /* a metric's */
        char why[160];                                   /* "": it was answered */
        double values[ARM_COUNT][POLICY_KAYENTA_POINTS]; /* NAN where there is none */
};

struct kayenta_said { /* of one metric */
        bool answered;
        struct kayenta_result result;
        int n[ARM_COUNT]; /* values that are numbers */
};

struct kayenta_judgement { /* zeroed: not judged yet */
        int64_t since_ms, until_ms;
        int points; /* intervals since then; more than POLICY_KAYENTA_POINTS are possible */
        enum verdict_state state;
        char says[VERDICT_REASON_LEN]; /* "" when healthy */
        bool unanswered;               /* a query has failed */
        bool scored;
        double score, groups[POLICY_KAYENTA_GROUPS]; /* groups: 0 to 100; -1: no metric of it has data */
        struct kayenta_said metrics[POLICY_KAYENTA_METRICS];
};

void kayenta_judge(const struct policy_kayenta *k, const struct kayenta_window *w, const struct kayenta_answer *answers,
                   struct kayenta_judgement *out);

/* Is there more to ask for than what `j` was judged from, or something to ask again? NULL: nothing has been judged. */
bool kayenta_due(const struct kayenta_judgement *j, const struct kayenta_window *w);

/* The gate's part in a verdict that the other gates have given: a breach stands, health needs this gate's too. j of another step, or
 * NULL: not asked yet. */
void kayenta_decide(const struct policy_kayenta *k, const struct kayenta_judgement *j, int64_t stood_at_ms, struct verdict *v);

const char *kayenta_label_name(enum kayenta_label l); /* "pass", "high", "low", "no-data", "no-data-fails" */
