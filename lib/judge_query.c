/* Which kind a PromQL gate is of. */
#include "lib/judge_query.h"

#include <math.h>

static const struct judge_query_kind *const kinds[] = {
        [QUERY_VALUE] = &judge_query_value, [QUERY_SHARE] = &judge_query_share, [QUERY_RATIO] = &judge_query_ratio,
        [QUERY_DRIFT] = &judge_query_drift, [QUERY_MEAN] = &judge_query_mean,
};

const struct judge_query_kind *judge_query_kind(const struct policy_query *q)
{
        return kinds[policy_query_kind(q)];
}

struct judge_asked judge_asked(const struct judge *j, const struct policy *p, int i, const struct gate_value *value)
{
        return (struct judge_asked){
                .q = &p->queries[i],
                .i = i,
                .value = value,
                .alpha = p->false_rollback / fmax(1, judge_comparisons(j, p)),
        };
}

struct judge_gate *judge_gate_of(struct judge *j, int i)
{
        if (!j->gates)
                j->gates = judge_gates_new();
        return &j->gates[i];
}

const struct judge_gate *judge_gate_seen(const struct judge *j, int i)
{
        static const struct judge_gate nothing;

        return j->gates ? &j->gates[i] : &nothing;
}

bool judge_gate_no_count(const struct judge_asked *a, const double *counts, int n, struct verdict *v)
{
        for (int i = 0; a->value->known && !a->value->apart && i < n; i++)
                if (!judge_is_count(counts[i])) {
                        verdict_say(v, VERDICT_NO_EVIDENCE, a->q->name, "%s: %g is not a count", a->q->name, counts[i]);
                        return true;
                }
        return false;
}

bool judge_gate_surplus(const struct judge_asked *a, const struct judge_surplus *s, struct verdict *v)
{
        if (!judge_surplus_is_much(s))
                return false;
        verdict_say(v, VERDICT_NO_EVIDENCE, a->q->name, "%s: more bad than all: are query and of swapped?", a->q->name);
        return true;
}

bool judge_gate_is_fresh(const struct judge *j, int i)
{
        return j->fresh & 1U << i;
}

bool judge_gate_open(const struct judge *j, const struct judge_asked *a, struct verdict *v)
{
        if (a->value->apart || (a->value->known && judge_gate_is_fresh(j, a->i)))
                return false;
        verdict_say(v, VERDICT_NO_EVIDENCE, a->q->name, "%s: %s", a->q->name,
                    a->value->known ? "nothing could be compared in this step yet" : a->value->why);
        return true;
}
