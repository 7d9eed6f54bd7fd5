/*
 * How much do errors cluster? A client that retries, or a request that fans out, turns one cause into several bad requests, and
 * a test that takes them for independent is far too sure. Pure.
 *
 * Measured on stable alone, between neighbouring ticks, so that a change of level (an incident, a busy hour) is not taken for
 * clustering. Of two ticks with n1, n2 requests and m = x1 + x2 bad ones, given m, independent bad requests would have
 *
 *      q = (x1/n1 - x2/n2)^2 / (p (1 - p) (1/n1 + 1/n2) N / (N - 1)),   N = n1 + n2,  p = m / N
 *
 * with mean 1 (hypergeometric); clusters multiply it. D is the mean of q weighted with 1 - 1/m (one bad request tells
 * nothing), begun with the weight of four pairs at 1; a q counts as at most 16 D, for the edge of an incident is no burst. While D is within one standard error, sqrt(2 / weight), of 1 nothing is
 * assumed; above it D is taken one standard error higher. Bursts of geometric size with mean b have D = 2b - 1, so b = (1 + D) / 2.
 *
 * Where nothing says that causes come one by one, b is taken JUDGE_SPREAD_DOUBT higher with nothing measured, and less so until
 * JUDGE_SPREAD_SURE pairs' weight is there: a stable version that has shown nothing bad yet may still do so in bursts.
 */
#pragma once

#include <stdint.h>

/* Weights: enough to begin with, and to take b for what it is. */
enum { JUDGE_SPREAD_KNOWN = 8, JUDGE_SPREAD_SURE = 16, JUDGE_SPREAD_DOUBT = 9 };

struct judge_spread { /* zeroed: nothing known, bad requests count as independent */
        float sum, weight;
        float last_n, last_x;
};

void judge_spread_add(struct judge_spread *s, int64_t n, int64_t x);
void judge_spread_take(struct judge_spread *s, double q, double weight); /* a pair of ticks that was measured otherwise */

double judge_spread_dispersion(const struct judge_spread *s); /* D, at least 1, as it is used */
double judge_spread_burst(const struct judge_spread *s);      /* b, at least 1 */
double judge_spread_cautious(
        const struct judge_spread *s); /* b while little is known: more than measured, by up to JUDGE_SPREAD_DOUBT */
