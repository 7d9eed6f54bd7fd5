/* Histograms. */
#include "lib/sampler_latency.h"

#include <math.h>

static bool near(double a, double b)
{
        return fabs(a - b) <= 1e-9 + 1e-6 * fabs(b);
}

/* 0: not asked for. */
static double bound_s(const struct sampler_question *q, int part)
{
        return part == LATENCY_OBJECTIVE ? (double) q->objective_ms / 1000 : q->bounds_us[part - LATENCY_BOUNDS] / 1e6;
}

static int parts(const struct sampler_question *q)
{
        return q->objective_ms ? LATENCY_BOUNDS + q->n_bounds : 0;
}

void sampler_latency_bucket(struct sampler_latency *l, const struct sampler_question *q, const struct sampler_span *span,
                            const struct series *bucket)
{
        if (bucket->le_s == INFINITY)
                sampler_grow(bucket, span, &l->total);
        for (int i = 0; i < parts(q); i++)
                if (near(bucket->le_s, bound_s(q, i)))
                        sampler_grow(bucket, span, &l->within[i]);
}

/* Can the two be subtracted? */
static bool is_sure(const struct sampler_growth *all, const struct sampler_growth *fast, const char *instance, double ms,
                    bool is_objective, struct reading *out)
{
        if (fast->series == 0)
                sampler_complain(out, QUALITY_NO_BUCKET, "the latency histogram of %s has no bound at %s%g ms", instance,
                                 is_objective ? "the objective of " : "", ms);
        else if (all->unclear || fast->unclear)
                sampler_complain(out, QUALITY_NAN, "the latency histogram of %s has a count that is not a number", instance);
        else if (fast->series != all->series || fast->from_ms != all->from_ms || fast->until_ms != all->until_ms)
                sampler_complain(out, QUALITY_NO_BUCKET, "the latency histogram of %s lacks its bound at %g ms in some scrapes",
                                 instance, ms);
        else if (fast->all > all->all || fast->fresh > all->fresh)
                sampler_complain(out, QUALITY_HISTOGRAM,
                                 "the latency histogram of %s counts more requests within %g ms than in all", instance, ms);
        else
                return true;
        return false;
}

/* An instance that is compared at bounds has to have a histogram once it has answered anything. */
static void miss_total(const struct sampler_latency *l, const struct sampler_question *q, const char *instance,
                       struct reading *out)
{
        bool bucket = false;

        for (int i = 0; i < parts(q); i++)
                bucket |= l->within[i].series > 0;
        if (bucket)
                sampler_complain(out, QUALITY_NO_BUCKET, "the latency histogram of %s has no total (le=\"+Inf\")", instance);
        else if (q->n_bounds > 0 && l->requests > 0)
                sampler_complain(out, QUALITY_NO_BUCKET, "%s has no latency histogram", instance);
}

void sampler_latency_count(const struct sampler_latency *l, const struct sampler_question *q, const char *instance, enum arm arm,
                           struct reading *out)
{
        const struct sampler_growth *all = &l->total;

        if (all->series == 0) {
                miss_total(l, q, instance, out);
                return;
        }
        for (int i = 0; i < parts(q); i++) {
                const struct sampler_growth *fast = &l->within[i];

                if (!is_sure(all, fast, instance, 1000 * bound_s(q, i), i == LATENCY_OBJECTIVE, out))
                        continue;
                if (i >= LATENCY_BOUNDS) {
                        out->bounds[arm][i - LATENCY_BOUNDS].of += all->all;
                        out->bounds[arm][i - LATENCY_BOUNDS].above += all->all - fast->all;
                        continue;
                }
                out->all[arm].timed += all->all;
                out->all[arm].slow += all->all - fast->all;
                out->fresh[arm].timed += all->fresh;
                out->fresh[arm].slow += all->fresh - fast->fresh;
        }
}
