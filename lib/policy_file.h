/*
 * Policies in YAML, one a file, NAME.yaml:
 *
 *      name: canary                          as the file is called
 *      summary: one line for people
 *      steps:                                weights in percent, ascending, the last is 100; the first may be 0, a preview
 *        - { weight: 5, hold: 5m }             pause: true waits for a person when its gates have passed
 *        - { weight: 100, hold: 10m }
 *      gates:                                at least one
 *        error_rate: { max_ratio: 1.5, sound_ratio: 2, limit_percent: 2, budget_percent: 0.1 }
 *        latency: { objective: 50ms, max_ratio: 1.5, sound_ratio: 2, limit_percent: 5, budget_percent: 1, quantiles: [50, 99] }
 *        promql:
 *          - { name: NAME, query: "... {{model}} {{candidate}} {{stable}} ...", min: 0, max: 1, fail_below: 0, fail_above: 2, failures: 1 }
 *          - { name: NAME, query: "counter of bad ones", of: "counter of all", max_percent: 1 }
 *          - { name: NAME, query: "... {{release}} ...", of: "... {{release}} ...", max_ratio: 1.5, min_ratio: 0.8, expected_percent: 1 }
 *          - { name: NAME, query: "sum by (le) (... {{release}} ...)", by: le, max_ratio: 1.5, slack_percent: 0.5 }
 *          - { name: NAME, query: "sum ... {{release}}", of: "count ... {{release}}", max_change_percent: 5, min_change_percent: -5 }
 *        kayenta:                            as Kayenta judges; policy_kayenta.h
 *          pass: 75
 *          marginal: 50
 *          interval: 1m
 *          points: 50
 *          groups: [{ name: NAME, weight: 60 }]  percent; groups that are not listed share the rest
 *          metrics:
 *            - { name: NAME, query: "... {{release}} ...", group: metrics, direction: either, nan: remove, outliers: keep,
 *                outlier_factor: 3, effect_size: mean_ratio, allowed_increase: 1, allowed_decrease: 1, critical: false,
 *                critical_increase: 1, critical_decrease: 1, must_have_data: false }
 *      min_requests: 100                     of the candidate, per step
 *      false_rollback_percent: 1             of rollouts of an equally good version that may be rolled back
 *      false_promotion_percent: 5            of versions not below sound_ratio that may pass for it
 *      expected_rate: 50                     requests a second; with it policy_lint.h refuses what cannot work
 *      expected_error_percent: 0.5           of stable
 *      expected_slow_percent: 1              of stable, above the latency objective
 *      max_hold: 10m                         longest wait without evidence, and then:
 *      on_no_evidence: hold                  or rollback
 *      start_deadline: 10m
 *      keep_failed: 30m
 *      rollback_window: 1h
 *      window_versions: 2
 *      replicas: 1
 *
 * Everything after gates may be left out; the values shown are the defaults. Unknown keys, wrong types and values out of
 * range are refused with a sentence that names the key and, where YAML itself tells, the line.
 */
#pragma once

#include <stddef.h>

#include "lib/policy.h"

enum { POLICY_FILE_MAX = 64 * 1024 };

int policy_parse(const char *text, size_t len, struct policy *out, struct err *e);

/* As policy_parse(), and the name must be the file's. Errors begin with the path. */
int policy_read(const char *path, struct policy *out, struct err *e);
