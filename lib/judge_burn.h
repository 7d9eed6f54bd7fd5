/*
 * Is the error budget being spent too fast? Multi-window burn rates, on one arm alone: they need no stable version. Pure.
 *
 * The burn rate is the share of bad requests over the budget: at 1 the budget lasts as long as it is meant for. It is too fast
 * when it is surely (lower end of Wilson's interval at 3 standard deviations, at least 5 bad requests) above 14.4 over an hour and
 * over five minutes, or above 6 over six hours and over thirty minutes; the short window tells that it still goes on (Beyer et
 * al., "The Site Reliability Workbook", chapter 5, table 5-8). Windows are exponential: what happened t ago weighs exp(-t/T). A
 * rollout younger than a window is judged by what it has.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { JUDGE_BURN_LEAST = 6 }; /* times as fast as it lasts, and less, a budget may burn for ever */

enum judge_window { BURN_5M, BURN_30M, BURN_1H, BURN_6H, BURN_WINDOWS };

struct judge_burn { /* zeroed: nothing seen */
        float bad[BURN_WINDOWS], all[BURN_WINDOWS];
};

struct judge_burning {
        bool too_fast;
        double rate, factor;     /* over the long window of the pair that tells; what it may be */
        const char *long_window; /* "1h" */
};

void judge_burn_add(struct judge_burn *b, int64_t since_last_ms, int64_t n, int64_t x);
void judge_burn_look(const struct judge_burn *b, double budget, struct judge_burning *out);
