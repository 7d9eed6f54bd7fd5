/* What a policy has to keep that somebody writes now, beyond what one in a record has to. */
#include <string.h>

#include "lib/policy.h"
#include "lib/sampler.h"

/* A gate that only compares judges nothing where all or none of the traffic is the candidate's. */
static int check_can_act(const char *gate, const struct policy *p, const struct policy_share *s, struct err *e)
{
        if (!s->on || s->limit > 0 || s->budget > 0 || !policy_never_compares(p))
                return 0;
        return err_set(e, ERR_INVALID,
                       "gates.%s only compares with stable, and no step is above 0 and below 100 percent: it would pass every "
                       "version; give it limit_percent",
                       gate);
}

/* What verdicts name that are no gates of the policy's own. */
static bool is_built_in(const char *name)
{
        static const char *const names[] = {
#define X(id, text) text,
                QUALITIES(X)
#undef X
                        "error-rate",
                "error-limit",
                "error-budget",
                "latency",
                "kayenta",
                "promotion",
                "requests",
        };

        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                if (strcmp(names[i], name) == 0)
                        return true;
        return strncmp(name, "latency-", strlen("latency-")) == 0;
}

static int check_query(const struct policy_query *q, struct err *e)
{
        static const char candidate[] = "{{candidate}}";

        if (is_built_in(q->name))
                return err_set(e, ERR_INVALID, "gates.promql %s: a built-in gate or reason has this name", q->name);
        if (policy_query_kind(q) == QUERY_SHARE && (!strstr(q->query, candidate) || !strstr(q->of, candidate)))
                return err_set(e, ERR_INVALID,
                               "gates.promql %s: a share is the candidate's, or the whole fleet would be held against it: query "
                               "and of need {{candidate}}",
                               q->name);
        return 0;
}

int policy_check(const struct policy *p, struct err *e)
{
        if (policy_check_running(p, e) < 0 || check_can_act("error_rate", p, &p->error_rate, e) < 0 ||
            check_can_act("latency", p, &p->latency, e) < 0)
                return -1;
        for (int i = 0; i < p->n_queries; i++)
                if (check_query(&p->queries[i], e) < 0)
                        return -1;
        return 0;
}
