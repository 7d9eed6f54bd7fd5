/* A judgement as JSON. */
#include "rolloutd/kayenta_view.h"

#include <math.h>

#include "lib/auto.h"

static json_t *number_or_null(bool known, double v)
{
        return known && isfinite(v) ? json_real(v) : json_null();
}

static json_t *metric_to_json(const struct rollout *r, const struct kayenta_judgement *j, int i)
{
        const struct policy_kayenta *k = &r->policy->kayenta;
        const struct policy_kayenta_metric *m = &k->metrics[i];
        const struct kayenta_said *said = &j->metrics[i];
        const struct policy_names names = { r->target, r->model, r->candidate.version, r->stable.version, r->candidate.version };
        AUTO(str) query = policy_query_text(m->query, &names);

        return json_pack("{s:s, s:s, s:o, s:b, s:o, s:o, s:i, s:i, s:s}", "name", m->name, "group", k->groups[m->group].name,
                         "classification", said->answered ? json_string(kayenta_label_name(said->result.label)) : json_null(),
                         "critical", m->rule.critical, "ratio", number_or_null(said->answered, said->result.deviation), "effect",
                         number_or_null(said->answered, said->result.effect), "candidate_points", said->n[ARM_CANDIDATE],
                         "stable_points", said->n[ARM_STABLE], "query", query);
}

static json_t *group_to_json(const struct policy_kayenta *k, const struct kayenta_judgement *j, int g)
{
        return json_pack("{s:s, s:o, s:o}", "name", k->groups[g].name, "weight",
                         number_or_null(k->groups[g].weight > 0, k->groups[g].weight), "score",
                         number_or_null(j->scored && j->groups[g] >= 0, j->groups[g]));
}

/* Before the first interval, and where there is nothing to compare. */
static const struct kayenta_judgement *unjudged(const struct rollout *r)
{
        static const struct kayenta_judgement early = { .says = "not judged in this step yet" };
        static const struct kayenta_judgement alone = {
                .state = VERDICT_HEALTHY, .says = "has no part in a step in which one version has all the traffic"
        };
        int bp = rollout_weight_bp(r);

        return bp == 0 || bp == WEIGHT_ALL ? &alone : &early;
}

json_t *kayenta_view(const struct rollout *r, const struct kayenta_judgement *j)
{
        const struct policy_kayenta *k = &r->policy->kayenta;

        if (k->n_metrics == 0)
                return NULL;
        if (!j || (r->phase == PHASE_CANARY && j->since_ms != r->stood_at_ms))
                j = unjudged(r);
        json_t *metrics = json_array(), *groups = json_array();

        for (int i = 0; i < k->n_metrics; i++)
                json_array_append_new(metrics, metric_to_json(r, j, i));
        for (int g = 0; g < k->n_groups; g++)
                json_array_append_new(groups, group_to_json(k, j, g));
        return json_pack("{s:s, s:s, s:s, s:o, s:o, s:f, s:f, s:i, s:i, s:f, s:o, s:o}", "gate", POLICY_KAYENTA_GATE, "kind",
                         "kayenta", "state", verdict_state_name(j->state), "says",
                         *j->says ? json_sprintf("%s: %s", POLICY_KAYENTA_GATE, j->says) : json_null(), "score",
                         number_or_null(j->scored, j->score), "pass", k->pass, "marginal", k->marginal, "points", j->points,
                         "points_needed", k->points, "interval_s", (double) k->interval_ms / 1000, "groups", groups, "metrics",
                         metrics);
}
