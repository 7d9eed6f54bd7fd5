/* Which kind a PromQL gate is of. */
#include "lib/judge_query.h"

#include <math.h>

static const struct judge_query_kind *const kinds[] = {
        [QUERY_VALUE] = &judge_query_value,
        [QUERY_SHARE] = &judge_query_share,
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
