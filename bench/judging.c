/* How long one judgement takes and what a rollout's judge keeps: a tick of counts, the answers of the PromQL gates, and the verdict. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/judge_explain.h"

enum { LOOKS = 200000 };

static const struct shape {
        const char *name;
        bool budgets, proofs;
        int quantiles, values, shares;
} shapes[] = {
        { "4 gates: errors and latency compared and limited", false, false, 0, 0, 0 },
        { "7 gates: the same above stable's p50, p90 and p99", false, false, 3, 0, 0 },
        { "20 gates: with budgets, two quantiles, twelve PromQL gates", true, false, 2, 12, 0 },
        { "20 gates: with budgets, proofs, three quantiles, nine PromQL gates and two shares", true, true, 3, 9, 2 },
        { "29 gates: with budgets, proofs, three quantiles, ten PromQL gates and ten shares", true, true, 3, 10, 10 },
};

static void add_query(struct policy *p, bool share)
{
        struct policy_query *q = &p->queries[p->n_queries];

        snprintf(q->name, sizeof q->name, "gate-%d", p->n_queries++);
        strcpy(q->query, "x");
        if (share) {
                strcpy(q->of, "y");
                q->max_share = .01;
        } else {
                q->has_max = true;
                q->max = 1e9;
        }
}

static void make_policy(const struct shape *s, struct policy *p)
{
        static const double quantiles[] = { .5, .9, .99 };

        policy_defaults(p);
        p->steps[0] = (struct policy_step){ .weight_bp = 500, .hold_ms = 60000 };
        p->n_steps = 1;
        p->error_rate = (struct policy_share){
                .on = true, .max_ratio = 1.5, .sound_ratio = s->proofs ? 2 : 0, .limit = .05, .budget = s->budgets ? .001 : 0
        };
        p->latency = p->error_rate;
        p->latency.objective_ms = 50;
        p->latency.n_quantiles = s->quantiles;
        memcpy(p->latency.quantiles, quantiles, (size_t) s->quantiles * sizeof *quantiles);
        for (int i = 0; i < s->values + s->shares; i++)
                add_query(p, i >= s->values);
}

static void choose(struct judge *j, const struct policy *p)
{
        const struct latency_histogram h = { 3, { 2000, 5000, 25000 }, { 550, 920, 995 }, 1000 };

        (void) judge_bounds_choose(&j->bounds, &p->latency, &h, true);
}

static struct reading tick(int i)
{
        const struct counts stable = { 950, i % 5, 950, 9 }, candidate = { 50, i % 97 == 0, 50, i % 3 == 0 };

        return (struct reading){ .all = { stable, candidate },
                                 .fresh = { stable, candidate },
                                 .bounds = { { { 950, 430 }, { 950, 76 }, { 950, 5 } },
                                             { { 50, 22 + i % 2 }, { 50, 4 }, { 50, i % 4 == 0 } } } };
}

static void run(const struct shape *s)
{
        struct gate_value values[POLICY_QUERIES_MAX];
        struct policy p;
        struct judge j = { 0 };
        struct verdict v = { 0 };
        clock_t begun;

        make_policy(s, &p);
        choose(&j, &p);
        begun = clock(); /* of this process alone */
        for (int i = 0; i < LOOKS; i++) {
                const struct reading r = tick(i);

                for (int k = 0; k < p.n_queries; k++)
                        values[k] = (struct gate_value){ .known = true, .value = i / 10.0, .of = 100.0 * i };
                judge_add(&j, &p, &r, 5000LL * (i + 1));
                judge_answers(&j, &p, values);
                judge_decide(&j, &p, QUALITY_GOOD, "", values, &v);
        }
        printf("judging: %.2f us, %zu bytes: %s (%s)\n", 1e6 * (double) (clock() - begun) / CLOCKS_PER_SEC / LOOKS,
               judge_bytes(&j), s->name, verdict_state_name(v.state));
        judge_done(&j);
}

int main(void)
{
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
                run(&shapes[i]);
        return 0;
}
