/*
 * What others would do with the same traffic: their rules for errors, written anew from their documentation and behaviour. Pure.
 *
 * argo, argo-3: success rate of the candidate over the last minute at least 99 %, asked every 30 s; failureLimit 0 and 3
 *      (argoproj.github.io/argo-rollouts, analysis). No requests in the window: not measured, which is kinder than Argo is.
 * flagger, flagger-5: the same, asked every minute; threshold 1 and 5; the rollback runs a tick after the threshold is reached
 *      (docs.flagger.app, canary analysis).
 * kayenta: NetflixACAJudge on the error rate in steps of a minute, both versions, direction increase and else its defaults, every five
 *      minutes over all steps so far (lib/judge_kayenta.h); one metric that fails is a score of 0.
 * z-test: a one-sided two-proportion z-test at 1 % over all requests so far, looked at every 30 s: what one writes by oneself.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/counts.h"

enum sim_rule { SIM_ARGO, SIM_ARGO_3, SIM_FLAGGER, SIM_FLAGGER_5, SIM_KAYENTA, SIM_ZTEST, SIM_RULES };

const char *sim_rule_name(enum sim_rule r);

enum { SIM_WINDOW_TICKS = 12, SIM_STEPS_MAX = 1440 };

struct sim_rules { /* zeroed: nothing seen */
        struct counts window[SIM_WINDOW_TICKS];
        struct counts step[2], all[2];
        double rates[2][SIM_STEPS_MAX];
        int ticks, steps;
        int failures[SIM_RULES];
        bool over[SIM_RULES];
        int64_t rolled_back_ms[SIM_RULES]; /* 0: not yet */
};

void sim_rules_tick(struct sim_rules *r, int64_t at_ms, const struct counts tick[2]);
