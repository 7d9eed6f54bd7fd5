/*
 * A policy: how a rollout goes. Values and the rules that they have to keep, pure; policy_file.h reads one from YAML and
 * documents the keys. A rollout carries a copy of the policy that it began with, so that a change of the file changes the
 * next rollout and not the running one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/names.h"
#include "lib/policy_kayenta.h"
#include "lib/policy_query.h"

enum {
        POLICY_STEPS_MAX = 16,
        POLICY_QUANTILES_MAX = 4,
        POLICY_QUERIES_MAX = 20,
        POLICY_SUMMARY_LEN = 200,
        POLICY_WINDOW_MAX = 8,
        POLICY_REPLICAS_MAX = 32,
};

struct policy_step {
        int weight_bp; /* the candidate's share in basis points; 0, first only: a preview without users' traffic */
        int64_t hold_ms;
        bool pause; /* when its gates have passed, wait until somebody promotes */
};

/* A built-in gate on a share of requests: those with errors, or those slower than the objective. */
struct policy_share {
        bool on;
        double max_ratio;     /* candidate's share may be so many times stable's; 0: not compared */
        double sound_ratio;   /* surely less than so many times stable's, before it may pass; 0: not asked */
        double limit;         /* absolute, 0 to 1; 0: none */
        double budget;        /* share of bad requests that may be spent in the long run: burn rates; 0: none */
        int64_t objective_ms; /* latency only; one of the histogram's bounds */
        double quantiles
                [POLICY_QUANTILES_MAX]; /* latency only, ascending: compared above these of stable's, too (judge_bounds.h) */
        int n_quantiles;
};

struct policy_expected { /* traffic that the policy is meant for */
        double rate;     /* requests a second, both versions together; 0: unknown */
        double errors;   /* stable's share of errors, 0 to 1; likewise slow */
        double slow;
};

enum policy_no_evidence { POLICY_HOLD, POLICY_ROLLBACK };

struct policy {
        char name[NAME_MAX_LEN + 1];
        char summary[POLICY_SUMMARY_LEN + 1];
        struct policy_step steps[POLICY_STEPS_MAX];
        int n_steps;
        int64_t min_requests;   /* of the candidate, in a step, before it can be called healthy */
        double false_rollback;  /* probability that a rollout of an equally good version is rolled back, over all comparisons */
        double false_promotion; /* probability that the proof of a sound_ratio is wrong */
        struct policy_share error_rate, latency;
        struct policy_expected expected;
        struct policy_query queries[POLICY_QUERIES_MAX];
        int n_queries;
        struct policy_kayenta kayenta;
        int64_t max_hold_ms;                    /* without evidence, then on_no_evidence */
        enum policy_no_evidence on_no_evidence; /* HOLD: go on waiting, and say so */
        int64_t start_deadline_ms;              /* for the candidate to become ready */
        int64_t keep_failed_ms;                 /* a rolled-back version keeps running so long, for inspection */
        int64_t rollback_window_ms;             /* a replaced version keeps running so long, to go back to at once */
        int window_versions;                    /* at most so many of them */
        int replicas;
};

void policy_defaults(struct policy *p); /* everything but name, steps and gates */
/* INVALID with a sentence. The first is for what somebody says now; the second, of fewer rules, for what a rollout began with before
 * the others were made: it goes on. */
int policy_check(const struct policy *p, struct err *e);
int policy_check_running(const struct policy *p, struct err *e);
bool policy_never_compares(const struct policy *p); /* no step is above 0 and below 100 percent */
int policy_comparisons(const struct policy *p);     /* how many comparisons share false_rollback */
double policy_quantile_requests(double quantile);   /* of stable, that it takes to see one of its quantiles */
int policy_proofs(const struct policy *p);          /* how many proofs share false_promotion */
