/* What a policy may say. */
#include "lib/policy.h"

#include <math.h>

#include <string.h>

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS, DAY_MS = 24 * HOUR_MS };

void policy_defaults(struct policy *p)
{
        *p = (struct policy){
                .min_requests = 100,
                .false_rollback = .01,
                .false_promotion = .05,
                .expected = { .errors = .005, .slow = .01 },
                .max_hold_ms = 10 * MINUTE_MS,
                .on_no_evidence = POLICY_HOLD,
                .start_deadline_ms = 10 * MINUTE_MS,
                .keep_failed_ms = 30 * MINUTE_MS,
                .rollback_window_ms = HOUR_MS,
                .window_versions = 2,
                .replicas = 1,
        };
}

static int bad(struct err *e, const char *sentence)
{
        return err_set(e, ERR_INVALID, "%s", sentence);
}

static int check_steps(const struct policy *p, struct err *e)
{
        if (p->n_steps < 1 || p->n_steps > POLICY_STEPS_MAX)
                return err_set(e, ERR_INVALID, "steps: there must be 1 to %d of them", POLICY_STEPS_MAX);
        for (int i = 0; i < p->n_steps; i++) {
                const struct policy_step *s = &p->steps[i];

                if (s->weight_bp < (i == 0 ? 0 : 1) || s->weight_bp > 10000)
                        return err_set(e, ERR_INVALID, "step %d: weight must be 0.01 to 100 (percent); the first may be 0",
                                       i + 1);
                if (i > 0 && s->weight_bp <= s[-1].weight_bp)
                        return err_set(e, ERR_INVALID, "step %d: each weight must be above the one before", i + 1);
                if (s->hold_ms < 0 || s->hold_ms > 7LL * DAY_MS)
                        return err_set(e, ERR_INVALID, "step %d: hold must be at most 7 days", i + 1);
        }
        if (p->steps[p->n_steps - 1].weight_bp != 10000)
                return bad(e, "steps: the last weight must be 100, so that the candidate is watched under all traffic");
        return 0;
}

static int check_share(const char *gate, const struct policy_share *s, struct err *e)
{
        if (!s->on)
                return 0;
        if (s->max_ratio == 0 && s->limit == 0 && s->budget == 0)
                return err_set(e, ERR_INVALID, "gates.%s: needs max_ratio, limit_percent or budget_percent", gate);
        if (s->max_ratio != 0 && !(s->max_ratio >= 1 && s->max_ratio <= 100))
                return err_set(e, ERR_INVALID, "gates.%s: max_ratio must be 1 to 100", gate);
        if (s->limit != 0 && !(s->limit > 0 && s->limit < 1))
                return err_set(e, ERR_INVALID, "gates.%s: limit_percent must be above 0 and below 100", gate);
        if (s->budget != 0 && !(s->budget > 0 && s->budget <= .05))
                return err_set(e, ERR_INVALID, "gates.%s: budget_percent must be above 0 and at most 5", gate);
        if (s->sound_ratio != 0 && !(s->sound_ratio > 1 && s->sound_ratio <= 100))
                return err_set(e, ERR_INVALID, "gates.%s: sound_ratio must be above 1 and at most 100", gate);
        if (s->sound_ratio != 0 && s->sound_ratio < s->max_ratio)
                return err_set(e, ERR_INVALID, "gates.%s: sound_ratio must be not below max_ratio", gate);
        return 0;
}

static int check_quantiles(const struct policy_share *s, struct err *e)
{
        if (s->n_quantiles < 0 || s->n_quantiles > POLICY_QUANTILES_MAX)
                return err_set(e, ERR_INVALID, "gates.latency: at most %d quantiles", POLICY_QUANTILES_MAX);
        for (int i = 0; i < s->n_quantiles; i++) {
                if (!(s->quantiles[i] >= .01 && s->quantiles[i] <= .9991))
                        return bad(e, "gates.latency: quantiles must be 1 to 99.9 (percent)");
                if (i > 0 && !(s->quantiles[i] > s->quantiles[i - 1]))
                        return bad(e, "gates.latency: each of the quantiles must be above the one before");
        }
        if (s->n_quantiles > 0 && s->max_ratio == 0)
                return bad(e, "gates.latency: quantiles need max_ratio: they say where stable and candidate are compared");
        return 0;
}

static int check_query(const struct policy *p, int n, struct err *e)
{
        for (int i = 0; i < n; i++)
                if (strcmp(p->queries[i].name, p->queries[n].name) == 0)
                        return err_set(e, ERR_INVALID, "gates.promql: there are two gates named %s", p->queries[n].name);
        return policy_query_check(&p->queries[n], e);
}

static int check_gates(const struct policy *p, struct err *e)
{
        if (!p->error_rate.on && !p->latency.on && p->n_queries == 0 && p->kayenta.n_metrics == 0)
                return bad(e, "gates: there must be at least one, or every version would pass");
        if (check_share("error_rate", &p->error_rate, e) < 0 || check_share("latency", &p->latency, e) < 0)
                return -1;
        if (p->latency.on && (p->latency.objective_ms < 1 || p->latency.objective_ms > MINUTE_MS))
                return bad(e, "gates.latency: objective must be 1ms to 1m");
        if (p->latency.on && check_quantiles(&p->latency, e) < 0)
                return -1;
        if (p->n_queries < 0 || p->n_queries > POLICY_QUERIES_MAX)
                return err_set(e, ERR_INVALID, "gates.promql: at most %d", POLICY_QUERIES_MAX);
        for (int i = 0; i < p->n_queries; i++)
                if (check_query(p, i, e) < 0)
                        return -1;
        return 0;
}

static int check_range(const char *what, int64_t v, int64_t low, int64_t high, const char *words, struct err *e)
{
        return v >= low && v <= high ? 0 : err_set(e, ERR_INVALID, "%s must be %s", what, words);
}

bool policy_never_compares(const struct policy *p)
{
        for (int i = 0; i < p->n_steps; i++)
                if (p->steps[i].weight_bp > 0 && p->steps[i].weight_bp < 10000)
                        return false;
        return true;
}

/* A Kayenta gate's first intervals are time without evidence. */
static int check_kayenta(const struct policy *p, struct err *e)
{
        const struct policy_kayenta *k = &p->kayenta;

        if (k->n_metrics == 0)
                return 0;
        if (policy_kayenta_check(k, e) < 0)
                return -1;
        if (policy_never_compares(p))
                return bad(e, "gates.kayenta needs a step below 100 percent: there is nothing to compare with under all traffic");
        if (p->on_no_evidence == POLICY_ROLLBACK && k->interval_ms * k->points >= p->max_hold_ms)
                return err_set(e, ERR_INVALID,
                               "gates.kayenta: %d points of %lld s have no score before max_hold is over, and then the policy "
                               "rolls back",
                               k->points, (long long) (k->interval_ms / 1000));
        return 0;
}

int policy_check_running(const struct policy *p, struct err *e)
{
        if (name_check("policy", p->name, e) < 0 || check_steps(p, e) < 0 || check_gates(p, e) < 0 || check_kayenta(p, e) < 0)
                return -1;
        if (!(p->false_rollback > 0 && p->false_rollback <= .2))
                return bad(e, "false_rollback_percent must be above 0 and at most 20");
        if (!(p->false_promotion > 0 && p->false_promotion <= .2))
                return bad(e, "false_promotion_percent must be above 0 and at most 20");
        if (policy_proofs(p) > 0 && policy_never_compares(p))
                return bad(e, "sound_ratio needs a step below 100 percent: there is nothing to compare with under all traffic");
        for (int i = 0; i < p->n_queries; i++)
                if (policy_compares(&p->queries[i]) && policy_never_compares(p))
                        return err_set(e, ERR_INVALID,
                                       "gates.promql %s needs a step with traffic below 100 percent, to compare in",
                                       p->queries[i].name);
        if (p->latency.on && p->latency.n_quantiles > 0 && policy_never_compares(p))
                return bad(e, "quantiles need a step below 100 percent: there is nothing to compare with under all traffic");
        if (check_range("min_requests", p->min_requests, 1, 1000000000, "1 to 1000000000", e) < 0 ||
            check_range("max_hold", p->max_hold_ms, 1, 7LL * DAY_MS, "1ms to 7 days", e) < 0 ||
            check_range("start_deadline", p->start_deadline_ms, 1, DAY_MS, "1ms to 1 day", e) < 0 ||
            check_range("keep_failed", p->keep_failed_ms, 0, 7LL * DAY_MS, "at most 7 days", e) < 0 ||
            check_range("rollback_window", p->rollback_window_ms, 0, 30LL * DAY_MS, "at most 30 days", e) < 0 ||
            check_range("window_versions", p->window_versions, 0, POLICY_WINDOW_MAX, "0 to 8", e) < 0 ||
            check_range("replicas", p->replicas, 1, POLICY_REPLICAS_MAX, "1 to 32", e) < 0)
                return -1;
        return 0;
}

double policy_quantile_requests(double quantile)
{
        static const double above_least = 5;

        return ceil(above_least / (1 - quantile) - 1e-6);
}

int policy_proofs(const struct policy *p)
{
        return (p->error_rate.on && p->error_rate.sound_ratio > 0) + (p->latency.on && p->latency.sound_ratio > 0);
}

int policy_comparisons(const struct policy *p)
{
        int n = (p->error_rate.on && p->error_rate.max_ratio > 0) + (p->latency.on && p->latency.max_ratio > 0);

        if (p->latency.on)
                n += p->latency.n_quantiles;
        for (int i = 0; i < p->n_queries; i++)
                n += policy_query_comparisons(&p->queries[i]);
        return n;
}
