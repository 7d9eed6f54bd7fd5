/* Ticks of traffic. */
#include "ctl/sim_traffic.h"

#include <math.h>
#include <stdbool.h>

static int64_t bad_of(struct dice *d, int64_t n, double share, double burst)
{
        int64_t causes = dice_binomial(d, n, share / burst), bad = causes;

        if (burst > 1)
                for (bad = 0; causes > 0; causes--)
                        bad += dice_geometric(d, burst);
        return bad < n ? bad : n;
}

static void make_up(const struct sim_traffic *t, struct dice *d, double weight, int64_t at_ms, struct counts out[ARM_COUNT])
{
        double due = t->rate * SIM_TICK_MS / 1000;
        int64_t n = (int64_t) due + (dice_uniform(d) < due - floor(due));
        bool incident = at_ms > t->incident_from_ms && at_ms <= t->incident_to_ms;

        out[ARM_CANDIDATE].requests = dice_binomial(d, n, weight);
        out[ARM_STABLE].requests = n - out[ARM_CANDIDATE].requests;
        for (int a = 0; a < ARM_COUNT; a++) {
                struct counts *c = &out[a];

                c->errors = bad_of(d, c->requests, fmin(1, t->errors[a] + (incident ? t->incident : 0)), t->burst);
                c->timed = c->requests;
                c->slow = bad_of(d, c->timed, t->slow[a], t->burst);
        }
}

/* The candidate's part of what a tick had, and more or fewer bad ones by `harm`. */
static int64_t thin(struct dice *d, int64_t all, int64_t bad, int64_t of_candidate, double weight, double harm)
{
        int64_t x = dice_binomial(d, bad, weight * fmin(1, harm)), room = of_candidate - x;

        if (harm > 1 && all > 0 && room > 0)
                x += dice_binomial(d, room, fmin(1, (harm - 1) * (double) bad / (double) all));
        return x < of_candidate ? x : of_candidate;
}

static void replay(const struct sim_traffic *t, struct dice *d, double weight, int64_t at_ms, struct counts out[ARM_COUNT])
{
        int64_t n = (int64_t) t->record->n, i = at_ms / SIM_TICK_MS % n;
        const struct counts *r = &t->record->ticks[i < 0 ? i + n : i]; /* before its begin is its end */
        struct counts *a = &out[ARM_STABLE], *b = &out[ARM_CANDIDATE];

        b->requests = dice_binomial(d, r->requests, weight);
        b->timed = b->requests < r->timed ? b->requests : r->timed;
        b->errors = thin(d, r->requests, r->errors, b->requests, weight, t->harm);
        b->slow = thin(d, r->timed, r->slow, b->timed, weight, t->harm);
        a->requests = r->requests - b->requests;
        a->timed = r->timed - b->timed;
        a->errors = dice_binomial(d, r->errors, 1 - weight);
        a->slow = dice_binomial(d, r->slow, 1 - weight);
}

void sim_traffic_tick(const struct sim_traffic *t, struct dice *d, int weight_bp, int64_t at_ms, struct counts out[ARM_COUNT])
{
        out[ARM_STABLE] = out[ARM_CANDIDATE] = (struct counts){ 0 };
        if (t->record)
                replay(t, d, weight_bp / 10000.0, at_ms, out);
        else
                make_up(t, d, weight_bp / 10000.0, at_ms, out);
}
