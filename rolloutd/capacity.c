/* Replicas before weight. */
#include "rolloutd/capacity.h"

#include "rolloutd/platform.h"

static int least(int a, int b)
{
        return a < b ? a : b;
}

static int most(int a, int b)
{
        return a > b ? a : b;
}

/* Rounded up, save what a weight is off by because it is a whole basis point: two thirds of 3 are 2. */
int capacity_of(int replicas, int weight_bp)
{
        return (int) (((int64_t) replicas * weight_bp + WEIGHT_ALL - replicas) / WEIGHT_ALL);
}

int capacity_weight_bp(int replicas, int have)
{
        return have >= replicas ? WEIGHT_ALL : (int) ((int64_t) have * WEIGHT_ALL / replicas);
}

/* All that may run at a time. Without one more than serves nothing could ever be replaced. */
static int budget(int replicas, int surge_percent)
{
        return replicas + most(1, (int) (((int64_t) replicas * surge_percent + 99) / 100));
}

int capacity_kept(int replicas, int surge_percent, int whole)
{
        return least(whole, most(1, budget(replicas, surge_percent) - replicas));
}

static void plan_forward(const struct capacity_question *q, struct capacity *out)
{
        int all = budget(most(q->stable_whole, q->candidate_whole), q->surge_percent);
        int stable_needs = most(1, capacity_of(q->stable_whole, WEIGHT_ALL - q->now_bp));
        int least_ok = most(1, capacity_of(q->candidate_whole, q->now_bp));
        int wanted = most(1, capacity_of(q->candidate_whole, most(q->ahead_bp, most(q->next_bp, q->now_bp))));

        least_ok = most(least_ok, least(q->candidate_now, wanted)); /* what is there for this weight stays */
        out->candidate = most(least_ok, least(wanted, all - stable_needs));
        out->stable = most(stable_needs, least(q->stable_whole, all - out->candidate));
}

void capacity_plan(const struct capacity_question *q, struct capacity *out)
{
        *out = (struct capacity){ .stable = q->stable_whole, .candidate = q->candidate_whole };
        if (!q->has_stable)
                return;
        if (phase_is_under_way(q->phase))
                plan_forward(q, out);
        else if (q->phase == PHASE_ROLLING_BACK)
                out->candidate = most(1, q->candidate_now);
        else
                out->candidate = 1; /* rolled back, and kept for a look at it */
}
