/* What a target's releases need to carry their weights, and which weights they can carry. */
#include "rolloutd/target_private.h"

/* An autoscaler may have made stable larger than its floor: then that is what all traffic takes. */
static int whole(const struct target *t, const struct placed *p)
{
        const struct version_status *s = target_status(t, p->version);

        return s && s->wanted > 0 && s->ready > s->wanted && s->ready > p->replicas ? s->ready : p->replicas;
}

static int candidate_whole(const struct target *t)
{
        const struct placed *s = &t->now.stable, *c = &t->now.candidate;
        int grown = s->version ? whole(t, s) - s->replicas : 0;

        return c->replicas + grown;
}

/* The candidate's weight as it is: what has been read back, never more than what is asked for. */
static int now_bp(const struct target *t, int asked_bp)
{
        const struct version_status *c = target_status(t, t->now.candidate.version);

        if (t->now.stood)
                return asked_bp;
        return c && c->weight_bp > 0 ? c->weight_bp < asked_bp ? c->weight_bp : asked_bp : 0;
}

void target_plan(const struct target *t, struct capacity *out)
{
        const struct rollout *r = &t->now;
        const struct version_status *c = target_status(t, r->candidate.version);
        int asked_bp = rollout_weight_bp(r);

        capacity_plan(
                &(struct capacity_question){
                        .phase = r->phase,
                        .has_stable = r->stable.version != 0,
                        .stable_whole = phase_is_under_way(r->phase) ? whole(t, &r->stable) : r->stable.replicas,
                        .candidate_whole = candidate_whole(t),
                        .surge_percent = r->surge_percent,
                        .now_bp = now_bp(t, asked_bp),
                        .next_bp = asked_bp,
                        .ahead_bp = rollout_ahead_bp(r),
                        .candidate_now = c && c->wanted > 0 ? c->wanted : 0,
                },
                out);
}

bool target_capacity_stands(const struct target *t)
{
        const struct version_status *c = target_status(t, t->now.candidate.version);
        int needed = capacity_of(candidate_whole(t), rollout_weight_bp(&t->now));

        if (!phase_is_under_way(t->now.phase))
                return true;
        return t->world_known && c && c->ready >= (needed > 1 ? needed : 1);
}

bool target_candidate_is_ready(const struct target *t, const struct version_status *c)
{
        struct capacity plan;

        target_plan(t, &plan);
        return c && c->ready >= plan.candidate;
}

/* How far the candidate's weight may go now: as far as its planned replicas carry, once they are all ready. */
static int reachable_bp(const struct target *t, const struct version_status *c, int asked_bp)
{
        int live_bp = c && c->weight_bp > 0 ? c->weight_bp : 0, can_bp;
        struct capacity plan;

        if (asked_bp <= live_bp)
                return asked_bp;
        target_plan(t, &plan);
        if (!c || c->ready < plan.candidate)
                return live_bp;
        can_bp = capacity_weight_bp(candidate_whole(t), plan.candidate);
        can_bp = can_bp < asked_bp ? can_bp : asked_bp;
        return can_bp > live_bp ? can_bp : live_bp;
}

static bool may_have(const struct target *t, const struct weight *w)
{
        const struct version_status *s = target_status(t, w->version);

        return w->bp == 0 || (s && (s->ready > 0 || w->bp <= s->weight_bp));
}

int target_reachable_weights(const struct target *t, struct weight out[2])
{
        const struct rollout *r = &t->now;
        int n = rollout_weights(r, out), asked_bp = rollout_weight_bp(r), bp;
        bool news = false;

        if (asked_bp > 0 && r->stable.version) {
                bp = reachable_bp(t, target_status(t, r->candidate.version), asked_bp);
                n = 0;
                if (bp > 0)
                        out[n++] = (struct weight){ r->candidate.version, bp };
                if (bp < WEIGHT_ALL)
                        out[n++] = (struct weight){ r->stable.version, WEIGHT_ALL - bp };
        }
        for (int i = 0; i < n; i++)
                if (!may_have(t, &out[i]))
                        return 0;
        for (int i = 0; i < t->world.n_versions; i++)
                news |= t->world.versions[i].weight_bp != weight_of(out, n, t->world.versions[i].version);
        return news ? n : 0;
}
