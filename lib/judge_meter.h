/*
 * From counters as they are now, sums over instances, to what was counted between two looks. Pure.
 *
 * A counter that went back is an instance that restarted, left, or was missed by one scrape. How much was counted meanwhile is not known:
 * the interval is passed over. An instance that was only missed brings all that it ever counted when it is back, in one interval: an
 * increase of at least half of what was lost last is taken for that, and passed over once. (After a restart no interval grows so
 * much, or what was lost is less than an interval.) Which intervals count does not depend on what was good or bad in them.
 */
#pragma once

#include <stdbool.h>

struct judge_meter {  /* of one release; zeroed: not looked at yet */
        double known; /* not 0: it has been */
        double all;   /* how many things there were */
        double lost;  /* by how much that went back last; 0: it did not, or they are back */
        double passed_over;
};

bool judge_is_count(double v); /* finite, not negative, a whole number can hold it */

/* A look: `all` things so far, a count. `back`: another counter of the release went back. True: what is new since the last look counts. */
bool judge_meter_look(struct judge_meter *m, double all, bool back);
