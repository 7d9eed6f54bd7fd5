/* Kayenta's classification and score. */
#include "lib/judge_kayenta.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/judge_rank.h"
#include "lib/mem.h"

void kayenta_defaults(struct kayenta_rule *r)
{
        *r = (struct kayenta_rule){ .outlier_factor = 3,
                                    .allowed_increase = 1,
                                    .allowed_decrease = 1,
                                    .critical_increase = 1,
                                    .critical_decrease = 1,
                                    .tolerance = .25,
                                    .confidence = .98 };
}

/* --- a sample as it is compared --- */

struct vector {
        double *v, *sorted;
        size_t n;
};

static void vector_done(struct vector *v)
{
        free(v->v);
        free(v->sorted);
}
#define AUTO_VECTOR __attribute__((cleanup(vector_done))) struct vector

static int by_value(const void *a, const void *b)
{
        double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

double kayenta_quantile(const double *sorted, size_t n, double p)
{
        double at = (double) (n - 1) * p;
        size_t i = (size_t) at;

        return i + 1 < n ? sorted[i] + (at - (double) i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

static void sort(struct vector *v)
{
        memcpy(v->sorted, v->v, v->n * sizeof *v->v);
        qsort(v->sorted, v->n, sizeof *v->v, by_value);
}

static void drop_outliers(struct vector *v, double factor)
{
        double low = kayenta_quantile(v->sorted, v->n, .25), high = kayenta_quantile(v->sorted, v->n, .75),
               reach = factor * (high - low);
        size_t kept = 0;

        low = fmin(kayenta_quantile(v->sorted, v->n, .01), low - reach);
        high = fmax(kayenta_quantile(v->sorted, v->n, .99), high + reach);
        for (size_t i = 0; i < v->n; i++)
                if (v->v[i] >= low && v->v[i] <= high)
                        v->v[kept++] = v->v[i];
        v->n = kept;
        sort(v);
}

static void prepare(const struct kayenta_rule *r, const double *values, size_t n, struct vector *out)
{
        if (n > JUDGE_RANK_MAX) {
                values += n - JUDGE_RANK_MAX;
                n = JUDGE_RANK_MAX;
        }
        *out = (struct vector){ .v = xcalloc(n + 1, sizeof(double)), .sorted = xcalloc(n + 1, sizeof(double)) };
        for (size_t i = 0; i < n; i++)
                if (!isnan(values[i]))
                        out->v[out->n++] = values[i];
                else if (r->nan_is_zero)
                        out->v[out->n++] = 0;
        sort(out);
        if (r->drop_outliers && out->n > 0)
                drop_outliers(out, r->outlier_factor);
}

size_t kayenta_prepare(const struct kayenta_rule *r, const double *values, size_t n, double *out)
{
        AUTO_VECTOR v;

        prepare(r, values, n, &v);
        memcpy(out, v.v, v.n * sizeof *out);
        return v.n;
}

static bool constant(const struct vector *v)
{
        return v->sorted[0] == v->sorted[v->n - 1];
}

static bool same(const struct vector *a, const struct vector *b)
{
        if (constant(a) && constant(b) && a->sorted[0] == b->sorted[0])
                return true;
        return a->n == b->n && memcmp(a->sorted, b->sorted, a->n * sizeof *a->sorted) == 0;
}

/* Two constants cannot be ranked against each other: spread each by a hundred-thousandth of itself. */
static void add_noise(struct vector *v)
{
        double scale = 1e-5 * v->v[0];

        for (size_t i = 0; i < v->n; i++)
                v->v[i] += scale * judge_normal_quantile(((double) i + .5) / (double) v->n);
}

static double mean(const struct vector *v)
{
        double sum = 0;

        for (size_t i = 0; i < v->n; i++)
                sum += v->v[i];
        return sum / (double) v->n;
}

/* --- one metric --- */

static void without_data(const struct kayenta_rule *r, struct kayenta_result *out)
{
        if (r->nan_is_zero)
                return; /* passes */
        out->label = r->must_have_data && !r->critical ? KAYENTA_NODATA_FAIL : KAYENTA_NODATA;
        out->critical = r->critical;
}

static void compare(const struct kayenta_rule *r, struct vector *control, struct vector *experiment, struct kayenta_result *out)
{
        struct judge_shift s;
        double mc, me;

        if (constant(control) && constant(experiment)) {
                add_noise(control);
                add_noise(experiment);
        }
        judge_rank_shift(experiment->v, experiment->n, control->v, control->n, r->confidence, &s);
        mc = mean(control);
        me = mean(experiment);
        out->deviation = mc == 0 || me == 0 ? NAN : me / mc;
        out->effect = r->cles ? judge_rank_higher(experiment->v, experiment->n, control->v, control->n) : out->deviation;

        double bound = r->tolerance * fabs(s.estimate);
        bool unknown = isnan(out->effect);

        if (r->direction != KAYENTA_DECREASE && s.low > bound && (unknown || out->effect >= r->allowed_increase)) {
                out->label = KAYENTA_HIGH;
                out->critical = r->critical && (unknown || out->effect >= r->critical_increase);
        } else if (r->direction != KAYENTA_INCREASE && s.high < -bound && (unknown || out->effect <= r->allowed_decrease)) {
                out->label = KAYENTA_LOW;
                out->critical = r->critical && (unknown || out->effect <= r->critical_decrease);
        }
}

void kayenta_classify(const struct kayenta_rule *r, const double *control, size_t n_control, const double *experiment,
                      size_t n_experiment, struct kayenta_result *out)
{
        AUTO_VECTOR c;
        AUTO_VECTOR x;

        *out = (struct kayenta_result){ .label = KAYENTA_PASS, .deviation = 1, .effect = 1 };
        prepare(r, control, n_control, &c);
        prepare(r, experiment, n_experiment, &x);
        if (c.n == 0 || x.n == 0)
                without_data(r, out);
        else if (!same(&c, &x))
                compare(r, &c, &x, out);
}

/* --- the score --- */

struct group {
        int passed, counted, metrics;
};

static void count(struct group *g, enum kayenta_label label)
{
        g->metrics++;
        g->counted += label != KAYENTA_NODATA;
        g->passed += label == KAYENTA_PASS;
}

static double share(const struct group *g)
{
        return g->counted ? (double) g->passed / g->counted : 1;
}

/* Groups without a weight, in any order: -1 - i. */
static double score_others(const struct kayenta_metric *metrics, size_t n, double left)
{
        int others = 0;
        double sum = 0;

        for (size_t i = 0; i < n; i++)
                if (-1 - metrics[i].group >= others)
                        others = -metrics[i].group;
        for (int at = 0; at < others; at++) {
                struct group g = { 0 };

                for (size_t i = 0; i < n; i++)
                        if (metrics[i].group == -1 - at)
                                count(&g, metrics[i].label);
                sum += share(&g) * left / others;
        }
        return sum;
}

double kayenta_score(const struct kayenta_metric *metrics, size_t n, const double *weights, int n_groups)
{
        double left = 100, sum = 0;
        size_t no_data = 0;

        for (size_t i = 0; i < n; i++) {
                if (metrics[i].critical && metrics[i].label != KAYENTA_PASS)
                        return 0;
                no_data += metrics[i].label == KAYENTA_NODATA;
        }
        if (n == 0 || 2 * no_data >= n)
                return 0;
        for (int at = 0; at < n_groups; at++) {
                struct group g = { 0 };

                for (size_t i = 0; i < n; i++)
                        if (metrics[i].group == at)
                                count(&g, metrics[i].label);
                left -= weights[at];
                sum += g.metrics ? share(&g) * weights[at] : 0;
        }
        return round(100 * (sum + score_others(metrics, n, left))) / 100;
}
