/* Advice on policies. */
#include "lib/policy_advice.h"

#include <stdio.h>
#include <string.h>

/* Does anything judge the candidate by itself, as under all traffic only that can? */
static bool has_absolute_gate(const struct policy *p)
{
        for (int i = 0; i < p->n_queries; i++)
                if (!policy_compares(&p->queries[i]))
                        return true;
        return (p->error_rate.on && (p->error_rate.limit > 0 || p->error_rate.budget > 0)) ||
               (p->latency.on && (p->latency.limit > 0 || p->latency.budget > 0));
}

int policy_advise(const struct policy *p, struct policy_advice out[POLICY_ADVICE_MAX])
{
        int n = 0;

        if (!has_absolute_gate(p))
                (void) snprintf(out[n++].text, sizeof out->text,
                                "under all traffic nothing is judged: every gate compares with stable, which has none left; "
                                "give one a limit_percent");
        for (int i = 0; i < p->n_queries; i++)
                if (policy_query_kind(&p->queries[i]) == QUERY_VALUE && !strstr(p->queries[i].query, "{{"))
                        (void) snprintf(
                                out[n++].text, sizeof out->text,
                                "gates.promql %s: the query has no placeholder such as {{candidate}}, so it asks the same "
                                "whichever version is tried",
                                p->queries[i].name);
        return n;
}
