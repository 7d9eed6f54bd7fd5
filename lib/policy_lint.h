/*
 * Can a policy's arithmetic work at all? Pure.
 *
 * With so many requests a second and so many errors on stable, evidence comes in at a rate that judge_ratio_gain() gives; what
 * is asked of it in the time that the steps have is compared with that. Policies that cannot find anything, cannot prove what
 * they want proved, or cannot see min_requests are refused with the sentence, such as
 * "5 % of 2 requests/s cannot show a doubling within 10m: that takes about 16h".
 */
#pragma once

#include "lib/policy.h"

/* All of t is known. */
int policy_lint(const struct policy *p, const struct policy_expected *t, struct err *e); /* INVALID with the sentence */
