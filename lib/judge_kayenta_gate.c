/* Classify, score, decide. */
#include "lib/judge_kayenta_gate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/strbuf.h"

static const char *const labels[] = {
        [KAYENTA_PASS] = "pass",
        [KAYENTA_HIGH] = "high",
        [KAYENTA_LOW] = "low",
        [KAYENTA_NODATA] = "no-data",
        [KAYENTA_NODATA_FAIL] = "no-data-fails",
};

const char *kayenta_label_name(enum kayenta_label l)
{
        return labels[l];
}

struct kayenta_window kayenta_window(const struct policy_kayenta *k, int64_t stood_at_ms, int64_t server_ms, int64_t lag_ms)
{
        int64_t age_ms = server_ms - lag_ms - stood_at_ms, all = age_ms > 0 ? age_ms / k->interval_ms : 0;
        int n = (int) (all < POLICY_KAYENTA_POINTS ? all : POLICY_KAYENTA_POINTS);

        return (struct kayenta_window){ .since_ms = stood_at_ms,
                                        .from_ms = stood_at_ms + (all - n + 1) * k->interval_ms,
                                        .interval_ms = k->interval_ms,
                                        .n = n };
}

static int64_t until(const struct kayenta_window *w)
{
        return w->from_ms + (w->n - 1) * w->interval_ms;
}

bool kayenta_due(const struct kayenta_judgement *j, const struct kayenta_window *w)
{
        if (w->n == 0)
                return false;
        return !j || j->unanswered || j->since_ms != w->since_ms || until(w) > j->until_ms;
}

/* --- metrics --- */

static void classify(const struct kayenta_rule *r, const struct kayenta_answer *a, int n, struct kayenta_said *out)
{
        for (int arm = 0; arm < ARM_COUNT; arm++)
                for (int i = 0; i < n; i++)
                        out->n[arm] += !isnan(a->values[arm][i]);
        out->answered = true;
        kayenta_classify(r, a->values[ARM_STABLE], (size_t) n, a->values[ARM_CANDIDATE], (size_t) n, &out->result);
}

/* Kayenta calls that a failure; here only where it is asked for. */
static bool without_data(const struct kayenta_rule *r, const struct kayenta_said *m)
{
        return m->result.label == KAYENTA_NODATA && !r->must_have_data;
}

static void score(const struct policy_kayenta *k, struct kayenta_judgement *j)
{
        struct kayenta_metric metrics[POLICY_KAYENTA_METRICS];
        double weights[POLICY_KAYENTA_GROUPS];
        int n_weights = policy_kayenta_weights(k, weights);

        for (int i = 0; i < k->n_metrics; i++)
                metrics[i] = (struct kayenta_metric){ .label = j->metrics[i].result.label,
                                                      .critical = j->metrics[i].result.critical,
                                                      .group = policy_kayenta_group_index(k, k->metrics[i].group) };
        j->scored = true;
        j->score = kayenta_score(metrics, (size_t) k->n_metrics, weights, n_weights);
        for (int g = 0; g < k->n_groups; g++) {
                int passed = 0, counted = 0;

                for (int i = 0; i < k->n_metrics; i++)
                        if (k->metrics[i].group == g) {
                                counted += metrics[i].label != KAYENTA_NODATA;
                                passed += metrics[i].label == KAYENTA_PASS;
                        }
                j->groups[g] = counted ? 100.0 * passed / counted : -1;
        }
}

/* --- the gate --- */

__attribute__((format(printf, 3, 4))) static void say(struct kayenta_judgement *j, enum verdict_state state, const char *fmt, ...)
{
        va_list ap;

        j->state = state;
        va_start(ap, fmt);
        vsnprintf(j->says, sizeof j->says, fmt, ap);
        va_end(ap);
}

/* ": errors is high (2.3 times stable's), p99 is low" */
static void name_failures(const struct policy_kayenta *k, const struct kayenta_judgement *j, struct strbuf *b)
{
        const char *before = ": ";

        for (int i = 0; i < k->n_metrics; i++) {
                const struct kayenta_result *r = &j->metrics[i].result;

                if (r->label == KAYENTA_PASS || (r->label == KAYENTA_NODATA && !r->critical))
                        continue;
                strbuf_addf(b, "%s%s is %s", before, k->metrics[i].name,
                            r->label == KAYENTA_HIGH  ? "high"
                            : r->label == KAYENTA_LOW ? "low"
                                                      : "without data");
                if ((r->label == KAYENTA_HIGH || r->label == KAYENTA_LOW) && isfinite(r->deviation))
                        strbuf_addf(b, " (%.3g times stable's)", r->deviation);
                if (r->critical)
                        strbuf_adds(b, ", critical");
                before = ", ";
        }
}

static void say_score(const struct policy_kayenta *k, struct kayenta_judgement *j)
{
        AUTO_STRBUF b;

        strbuf_init(&b, 4096);
        name_failures(k, j, &b);
        if (j->score >= k->pass)
                j->state = VERDICT_HEALTHY;
        else if (j->score >= k->marginal)
                say(j, VERDICT_NO_EVIDENCE, "the score is %g, which is marginal: %g passes, below %g fails%s", j->score, k->pass,
                    k->marginal, strbuf_str(&b));
        else
                say(j, VERDICT_BREACH, "the score is %g, below %g%s", j->score, k->marginal, strbuf_str(&b));
}

/* No evidence, however the others are classified. */
static bool open(const struct policy_kayenta *k, const struct kayenta_answer *answers, struct kayenta_judgement *j)
{
        int missing = 0;

        for (int i = 0; i < k->n_metrics; i++)
                if (!j->metrics[i].answered) {
                        j->unanswered = true;
                        say(j, VERDICT_NO_EVIDENCE, "%s: %s", k->metrics[i].name, answers[i].why);
                        return true;
                }
        if (j->points < k->points) {
                say(j, VERDICT_NO_EVIDENCE, "%d of the %d intervals of %lld s are over that a score needs; %.3g minutes more",
                    j->points, k->points, (long long) (k->interval_ms / 1000),
                    (double) ((k->points - j->points) * k->interval_ms) / 60000);
                return true;
        }
        for (int i = 0; i < k->n_metrics; i++) {
                bool none = without_data(&k->metrics[i].rule, &j->metrics[i]);

                missing += none;
                if (none && k->metrics[i].rule.critical) {
                        say(j, VERDICT_NO_EVIDENCE, "%s is critical and has no data", k->metrics[i].name);
                        return true;
                }
        }
        if (2 * missing < k->n_metrics)
                return false;
        say(j, VERDICT_NO_EVIDENCE, "%d of %d metrics have no data", missing, k->n_metrics);
        return true;
}

void kayenta_judge(const struct policy_kayenta *k, const struct kayenta_window *w, const struct kayenta_answer *answers,
                   struct kayenta_judgement *out)
{
        *out = (struct kayenta_judgement){ .since_ms = w->since_ms, .until_ms = until(w) };
        out->points = (int) ((out->until_ms - w->since_ms) / w->interval_ms);
        for (int i = 0; i < k->n_metrics; i++)
                if (!*answers[i].why)
                        classify(&k->metrics[i].rule, &answers[i], w->n, &out->metrics[i]);
        if (open(k, answers, out))
                return;
        score(k, out);
        say_score(k, out);
}

/* --- in a verdict --- */

static void add_numbers(const struct policy_kayenta *k, const struct kayenta_judgement *j, struct verdict *v)
{
        int passed = 0, failed = 0;

        for (int i = 0; i < k->n_metrics; i++) {
                enum kayenta_label l = j->metrics[i].result.label;

                passed += j->metrics[i].answered && l == KAYENTA_PASS;
                failed += l == KAYENTA_HIGH || l == KAYENTA_LOW || l == KAYENTA_NODATA_FAIL;
        }
        if (j->scored)
                verdict_number(v, "kayenta_score", j->score);
        verdict_number(v, "kayenta_passed", passed);
        verdict_number(v, "kayenta_failed", failed);
        verdict_number(v, "kayenta_points", j->points);
        if (j->points < k->points)
                verdict_number(v, "seconds_missing", (double) ((k->points - j->points) * k->interval_ms) / 1000);
}

void kayenta_decide(const struct policy_kayenta *k, const struct kayenta_judgement *j, int64_t stood_at_ms, struct verdict *v)
{
        static const struct kayenta_judgement none = { .says = "no interval of this step is over yet" };
        const struct kayenta_judgement *mine = j && j->since_ms == stood_at_ms ? j : &none;

        if (k->n_metrics == 0 || v->state == VERDICT_BREACH || (v->state == VERDICT_NO_EVIDENCE && mine->state != VERDICT_BREACH))
                return;
        if (mine->state != VERDICT_HEALTHY) {
                *v = (struct verdict){ 0 };
                verdict_say(v, mine->state, POLICY_KAYENTA_GATE, "%s: %s", POLICY_KAYENTA_GATE, mine->says);
        }
        add_numbers(k, mine, v);
}
