/*
 * A world for the controller without a machine: a virtual clock, a platform that is slow, fails, conflicts, forgets to say that
 * it succeeded, and crashes the controller; versions that are good or bad; and a Prometheus that scrapes them. Everything
 * follows from one seed.
 *
 * The platform checks what must never happen whenever it is asked to do something: see sim_platform.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rolloutd/target.h"

enum {
        SIM_VERSIONS = 6, /* numbered below this */
        SIM_PLACES = 8,
        SIM_BUILD_APART = 3,
        SIM_SCRAPES = 512,
        SIM_RECORD_MAX = 1 << 16,
        SIM_TICK_MS = 1000,
        SIM_SCRAPE_MS = 1000,
        SIM_REPLICAS_MAX = 12,
        SIM_BOUNDS = 3
};

struct sim_version {
        int64_t key; /* of the release that this place has; 0: of the version whose number it is */
        int wanted;
        int64_t ready_at_ms;      /* virtual time */
        int64_t unready_until_ms; /* it lost its readiness for so long */
        bool was_ready;           /* ever */
        bool dead;                /* will not start */
        double error_share;
        int weight_bp;
        double ok, bad;           /* counters of its first instance, which gets all requests */
        bool timed;               /* it has a latency histogram, with bounds at 5, 10 and 50 ms */
        double above[SIM_BOUNDS]; /* shares of its requests above them */
};

struct sim_scrape {
        int64_t at_ms; /* wall clock */
        double ok[SIM_PLACES], bad[SIM_PLACES];
        int up[SIM_PLACES]; /* instances */
};

struct sim_call; /* a platform call or an evidence question under way */

struct sim {
        struct platform platform; /* first */
        struct evidence_source source;
        struct target_env env;
        struct target *target; /* the controller; NULL while nobody leads */
        int64_t now_ms;
        uint64_t dice;
        struct sim_version versions[SIM_PLACES]; /* by number, 1..; later builds SIM_BUILD_APART places on for each */
        struct sim_scrape scrapes[SIM_SCRAPES];  /* a ring, newest at n_scrapes - 1 */
        size_t n_scrapes;
        double requests_per_s;
        int64_t last_scrape_ms, flowed_ms;

        /* The saved state. */
        char record[SIM_RECORD_MAX];
        struct rollout saved; /* the same, decoded */
        int64_t revision;
        int64_t history[4096]; /* numbers of events, oldest first */
        size_t n_history;

        /* What goes wrong, as chances per call. */
        double fail, lie, stranger, crash; /* fails; succeeds and says it failed; somebody else saves; the controller dies */
        double silence;                    /* Prometheus does not answer */
        int slow_ms;                       /* calls take up to so long */
        bool router_down;
        bool router_stuck;   /* says that it routed, and has not */
        double storm;        /* a write meets somebody else's: CONFLICT */
        int start_ms;        /* a version takes up to so long to be ready */
        int absent_ms;       /* after a crash nobody leads for up to so long */
        int64_t wall_off_ms; /* our wall clock is wrong by so much; Prometheus's is right */
        bool blind;          /* the watch is dead: what is seen does not change any more */
        struct world frozen;
        uint64_t acts, frozen_acts; /* what the controller has done to the world, in all and when it froze */

        struct sim_call *calls;
        bool crash_now;
        int64_t absent_until_ms;
        int crashes, saves, conflicts, routes;
        int64_t restart_bp; /* the candidate's live weight when the controller restarted; -1: has been overtaken by events */
        int restart_step;   /* the record's then */
        bool human_pushed;  /* somebody promoted since the restart or in this rollout */
        int64_t routed_back_ms, routed_back_most_ms;
        int64_t weight_since_ms; /* since when a failing version has had weight; 0: none has */
        char why[256];           /* the first invariant that broke; "" */
};

void sim_init(struct sim *s, uint64_t seed);
void sim_done(struct sim *s);

int sim_place(int64_t key);
int64_t sim_key(const struct sim *s, int place);
uint32_t sim_dice(struct sim *s);
bool sim_chance(struct sim *s, double p);
void sim_broken(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void sim_blind(struct sim *s, bool blind); /* the watch dies, or is there again */
bool sim_alive(const struct sim *s, const struct sim_version *v);

/* Let ms of virtual time pass: calls are answered, traffic flows, scrapes happen, the controller runs, crashes and restarts. */
void sim_pass(struct sim *s, int64_t ms);

/* sim_ask.c: steps of 5, 25 and 100 percent, three seconds each; -1 when the controller refuses. */
struct policy sim_policy(void);
int sim_ask_with(struct sim *s, enum ask what, int64_t version, const struct policy *p);
int sim_ask(struct sim *s, enum ask what, int64_t version);

/* Between the files. */
void sim_platform_init(struct sim *s);
void sim_platform_run(struct sim *s); /* answer what is due */
int64_t sim_platform_next(const struct sim *s);
void sim_calls_drop(struct sim *s); /* the controller died: nobody hears the answers, but what was under way may still happen */
void sim_calls_forget(struct sim *s, void (*run)(struct sim *s, struct sim_call *c)); /* nobody hears of those */
void sim_evidence_init(struct sim *s);
void sim_evidence_answer(struct sim *s, int arms, const int64_t *versions, int64_t range_ms, evidence_fn done, void *arg);
void sim_later(struct sim *s, void (*run)(struct sim *s, struct sim_call *c), const void *data, size_t size, bool survives);
void *sim_call_data(struct sim_call *c);
bool sim_call_heard(const struct sim_call *c); /* false: the controller that asked has died */
