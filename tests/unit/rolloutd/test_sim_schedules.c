/*
 * Random schedules of faults, crashes, leaders, clocks and people: what must never happen is checked by the simulated platform at
 * each call (sim_platform.c), what must happen in the end here. Everything follows from the seed: a failing schedule prints
 * it, SIM_SEED=N replays exactly that one, SIM_RUNS=N runs so many. `make sim` runs 100,000.
 *
 * A schedule has two minutes of trouble: a mixture that is fixed for the schedule, and spells of one thing at its worst
 * (each action followed by a crash, every write in conflict, the watch dead, ...). Then everything is calm, and
 * - a failing candidate loses its weight within the bound,
 * - the controller comes to rest, with exactly what its record says running and routed, and its whole history told.
 */
#include "tests/unit/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/rolloutd/sim.h"

enum { TROUBLE_ROUNDS = 60, CALM_BOUND_MS = 8000 };

static struct sim sim; /* large */

/* --- trouble --- */

static void random_trouble(struct sim *s)
{
        s->fail = sim_chance(s, .7) ? .1 : 0;
        s->lie = sim_chance(s, .5) ? .05 : 0;
        s->stranger = sim_chance(s, .3) ? .03 : 0;
        s->storm = sim_chance(s, .3) ? .1 : 0;
        s->crash = sim_chance(s, .7) ? .02 : 0;
        s->absent_ms = sim_chance(s, .5) ? 20000 : 500;
        s->silence = sim_chance(s, .5) ? .3 : 0;
        s->slow_ms = sim_chance(s, .3) ? 1500 : 50;
        s->start_ms = sim_chance(s, .2) ? 60000 : 2000;
        for (int v = 1; v < SIM_VERSIONS; v++) {
                s->versions[v].error_share = sim_chance(s, .3) ? 1 : sim_chance(s, .2) ? .3 : .001;
                s->versions[v].dead = v > 1 && sim_chance(s, .1);
        }
        s->versions[1].error_share = .001;
}

static void spell_of_crashes(struct sim *s)
{
        s->crash = s->crash < 1 ? 1 : .02;
}

static void spell_of_conflicts(struct sim *s)
{
        s->storm = s->storm < .9 ? .9 : 0;
}

static void spell_of_failures(struct sim *s)
{
        s->fail = s->fail < .9 ? .9 : .1;
}

static void router_away(struct sim *s)
{
        s->router_down = !s->router_down;
}

static void watch_dies(struct sim *s)
{
        sim_blind(s, !s->blind);
}

static void clock_jumps(struct sim *s)
{
        s->wall_off_ms = s->wall_off_ms ? 0 : (int64_t) (sim_dice(s) % 7200000) - 3600000;
}

static void pods_lose_readiness(struct sim *s)
{
        s->versions[1 + sim_dice(s) % (SIM_VERSIONS - 1)].unready_until_ms = s->now_ms + sim_dice(s) % 10000;
}

/* Somebody with kubectl: all running versions get what the dice say. */
static void weights_by_hand(struct sim *s)
{
        int left = WEIGHT_ALL, last = 0;

        if (s->router_down)
                return;
        for (int v = 1; v < SIM_VERSIONS; v++)
                if (sim_alive(s, &s->versions[v]))
                        last = v;
        for (int v = 1; v < SIM_VERSIONS && last; v++) {
                struct sim_version *one = &s->versions[v];

                one->weight_bp = !sim_alive(s, one) ? 0 : v == last ? left : (int) (sim_dice(s) % ((uint32_t) left + 1));
                left -= one->weight_bp;
        }
        s->restart_bp = -1;
}

/* The declaration's replicas and surge. */
static void size_changes(struct sim *s)
{
        int surge_percent = sim_chance(s, .5) ? 100 : (int) (sim_dice(s) % 100);

        if (s->target && rollout_scale(&s->target->now, 1 + (int) (sim_dice(s) % 4), surge_percent))
                s->target->edits++;
}

static void (*const spells[])(struct sim *s) = {
        spell_of_crashes, spell_of_conflicts,  spell_of_failures, router_away,  watch_dies,
        clock_jumps,      pods_lose_readiness, weights_by_hand,   size_changes,
};

static void random_person(struct sim *s)
{
        static const enum ask asks[] = { ASK_START,        ASK_START, ASK_PAUSE,    ASK_RESUME,    ASK_PROMOTE,
                                         ASK_PROMOTE_FULL, ASK_ABORT, ASK_ROLLBACK, ASK_SUPERSEDE, ASK_RETRY };
        enum ask what = asks[sim_dice(s) % LENGTH(asks)];
        bool start = what == ASK_START || what == ASK_RETRY;
        int64_t version = start ? 1 + sim_dice(s) % (SIM_VERSIONS - 1) : 0;
        struct policy p = sim_policy();

        if (!s->target || (start && version == s->target->now.stable.version))
                return;
        p.replicas = 1 + (int) (sim_dice(s) % 4);
        if (sim_ask_with(s, what, version, &p) == 0)
                s->human_pushed = what == ASK_PROMOTE || what == ASK_PROMOTE_FULL || (!start && s->human_pushed);
        if (what == ASK_ROLLBACK)
                s->restart_bp = -1;
}

static void trouble(struct sim *s)
{
        random_trouble(s);
        (void) sim_ask(s, ASK_START, 1);
        for (int i = 0; i < TROUBLE_ROUNDS && !*s->why; i++) {
                sim_pass(s, 1 + sim_dice(s) % 4000);
                if (sim_chance(s, .25))
                        random_person(s);
                if (sim_chance(s, .15))
                        spells[sim_dice(s) % LENGTH(spells)](s);
        }
}

/* --- and then calm --- */

static void calm(struct sim *s)
{
        s->fail = s->lie = s->stranger = s->storm = s->crash = s->silence = 0;
        s->router_down = false;
        s->slow_ms = 50;
        s->start_ms = 2000;
        s->absent_ms = 0;
        s->wall_off_ms = 0;
        sim_blind(s, false);
        for (int v = 1; v < SIM_VERSIONS; v++)
                s->versions[v].unready_until_ms = 0;
        while (!s->target)
                sim_pass(s, 1000);
        s->weight_since_ms = 0;
}

/* A failing version may not keep its weight, whatever was going on before (unless stable is bad too). */
static void check_bound(struct sim *s)
{
        const struct rollout *r = &s->target->now;

        if (s->weight_since_ms && s->now_ms - s->weight_since_ms > CALM_BOUND_MS && r->phase == PHASE_CANARY &&
            s->versions[r->candidate.version].error_share == 1 && s->versions[r->stable.version].error_share < .1)
                sim_broken(s, "a failing candidate has had weight for %lld ms", (long long) (s->now_ms - s->weight_since_ms));
}

/* Everything is as the record says, and nobody waits for anything. */
static bool is_settled(const struct sim *s)
{
        const struct target *t = s->target;
        struct deployment d[WORLD_VERSIONS_MAX];
        int n = rollout_deployments(&t->now, NULL, d), running = 0;

        for (int v = 1; v < SIM_VERSIONS; v++) /* with nothing to go back to, what somebody gave traffic by hand is left alone */
                running += s->versions[v].wanted > 0 && (t->now.stable.version != 0 || s->versions[v].weight_bp == 0);
        return phase_is_at_rest(t->now.phase) && t->edits == t->saved_edits && t->now.n_outbox == 0 && running == n &&
               (t->now.stable.version == 0 || s->versions[t->now.stable.version].weight_bp == WEIGHT_ALL);
}

static void check_history(struct sim *s)
{
        for (size_t i = 1; i < s->n_history && i < LENGTH(s->history); i++)
                if (s->history[i] <= s->history[i - 1])
                        sim_broken(s, "event %lld after %lld", (long long) s->history[i], (long long) s->history[i - 1]);
        if (s->n_history && s->history[(s->n_history - 1) % LENGTH(s->history)] != s->target->now.last_event)
                sim_broken(s, "the last event is not in the history");
}

static void check_end(struct sim *s)
{
        const struct rollout *r = &s->target->now;

        for (int i = 0; i < 600 && !is_settled(s) && !*s->why; i++) {
                if (r->paused)
                        (void) sim_ask(s, ASK_RESUME, 0);
                if (i == 300) /* two bad versions: it holds for as long as nobody decides */
                        (void) sim_ask(s, ASK_ABORT, 0);
                sim_pass(s, 500);
        }
        if (!is_settled(s)) {
                char message[600];

                target_message(s->target, message, sizeof message);
                sim_broken(s, "five calm minutes later it is still in %s: %s", phase_name(r->phase), message);
        }
        check_history(s);
}

static void run_schedule(struct sim *s, uint64_t seed)
{
        sim_init(s, seed);
        trouble(s);
        calm(s);
        for (int i = 0; i < 100 && !*s->why; i++) {
                sim_pass(s, 200);
                check_bound(s);
        }
        check_end(s);
}

/* --- all of them --- */

static uint64_t from_env(const char *name, uint64_t otherwise)
{
        const char *text = getenv(name);

        return text ? strtoull(text, NULL, 10) : otherwise;
}

static void whatever_happens_it_converges_and_never_does_what_it_must_not(void **state)
{
        uint64_t first = from_env("SIM_SEED", 1), runs = from_env("SIM_RUNS", getenv("SIM_SEED") ? 1 : 500);
        int crashes = 0, conflicts = 0, routes = 0, saves = 0;
        (void) state;

        for (uint64_t seed = first; seed < first + runs; seed++) {
                run_schedule(&sim, seed);
                if (*sim.why)
                        fail_msg("SIM_SEED=%llu: %s (at %lld ms)", (unsigned long long) seed, sim.why, (long long) sim.now_ms);
                crashes += sim.crashes;
                conflicts += sim.conflicts;
                routes += sim.routes;
                saves += sim.saves;
                sim_done(&sim);
        }
        print_message("  %llu schedules from seed %llu: %d crashes, %d conflicts, %d saves, %d routes\n",
                      (unsigned long long) runs, (unsigned long long) first, crashes, conflicts, saves, routes);
        if (runs >= 100)
                assert_true(crashes > 100 && conflicts > 100 && routes > 500);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(whatever_happens_it_converges_and_never_does_what_it_must_not),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
