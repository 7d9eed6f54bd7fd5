/* Gates on a number that a query gives. */
#include "lib/judge_query.h"

enum answer { ANSWER_UNKNOWN, ANSWER_PASSED, ANSWER_BETWEEN, ANSWER_FAILED };

static enum answer answer_of(const struct judge_asked *a)
{
        const struct policy_query *q = a->q;
        const struct gate_value *v = a->value;

        if (!v->known)
                return ANSWER_UNKNOWN;
        bool low = q->has_min && v->value < q->min, high = q->has_max && v->value > q->max;

        if (!low && !high)
                return ANSWER_PASSED;
        if (low ? q->has_fail_below && v->value >= q->fail_below : q->has_fail_above && v->value <= q->fail_above)
                return ANSWER_BETWEEN;
        return ANSWER_FAILED;
}

static void look(struct judge *j, const struct judge_asked *a)
{
        enum answer answer = answer_of(a);

        if (answer == ANSWER_PASSED || answer == ANSWER_BETWEEN)
                j->failures[a->i] = 0;
        else if (answer == ANSWER_FAILED && j->failures[a->i] < POLICY_FAILURES_MAX)
                j->failures[a->i]++;
}

static bool breaks(const struct judge *j, const struct judge_asked *a, struct verdict *v)
{
        const struct policy_query *q = a->q;
        double value = a->value->value;
        bool low = q->has_min && value < q->min;

        if (answer_of(a) != ANSWER_FAILED || j->failures[a->i] < q->failures)
                return false;
        verdict_say(v, VERDICT_BREACH, q->name, "%s is %g, %s %g", q->name, value, low ? "below" : "above",
                    low ? q->min : q->max);
        verdict_number(v, "value", value);
        verdict_number(v, low ? "min" : "max", low ? q->min : q->max);
        if (q->failures > 1)
                verdict_number(v, "failures", j->failures[a->i]);
        return true;
}

static bool open(const struct judge *j, const struct judge_asked *a, struct verdict *v)
{
        const char *name = a->q->name;
        double value = a->value->value;

        switch (answer_of(a)) {
        case ANSWER_UNKNOWN:
                verdict_say(v, VERDICT_NO_EVIDENCE, name, "%s: %s", name, a->value->why);
                return true;
        case ANSWER_BETWEEN:
                verdict_say(v, VERDICT_NO_EVIDENCE, name, "%s is %g: neither good enough nor bad enough", name, value);
                return true;
        case ANSWER_FAILED:
                verdict_say(v, VERDICT_NO_EVIDENCE, name, "%s is %g, which has to happen %d times in a row to count; so far %d",
                            name, value, a->q->failures, j->failures[a->i]);
                return true;
        case ANSWER_PASSED:
                break;
        }
        return false;
}

static void view(const struct judge *j, const struct judge_asked *a, struct judge_view *w)
{
        (void) j;
        w->known = a->value->known;
        w->value = w->known ? a->value->value : 0;
}

const struct judge_query_kind judge_query_value = {
        .view_kind = VIEW_QUERY, .look = look, .breaks = breaks, .open = open, .view = view
};
