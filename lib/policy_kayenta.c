/* What a Kayenta gate may say. */
#include "lib/policy_kayenta.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LEAST_INTERVAL_MS = 1000, MOST_INTERVAL_MS = 3600 * 1000 };

void policy_kayenta_defaults(struct policy_kayenta *k)
{
        *k = (struct policy_kayenta){ .pass = 75, .marginal = 50, .interval_ms = 60 * 1000, .points = 50 };
}

static int check_group(const struct policy_kayenta *k, int n, struct err *e)
{
        const struct policy_kayenta_group *g = &k->groups[n];

        if (name_check("gates.kayenta group", g->name, e) < 0)
                return -1;
        for (int i = 0; i < n; i++)
                if (strcmp(k->groups[i].name, g->name) == 0)
                        return err_set(e, ERR_INVALID, "gates.kayenta: there are two groups named %s", g->name);
        if (!(g->weight >= 0 && g->weight <= 100))
                return err_set(e, ERR_INVALID, "gates.kayenta group %s: weight must be above 0 and at most 100 (percent)",
                               g->name);
        return 0;
}

static int check_groups(const struct policy_kayenta *k, struct err *e)
{
        double sum = 0;
        bool rest = false;

        if (k->n_groups < 1 || k->n_groups > POLICY_KAYENTA_GROUPS)
                return err_set(e, ERR_INVALID, "gates.kayenta: at most %d groups", POLICY_KAYENTA_GROUPS);
        for (int i = 0; i < k->n_groups; i++) {
                int members = 0;

                if (check_group(k, i, e) < 0)
                        return -1;
                for (int m = 0; m < k->n_metrics; m++)
                        members += k->metrics[m].group == i;
                if (members == 0)
                        return err_set(e, ERR_INVALID, "gates.kayenta group %s: no metric belongs to it", k->groups[i].name);
                sum += k->groups[i].weight;
                rest |= k->groups[i].weight == 0;
        }
        if (rest ? sum >= 100 : fabs(sum - 100) > 1e-6)
                return err_set(e, ERR_INVALID, "gates.kayenta: the groups' weights add up to %g, which leaves %s", sum,
                               rest ? "nothing for those without a weight" : "a score other than 100 when all pass");
        return 0;
}

static int check_rule(const struct policy_kayenta_metric *m, struct err *e)
{
        const struct kayenta_rule *r = &m->rule;
        double most = r->cles ? 1 : 1e6;

        if (!(r->outlier_factor > 0 && r->outlier_factor <= 1000))
                return err_set(e, ERR_INVALID, "gates.kayenta %s: outlier_factor must be above 0 and at most 1000", m->name);
        for (int i = 0; i < 4; i++) {
                static const char *const names[] = { "allowed_increase", "allowed_decrease", "critical_increase",
                                                     "critical_decrease" };
                const double v = ((const double[]){ r->allowed_increase, r->allowed_decrease, r->critical_increase,
                                                    r->critical_decrease })[i];

                if (!(v >= 0 && v <= most))
                        return err_set(e, ERR_INVALID, "gates.kayenta %s: %s must be 0 to %g", m->name, names[i], most);
        }
        return 0;
}

static int check_metric(const struct policy_kayenta *k, int n, struct err *e)
{
        const struct policy_kayenta_metric *m = &k->metrics[n];
        char gate[NAME_MAX_LEN + 16];

        if (name_check("gates.kayenta metric", m->name, e) < 0)
                return -1;
        for (int i = 0; i < n; i++)
                if (strcmp(k->metrics[i].name, m->name) == 0)
                        return err_set(e, ERR_INVALID, "gates.kayenta: there are two metrics named %s", m->name);
        snprintf(gate, sizeof gate, "gates.kayenta %s", m->name);
        if (policy_query_text_check(gate, m->query, true, e) < 0)
                return -1;
        return check_rule(m, e);
}

int policy_kayenta_check(const struct policy_kayenta *k, struct err *e)
{
        if (k->n_metrics == 0)
                return 0;
        if (k->n_metrics < 0 || k->n_metrics > POLICY_KAYENTA_METRICS)
                return err_set(e, ERR_INVALID, "gates.kayenta: at most %d metrics", POLICY_KAYENTA_METRICS);
        if (!(k->marginal >= 0 && k->pass >= k->marginal && k->pass <= 100))
                return err_set(e, ERR_INVALID, "gates.kayenta: pass and marginal must be 0 to 100, and marginal not above pass");
        if (k->interval_ms < LEAST_INTERVAL_MS || k->interval_ms > MOST_INTERVAL_MS)
                return err_set(e, ERR_INVALID, "gates.kayenta: interval must be 1s to 1h");
        if (k->points < POLICY_KAYENTA_POINTS_LEAST || k->points > POLICY_KAYENTA_POINTS)
                return err_set(e, ERR_INVALID, "gates.kayenta: points must be %d to %d", POLICY_KAYENTA_POINTS_LEAST,
                               POLICY_KAYENTA_POINTS);
        for (int i = 0; i < k->n_metrics; i++)
                if (check_metric(k, i, e) < 0)
                        return -1;
        return check_groups(k, e);
}

int policy_kayenta_group_index(const struct policy_kayenta *k, int group)
{
        bool weighted = k->groups[group].weight > 0;
        int before = 0;

        for (int i = 0; i < group; i++)
                before += (k->groups[i].weight > 0) == weighted;
        return weighted ? before : -1 - before;
}

int policy_kayenta_weights(const struct policy_kayenta *k, double out[POLICY_KAYENTA_GROUPS])
{
        int n = 0;

        for (int i = 0; i < k->n_groups; i++)
                if (k->groups[i].weight > 0)
                        out[n++] = k->groups[i].weight;
        return n;
}
