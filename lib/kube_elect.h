/* Leader election over a coordination.k8s.io/v1 Lease: kube_lease's decisions carried out. */
#pragma once

#include "lib/kube_client.h"
#include "lib/kube_lease.h"

struct kube_elect;

struct kube_elect_options {
        const char *namespace_, *name; /* of the Lease */
        const char *identity;          /* of this process's pod: its uid, not its name */
        struct lease_times times;      /* zeroed: the defaults */
        void (*leading)(void *arg, int64_t epoch);
        void (*lost)(void *arg); /* stop at once and end the process; never runs without leading */
        /* The process ends with this status when leadership has run out, even if nobody calls kube_elect_run(). 0: no. */
        int exit_status;
        void *arg;
};

/* Everything in *o is copied. Its calls go through the urgent lane: a jam of others must not cost the leadership. */
struct kube_elect *kube_elect_new(struct kube *k, const struct kube_elect_options *o);
void kube_elect_free(struct kube_elect *e);
int64_t kube_elect_run(struct kube_elect *e, int64_t now_ms);

/* Ask before each write: do we lead for at least the time that the write may take? */
bool kube_elect_may_act(const struct kube_elect *e, int64_t now_ms, int64_t needed_ms);
int64_t kube_elect_epoch(const struct kube_elect *e);

/* Give the lease away, after the last write has ended. done gets NULL when it is free, or was not ours
 * (then it runs from inside). The election is over. */
void kube_elect_release(struct kube_elect *e, void (*done)(void *arg, const struct kube_failure *failure));
