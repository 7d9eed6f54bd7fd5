/* How long one judgement takes: a tick of counts, the answers of eight PromQL gates, and the verdict, with every gate there is on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/judge_explain.h"

enum { LOOKS = 200000 };

static struct policy policy(void)
{
        struct policy p;

        policy_defaults(&p);
        p.steps[0] = (struct policy_step){ .weight_bp = 500, .hold_ms = 60000 };
        p.n_steps = 1;
        p.error_rate = (struct policy_share){ .on = true, .max_ratio = 1.5, .sound_ratio = 2, .limit = .05, .budget = .001 };
        p.latency = (struct policy_share){
                .on = true, .max_ratio = 1.5, .sound_ratio = 2, .limit = .1, .budget = .01, .objective_ms = 50
        };
        for (p.n_queries = 0; p.n_queries < POLICY_QUERIES_MAX; p.n_queries++) {
                struct policy_query *q = &p.queries[p.n_queries];

                snprintf(q->name, sizeof q->name, "gate-%d", p.n_queries);
                strcpy(q->query, "x");
                if (p.n_queries % 2) {
                        strcpy(q->of, "y");
                        q->max_share = .01;
                } else {
                        q->has_max = true;
                        q->max = 100;
                }
        }
        return p;
}

int main(void)
{
        struct gate_value values[POLICY_QUERIES_MAX];
        struct policy p = policy();
        struct judge j = { 0 };
        struct verdict v = { 0 };
        int64_t healthy = 0;
        clock_t begun = clock(); /* of this process alone */

        for (int i = 0; i < LOOKS; i++) {
                const struct reading r = { .all = { { 950, i % 5, 950, 9 }, { 50, i % 97 == 0, 50, i % 3 == 0 } },
                                           .fresh = { { 950, i % 5, 950, 9 }, { 50, i % 97 == 0, 50, i % 3 == 0 } } };

                for (int k = 0; k < POLICY_QUERIES_MAX; k++)
                        values[k] = (struct gate_value){ .known = true, .value = k % 2 ? i / 10 : 7, .of = 100.0 * i };
                judge_add(&j, &p, &r, 5000LL * (i + 1));
                judge_answers(&j, &p, values);
                judge_decide(&j, &p, QUALITY_GOOD, "", values, &v);
                healthy += v.state == VERDICT_HEALTHY;
        }
        printf("judging: %.2f us a judgement over %d gates (2 comparisons, 2 proofs, 2 limits, 2 budgets of two windows each, 8 "
               "PromQL "
               "gates, 4 of them shares); state %zu bytes, and %zu for each share; %lld of %d healthy\n",
               1e6 * (double) (clock() - begun) / CLOCKS_PER_SEC / LOOKS, 10 + POLICY_QUERIES_MAX, sizeof j - sizeof j.counts,
               sizeof *j.counts, (long long) healthy, LOOKS);
        return 0;
}
