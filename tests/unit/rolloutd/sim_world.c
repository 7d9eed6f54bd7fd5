/* Time, traffic, scrapes, and the controller's life in the simulated world. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "tests/unit/rolloutd/sim.h"

enum { WALL_MS = 1000000000 }; /* the wall clock is this far from the monotonic one */

uint32_t sim_dice(struct sim *s) /* splitmix64 */
{
        uint64_t z = (s->dice += 0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return (uint32_t) ((z ^ (z >> 31)) >> 32);
}

int sim_place(int64_t key)
{
        return (int) release_version(key) + SIM_BUILD_APART * release_build(key);
}

int64_t sim_key(const struct sim *s, int place)
{
        return s->versions[place].key ? s->versions[place].key : place;
}

bool sim_chance(struct sim *s, double p)
{
        return p > 0 && sim_dice(s) < p * 4294967296.0;
}

/* --- what the controller needs --- */

static int64_t now(void *arg)
{
        return ((struct sim *) arg)->now_ms;
}

static int64_t wall(void *arg)
{
        const struct sim *s = arg;

        return s->now_ms + WALL_MS + s->wall_off_ms;
}

static uint32_t dice(void *arg)
{
        return sim_dice(arg);
}

static void routed_back(void *arg, struct target *t, int64_t took_ms)
{
        struct sim *s = arg;

        (void) t;
        s->routed_back_ms = took_ms;
        if (took_ms > s->routed_back_most_ms)
                s->routed_back_most_ms = took_ms;
}

void sim_init(struct sim *s, uint64_t seed)
{
        memset(s, 0, sizeof *s);
        s->dice = seed;
        s->now_ms = 1000;
        s->flowed_ms = s->last_scrape_ms = s->now_ms;
        s->requests_per_s = 200;
        s->slow_ms = 50;
        s->start_ms = 2000;
        s->restart_bp = -1;
        rollout_init(&s->saved, "credit", "credit");
        sim_platform_init(s);
        sim_evidence_init(s);
        s->env = (struct target_env){
                .platform = &s->platform,
                .evidence = &s->source,
                .tick_ms = SIM_TICK_MS,
                .scrape_ms = SIM_SCRAPE_MS,
                .now_ms = now,
                .wall_ms = wall,
                .dice = dice,
                .routed_back = routed_back,
                .arg = s,
        };
        s->target = target_new(&s->env, "credit", "credit");
}

void sim_done(struct sim *s)
{
        target_free(s->target);
        s->target = NULL;
        rollout_done(&s->saved);
        sim_calls_drop(s);
}

/* --- traffic and scrapes --- */

bool sim_alive(const struct sim *s, const struct sim_version *v)
{
        return v->wanted > 0 && !v->dead && s->now_ms >= v->ready_at_ms && s->now_ms >= v->unready_until_ms;
}

/* A mean to a whole number with the right expectation; enough like Poisson for what is tested here. */
static double draw(struct sim *s, double mean)
{
        double whole = floor(mean);

        return whole + sim_chance(s, mean - whole);
}

static void flow(struct sim *s)
{
        double n = s->requests_per_s * (double) (s->now_ms - s->flowed_ms) / 1000;
        bool failing = false;

        s->flowed_ms = s->now_ms;
        for (int i = 1; i < SIM_PLACES; i++) {
                struct sim_version *v = &s->versions[i];
                double mine = n * v->weight_bp / WEIGHT_ALL;

                v->was_ready |= sim_alive(s, v);
                if (!sim_alive(s, v))
                        continue;
                v->bad += draw(s, mine * v->error_share);
                v->ok += draw(s, mine * (1 - v->error_share));
                failing |= v->weight_bp > 0 && v->error_share == 1;
        }
        if (!failing)
                s->weight_since_ms = 0;
        else if (s->weight_since_ms == 0)
                s->weight_since_ms = s->now_ms;
}

static void scrape(struct sim *s)
{
        struct sim_scrape *one = &s->scrapes[s->n_scrapes++ % SIM_SCRAPES];

        s->last_scrape_ms = s->now_ms;
        one->at_ms = s->now_ms + WALL_MS;
        for (int v = 1; v < SIM_PLACES; v++) {
                one->up[v] = sim_alive(s, &s->versions[v]) ? s->versions[v].wanted : 0;
                one->ok[v] = s->versions[v].ok;
                one->bad[v] = s->versions[v].bad;
        }
}

/* --- evidence --- */

struct inquiry {
        evidence_fn done;
        void *arg;
        int64_t version[ARM_COUNT], range_ms;
};

/* Each instance's up, then good and bad requests of the first, and its histogram: all, and within each bound. */
enum { OK = SIM_REPLICAS_MAX, BAD, TIMED, WITHIN, KINDS = WITHIN + SIM_BOUNDS };

static double value_of(const struct sim *s, const struct sim_scrape *sc, int version, int kind)
{
        const struct sim_version *v = &s->versions[version];
        double all = sc->ok[version] + sc->bad[version];

        if (kind < SIM_REPLICAS_MAX)
                return kind < sc->up[version];
        if (!sc->up[version] || (kind >= TIMED && !v->timed))
                return 0;
        return kind == OK      ? sc->ok[version]
               : kind == BAD   ? sc->bad[version]
               : kind == TIMED ? all
                               : floor(all * (1 - v->above[kind - WITHIN]));
}

static struct series series_of(int64_t version, int kind)
{
        static const double bounds[SIM_BOUNDS] = { .005, .01, .05 };
        bool up = kind < SIM_REPLICAS_MAX;
        struct series one = { .kind = up             ? SERIES_UP
                                      : kind < TIMED ? SERIES_REQUESTS
                                                     : SERIES_BUCKET,
                              .version = version,
                              .is_error = kind == BAD,
                              .le_s = kind < WITHIN ? INFINITY : bounds[kind - WITHIN] };

        snprintf(one.instance, sizeof one.instance, "v%lld-%d", (long long) version, up ? kind : 0);
        return one;
}

/* Up, requests and latencies of one version, from the ring. Returns how many series there are. */
static size_t fill(const struct sim *s, int64_t version, int64_t from_ms, struct series *out, struct sample *pool, size_t *used)
{
        size_t n_series = 0, first = s->n_scrapes > SIM_SCRAPES ? s->n_scrapes - SIM_SCRAPES : 0;

        for (int kind = 0; kind < KINDS; kind++) {
                struct series *one = &out[n_series];

                *one = series_of(version, kind);
                one->samples = &pool[*used];
                for (size_t i = first; i < s->n_scrapes; i++) {
                        const struct sim_scrape *sc = &s->scrapes[i % SIM_SCRAPES];
                        double value = value_of(s, sc, sim_place(version), kind);
                        bool touched = value > 0 || (kind >= WITHIN && value_of(s, sc, sim_place(version), TIMED) > 0);

                        /* A counter that was never touched is not exposed. */
                        if (sc->at_ms < from_ms || !touched)
                                continue;
                        one->samples[one->n++] = (struct sample){ sc->at_ms, value };
                }
                *used += one->n;
                n_series += one->n > 0;
        }
        return n_series;
}

static void answer(struct sim *s, struct sim_call *c)
{
        static struct sample pool[2 * KINDS * SIM_SCRAPES];
        struct inquiry *q = sim_call_data(c);
        struct series series[2 * KINDS];
        struct evidence ev = {
                .ok = true, .server_ms = s->now_ms + WALL_MS, .local_ms = wall(s), .range_ms = q->range_ms, .series = series
        };
        size_t used = 0;

        if (!sim_call_heard(c))
                return;
        if (sim_chance(s, s->silence)) {
                ev.ok = false;
                snprintf(ev.why, sizeof ev.why, "Prometheus does not answer");
        }
        for (int a = 0; a < ARM_COUNT && ev.ok; a++)
                if (q->version[a])
                        ev.n += fill(s, q->version[a], ev.server_ms - ev.range_ms, &series[ev.n], pool, &used);
        q->done(q->arg, &ev);
}

static void ask(struct evidence_source *source, const struct evidence_question *q, evidence_fn done, void *arg)
{
        struct sim *s = (struct sim *) ((char *) source - offsetof(struct sim, source));
        struct inquiry one = { .done = done, .arg = arg, .version = { q->version[0], q->version[1] }, .range_ms = q->range_ms };

        sim_later(s, answer, &one, sizeof one, false);
}

static void forget(struct evidence_source *source, void *arg)
{
        struct sim *s = (struct sim *) ((char *) source - offsetof(struct sim, source));

        (void) arg; /* one target */
        sim_calls_forget(s, answer);
}

void sim_evidence_init(struct sim *s)
{
        s->source.ask = ask;
        s->source.forget = forget;
}

/* --- the controller's life --- */

static void die(struct sim *s)
{
        s->crash_now = false;
        s->crashes++;
        sim_calls_drop(s);
        target_free(s->target);
        s->target = NULL;
        s->absent_until_ms = s->now_ms + (s->absent_ms ? sim_dice(s) % (uint32_t) s->absent_ms : 0);
}

/* The same program again, or another leader: all it has is what was saved. */
static void come_back(struct sim *s)
{
        const struct platform_record saved = { "credit", s->record, s->revision };
        struct err e = { 0 };

        s->target = s->revision ? target_load(&s->env, &saved, &e) : target_new(&s->env, "credit", "credit");
        if (!s->target) {
                sim_broken(s, "after a crash: %s", e.msg);
                s->target = target_new(&s->env, "credit", "credit");
        }
        s->restart_bp = 0;
        s->restart_step = s->target->now.step;
        for (int v = 1; v < SIM_PLACES; v++)
                if (sim_key(s, v) == s->target->now.candidate.version)
                        s->restart_bp = s->versions[v].weight_bp;
}

/* The earliest moment at which something happens, not after until_ms. */
static int64_t next_moment(const struct sim *s, int64_t due_ms, int64_t until_ms)
{
        int64_t next = sim_platform_next(s), scrape_ms = s->last_scrape_ms + SIM_SCRAPE_MS;

        due_ms = s->target ? due_ms : s->absent_until_ms;
        next = next < due_ms ? next : due_ms;
        next = next < scrape_ms ? next : scrape_ms;
        next = next < until_ms ? next : until_ms;
        return next > s->now_ms ? next : s->now_ms;
}

void sim_pass(struct sim *s, int64_t ms)
{
        int64_t until_ms = s->now_ms + ms, due_ms = s->now_ms;

        while (s->now_ms < until_ms && !*s->why) {
                s->now_ms = next_moment(s, due_ms, until_ms);
                flow(s);
                if (s->now_ms >= s->last_scrape_ms + SIM_SCRAPE_MS)
                        scrape(s);
                sim_platform_run(s);
                if (s->crash_now)
                        die(s);
                if (!s->target && s->now_ms >= s->absent_until_ms) {
                        come_back(s);
                        due_ms = s->now_ms;
                }
                if (s->target && (s->target->woken || s->now_ms >= due_ms)) {
                        int64_t wait_ms = target_run(s->target);

                        due_ms = s->now_ms + (wait_ms > 0 ? wait_ms : 1); /* time always goes on */
                }
        }
}
