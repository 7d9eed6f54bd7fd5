/*
 * Is a share of counted things more, or less, than so many times stable's? Two growing counters of each release, looked at at the same
 * time: features that are null of all features, approvals of all decisions, false alarms of all that was looked into. Counters become
 * increments by judge_meter.h; an increment of one release waits until there is one of the other too, and then both are a tick of
 * judge_compare.h, which has the test: `worse` says more than max_ratio times, `sound` less than min_ratio times.
 *
 * Nulls come by rows and rows by batches: how they cluster is measured on stable from the first look on, also while there is nothing
 * to compare with. Increments are only measured until that has the weight JUDGE_SPREAD_KNOWN (judge_spread.h), for looks without anything bad say
 * nothing; after JUDGE_PAIR_WATCH of them it begins all the same, with bursts as if they were longer.
 *
 * Ratios here can be close to 1 and shares close to all. Stable's share s in what was only measured is the usual one, and bets are near:
 * judge_ratio_add_near(). Pure.
 */
#pragma once

#include "lib/counts.h"
#include "lib/judge_compare.h"
#include "lib/judge_meter.h"
#include "lib/judge_surplus.h"

enum { JUDGE_PAIR_WATCH = 40 };

struct judge_pair_look { /* the counters of one release as they are */
        double bad, of;
};

struct judge_pair { /* zeroed: nothing seen */
        struct judge_compare test;
        struct judge_meter meter[ARM_COUNT];
        double last[ARM_COUNT]; /* the bad ones, when last looked at */
        struct judge_pair_look waiting[ARM_COUNT], total[ARM_COUNT];
        struct judge_surplus surplus[ARM_COUNT];
        struct judge_pair_look usual; /* what of stable was there before the first tick, counted */
        double watched;               /* increments of stable that were measured only */
};

/* compare: false: there is nothing to compare with, only note the counters. A ratio of 0 is not asked. */
void judge_pair_look(struct judge_pair *p, double max_ratio, double min_ratio, const struct judge_pair_look now[ARM_COUNT],
                     bool compare);
