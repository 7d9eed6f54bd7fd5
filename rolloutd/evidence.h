/* Where evidence comes from, as one asynchronous question: Prometheus in earnest, a script in the tests. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/judge.h"
#include "lib/judge_kayenta_gate.h"
#include "lib/policy.h"
#include "lib/sampler.h"

struct evidence_question {
        const char *target, *model;
        int64_t version[ARM_COUNT];           /* 0: no such arm */
        int64_t range_ms;                     /* how far back raw samples are wanted */
        int64_t server_ms;                    /* now, by Prometheus\'s clock as far as is known */
        int32_t bounds_us[COUNTS_BOUNDS_MAX]; /* of the latency histogram, beside the objective */
        int n_bounds;
        bool every_bound; /* all that there are: bounds are to be chosen */
        const struct policy *policy;
        struct kayenta_window kayenta; /* n 0: nothing is asked for the Kayenta gate */
};

struct evidence { /* borrowed for the call */
        bool ok;
        char why[200];               /* when not ok */
        int64_t server_ms, local_ms; /* both wall clocks at the same moment */
        int64_t range_ms;
        const struct series *series;
        size_t n;
        struct gate_value queries[POLICY_QUERIES_MAX]; /* one per PromQL gate of the policy */
        struct kayenta_window kayenta;                 /* as asked for */
        const struct kayenta_answer *metrics;          /* one per metric of the Kayenta gate; NULL: not asked */
};

typedef void (*evidence_fn)(void *arg, const struct evidence *ev);

struct evidence_source { /* first member of each implementation's own struct */
        /* Returns at once; `done` runs exactly once, later, unless the source is freed. The question is copied. */
        void (*ask)(struct evidence_source *s, const struct evidence_question *q, evidence_fn done, void *arg);
        void (*forget)(struct evidence_source *s, void *arg); /* questions of this arg are not answered any more */
};
