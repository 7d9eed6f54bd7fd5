/* What a PromQL gate may say. */
#include "lib/policy_query.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/release.h"
#include "lib/strbuf.h"

static const char *const placeholders[] = { "{{target}}", "{{model}}", "{{candidate}}", "{{stable}}", "{{release}}" };
enum { PLACEHOLDERS = sizeof placeholders / sizeof *placeholders, RELEASE = PLACEHOLDERS - 1 };

/* --- kinds --- */

static bool has_change(const struct policy_query *q)
{
        return q->max_change.on || q->min_change.on;
}

static bool has_ratio(const struct policy_query *q)
{
        return q->max_ratio != 0 || q->min_ratio != 0;
}

static bool has_range(const struct policy_query *q)
{
        return q->has_min || q->has_max || q->has_fail_below || q->has_fail_above || q->failures > 1;
}

enum policy_query_kind policy_query_kind(const struct policy_query *q)
{
        if (*q->by)
                return QUERY_DRIFT;
        if (has_change(q))
                return QUERY_MEAN;
        if (has_ratio(q))
                return QUERY_RATIO;
        return *q->of ? QUERY_SHARE : QUERY_VALUE;
}

bool policy_compares(const struct policy_query *q)
{
        return policy_query_kind(q) >= QUERY_RATIO;
}

int policy_query_comparisons(const struct policy_query *q)
{
        switch (policy_query_kind(q)) {
        case QUERY_VALUE:
                return 0;
        case QUERY_SHARE:
        case QUERY_DRIFT:
                return 1;
        case QUERY_RATIO:
                return (q->max_ratio > 0) + (q->min_ratio > 0);
        case QUERY_MEAN:
                return q->max_change.on + q->min_change.on;
        }
        return 0;
}

/* --- rules --- */

static int refuse(const struct policy_query *q, struct err *e, const char *sentence)
{
        return err_set(e, ERR_INVALID, "gates.promql %s: %s", q->name, sentence);
}

static int check_value(const struct policy_query *q, struct err *e)
{
        if (!q->has_min && !q->has_max)
                return refuse(q, e,
                              "needs min, max or both; or of with max_percent, max_ratio or max_change; or by with max_ratio");
        if ((q->has_fail_below && !(q->has_min && q->fail_below <= q->min)) ||
            (q->has_fail_above && !(q->has_max && q->fail_above >= q->max)))
                return refuse(q, e, "fail_below goes with min and is not above it, fail_above with max and not below");
        if (q->failures < 0 || q->failures > POLICY_FAILURES_MAX)
                return err_set(e, ERR_INVALID, "gates.promql %s: failures must be 1 to %d", q->name, POLICY_FAILURES_MAX);
        if ((q->has_min && !isfinite(q->min)) || (q->has_max && !isfinite(q->max)))
                return refuse(q, e, "min and max must be finite");
        if (q->has_min && q->has_max && q->min > q->max)
                return refuse(q, e, "min is above max");
        return 0;
}

static int check_share(const struct policy_query *q, struct err *e)
{
        if (q->max_share == 0 && !has_range(q))
                return refuse(q, e,
                              "of needs max_percent, max_ratio (or min_ratio), max_change (or min_change): what is too much");
        if (!(q->max_share > 0 && q->max_share < 1))
                return refuse(q, e, "max_percent must be above 0 and below 100");
        return has_range(q) ? refuse(q, e, "a share, with of, has max_percent and nothing else") : 0;
}

/* What belongs to another kind. */
static int check_alone(const struct policy_query *q, bool ratio, const char *sentence, struct err *e)
{
        return has_range(q) || q->max_share != 0 || (!ratio && has_ratio(q)) ? refuse(q, e, sentence) : 0;
}

static int check_ratio(const struct policy_query *q, struct err *e)
{
        if (!*q->of)
                return refuse(q, e, "max_ratio and min_ratio go with of, or max_ratio with by");
        if (q->max_ratio != 0 && !(q->max_ratio >= 1 && q->max_ratio <= 100))
                return refuse(q, e, "max_ratio must be 1 to 100");
        if (q->min_ratio != 0 && !(q->min_ratio >= .01 && q->min_ratio <= 1))
                return refuse(q, e, "min_ratio must be 0.01 to 1");
        if (q->expected != 0 && !(q->expected > 0 && q->expected < 1))
                return refuse(q, e, "expected_percent must be above 0 and below 100");
        return check_alone(q, true, "a gate with a ratio has max_ratio, min_ratio and expected_percent, nothing else", e);
}

static bool is_label(const char *s)
{
        static const char chars[] = "_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

        return strspn(s, chars) == strlen(s) && !strchr("0123456789", *s);
}

static int check_drift(const struct policy_query *q, struct err *e)
{
        if (!is_label(q->by))
                return refuse(q, e, "by must be the name of a label, such as le or class");
        if (!(q->max_ratio > 1 && q->max_ratio <= 100))
                return refuse(q, e, "by needs max_ratio, above 1 and at most 100: no new model predicts exactly as the old one");
        if (!(q->slack >= 0 && q->slack <= .5))
                return refuse(q, e, "slack_percent must be 0 to 50");
        if (*q->of || q->min_ratio != 0 || has_change(q))
                return refuse(q, e, "a gate with by has max_ratio and slack_percent, nothing else");
        return check_alone(q, true, "a gate with by has max_ratio and slack_percent, nothing else", e);
}

static int check_mean(const struct policy_query *q, struct err *e)
{
        const struct policy_change *up = &q->max_change, *down = &q->min_change;

        if (!*q->of)
                return refuse(q, e, "max_change and min_change go with of: the query is a sum, and of its count");
        if (up->on && !(up->by >= 0 && up->by <= (up->relative ? 100 : 1e15)))
                return refuse(q, e, "max_change must not be below 0, and max_change_percent at most 10000");
        if (down->on && !(down->by <= 0 && down->by >= (down->relative ? -1 : -1e15)))
                return refuse(q, e, "min_change must not be above 0, and min_change_percent not below -100");
        return check_alone(q, false, "a gate with a change has max_change and min_change, nothing else", e);
}

static int refuse_placeholder(const char *gate, const char *at, bool compared, struct err *e)
{
        const char *end = strstr(at, "}}");
        int len = end && end - at < NAME_MAX_LEN ? (int) (end - at) + 2 : (int) strcspn(at, "\"' })");

        if (!compared && strncmp(at, placeholders[RELEASE], strlen(placeholders[RELEASE])) == 0)
                return err_set(
                        e, ERR_INVALID,
                        "%s: {{release}} belongs to gates that compare (max_ratio, min_ratio, max_change, min_change, by); "
                        "here it is {{candidate}}",
                        gate);
        return err_set(e, ERR_INVALID, "%s: \"%.*s\" is none of {{target}}, {{model}}, %s", gate, len, at,
                       compared ? "{{candidate}}, {{stable}} and {{release}}" : "{{candidate}} and {{stable}}");
}

/* Every {{word}} must be one that policy_query_text() fills in. */
int policy_query_text_check(const char *gate, const char *text, bool compared, struct err *e)
{
        int known = compared ? PLACEHOLDERS : RELEASE;

        for (const char *at = strstr(text, "{{"); at; at = strstr(at + 2, "{{")) {
                int i = 0;

                while (i < known && strncmp(at, placeholders[i], strlen(placeholders[i])) != 0)
                        i++;
                if (i == known)
                        return refuse_placeholder(gate, at, compared, e);
        }
        if (compared && !strstr(text, placeholders[RELEASE]))
                return err_set(e, ERR_INVALID, "%s: what is compared is asked of both releases: each query needs {{release}}",
                               gate);
        return 0;
}

static int check_placeholders(const struct policy_query *q, const char *text, struct err *e)
{
        char gate[NAME_MAX_LEN + 16];

        snprintf(gate, sizeof gate, "gates.promql %s", q->name);
        return policy_query_text_check(gate, text, policy_compares(q), e);
}

int policy_query_check(const struct policy_query *q, struct err *e)
{
        static int (*const rules[])(const struct policy_query *, struct err *) = {
                [QUERY_VALUE] = check_value, [QUERY_SHARE] = check_share, [QUERY_RATIO] = check_ratio,
                [QUERY_DRIFT] = check_drift, [QUERY_MEAN] = check_mean,
        };

        if (name_check("gates.promql", q->name, e) < 0)
                return -1;
        if (!*q->query)
                return refuse(q, e, "query is empty");
        if (rules[policy_query_kind(q)](q, e) < 0 || check_placeholders(q, q->query, e) < 0)
                return -1;
        return *q->of ? check_placeholders(q, q->of, e) : 0;
}

/* --- placeholders --- */

char *policy_query_text(const char *query, const struct policy_names *names)
{
        const struct release_text c = release_text(names->candidate), s = release_text(names->stable),
                                  r = release_text(names->release);
        const char *const values[PLACEHOLDERS] = { names->target, names->model, c.text, s.text, r.text };
        AUTO_STRBUF b;

        strbuf_init(&b, 16 * POLICY_QUERY_LEN);
        for (const char *at = query; *at;) {
                int i = 0;

                while (i < PLACEHOLDERS && strncmp(at, placeholders[i], strlen(placeholders[i])) != 0)
                        i++;
                if (i < PLACEHOLDERS) {
                        strbuf_adds(&b, values[i]);
                        at += strlen(placeholders[i]);
                } else {
                        strbuf_addc(&b, *at++);
                }
        }
        return strbuf_take(&b);
}
