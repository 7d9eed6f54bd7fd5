/*
 * How many replicas stable and candidate need, from how much traffic each has and is to get. Pure.
 *
 * A release of weight w needs ceil(w) of the replicas that it has when it is whole, and the candidate at least one. Going forward, capacity comes before traffic and
 * leaves after it: the candidate has what the step needs before the weight moves, stable keeps what the present weight needs. Both
 * together stay within replicas plus surge percent (at least one more), and within that stable stays as large as it can, so that it
 * can take all traffic back. A small surge climbs a step in several smaller weights, each as high as the candidate's size allows.
 * Going back, traffic moves first; stable is to be whole at once, and the candidate stays until it has no weight.
 */
#pragma once

#include "rolloutd/fsm.h"

struct capacity_question {
        enum phase phase;
        bool has_stable;
        int stable_whole, candidate_whole; /* what each needs for all traffic */
        int surge_percent;                 /* 0 to 100 */
        int now_bp;                        /* the candidate's weight as it is */
        int next_bp;                       /* the candidate's weight as it is to be */
        int ahead_bp;      /* and for which it should be ready already: a preview's candidate is as large as the step after it */
        int candidate_now; /* its replicas asked for so far, 0: none */
};

struct capacity {
        int stable, candidate;
};

void capacity_plan(const struct capacity_question *q, struct capacity *out);

int capacity_of(int replicas, int weight_bp);   /* replicas that a release of this weight needs; 0 for weight 0 */
int capacity_weight_bp(int replicas, int have); /* the most weight that so many replicas may have */
int capacity_kept(int replicas, int surge_percent,
                  int whole); /* of a release kept to go back to that has `whole` when it serves */
