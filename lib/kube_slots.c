/* Two slots, any releases. */
#include "lib/kube_slots.h"

#include <stdbool.h>

#include "lib/release.h"

static int asked_for(const struct kube_slot_want *want, int n, int64_t release)
{
        for (int i = 0; i < n; i++)
                if (want[i].release == release)
                        return want[i].bp;
        return -1;
}

static int slot_of(const struct kube_slot *live, int64_t release)
{
        for (int s = 0; s < KUBE_SLOTS; s++)
                if (live[s].release == release)
                        return s;
        return -1;
}

static bool is_newer(int64_t a, int64_t b)
{
        return release_version(a) != release_version(b) ? release_version(a) > release_version(b) : a > b;
}

/* How little a slot would be missed; the newer release is more likely the one that is being left. */
static int cost(const struct kube_slot *live, int s, const struct kube_slot_want *want, int n)
{
        if (live[s].bp == 0)
                return 0;
        if (live[s].release == 0)
                return 1;
        if (asked_for(want, n, live[s].release) == 0)
                return 2;
        return is_newer(live[s].release, live[!s].release) ? 3 : 4;
}

/* The slot for a release that has none yet. taken: they select what is wanted. */
static int pick(const struct kube_slot *live, const bool *taken, const struct kube_slot_want *want, int n)
{
        if (taken[0] || taken[1])
                return taken[0];
        return cost(live, 1, want, n) < cost(live, 0, want, n);
}

static void make_room(const struct kube_slot *live, int s, int64_t release, struct kube_slot_plan *out)
{
        bool free = live[s].bp == 0 || live[!s].release == 0; /* or there is nobody to give its weight to */

        out->slot = s;
        out->release = release;
        out->move = free ? KUBE_SLOT_SWITCH : KUBE_SLOT_CLEAR;
        out->bp[s] = 0;
        out->bp[!s] = KUBE_SLOTS_WHOLE;
}

int kube_slots_plan(const struct kube_slot live[KUBE_SLOTS], const struct kube_slot_want *want, int n, struct kube_slot_plan *out,
                    struct err *e)
{
        bool taken[KUBE_SLOTS] = { false };
        int64_t missing = 0;
        int wanted = 0;

        *out = (struct kube_slot_plan){ .move = KUBE_SLOT_READY };
        for (int i = 0; i < n; i++) {
                int s = want[i].bp ? slot_of(live, want[i].release) : -1;
                wanted += want[i].bp > 0;
                if (s >= 0) {
                        taken[s] = true;
                        out->bp[s] = want[i].bp;
                } else if (want[i].bp && !missing) {
                        missing = want[i].release;
                }
        }
        if (wanted > KUBE_SLOTS)
                return err_set(e, ERR_INVALID, "%d releases cannot share the traffic of a route with %d backends", wanted,
                               KUBE_SLOTS);
        if (!missing)
                return 0;
        make_room(live, pick(live, taken, want, n), missing, out);
        return 0;
}
