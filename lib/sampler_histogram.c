/* A histogram from many series. */
#include "lib/sampler_histogram.h"

#include <math.h>
#include <string.h>

#include "lib/sampler_series.h"

struct bounds { /* ascending */
        int n;
        int32_t us[LATENCY_BOUNDS_MAX];
        int series[ARM_COUNT][LATENCY_BOUNDS_MAX]; /* how many have it */
        struct sampler_growth growth[LATENCY_BOUNDS_MAX];
};

static bool bound_of(const struct series *s, int32_t *us)
{
        double exact = s->le_s * 1e6, whole = round(exact);

        if (!(whole >= 1 && whole <= 2e9) || fabs(exact - whole) > 1e-6 * whole)
                return false;
        *us = (int32_t) whole;
        return true;
}

/* Its place, which is made if need be; -1: there are too many. */
static int place(struct bounds *b, int32_t us)
{
        int i = 0;

        while (i < b->n && b->us[i] < us)
                i++;
        if (i < b->n && b->us[i] == us)
                return i;
        if (b->n == LATENCY_BOUNDS_MAX)
                return -1;
        size_t after = (size_t) (b->n++ - i);

        memmove(&b->us[i + 1], &b->us[i], after * sizeof *b->us);
        memmove(&b->growth[i + 1], &b->growth[i], after * sizeof *b->growth);
        for (int a = 0; a < ARM_COUNT; a++) {
                memmove(&b->series[a][i + 1], &b->series[a][i], after * sizeof **b->series);
                b->series[a][i] = 0;
        }
        b->us[i] = us;
        b->growth[i] = (struct sampler_growth){ 0 };
        return i;
}

/* Those of all histograms, into *out. */
static bool take_common(const struct bounds *b, const int histograms[ARM_COUNT], struct latency_histogram *out,
                        struct reading *complaint)
{
        for (int i = 0; i < b->n; i++) {
                if (b->series[ARM_STABLE][i] != histograms[ARM_STABLE] ||
                    b->series[ARM_CANDIDATE][i] != histograms[ARM_CANDIDATE])
                        continue;
                if (b->growth[i].all > out->all || (out->n > 0 && b->growth[i].all < out->within[out->n - 1])) {
                        sampler_complain(complaint, QUALITY_HISTOGRAM,
                                         "stable's latency histogram contradicts itself at its bound of %g ms",
                                         b->us[i] / 1000.0);
                        return false;
                }
                out->us[out->n] = b->us[i];
                out->within[out->n++] = b->growth[i].all;
        }
        if (out->n == 0 && histograms[ARM_STABLE] > 0)
                sampler_complain(complaint, QUALITY_NO_BUCKET,
                                 "the latency histograms of stable and candidate have no bound in common");
        return out->n > 0 || histograms[ARM_STABLE] == 0;
}

static const struct sampler_span everything = { .from_ms = INT64_MIN, .to_ms = INT64_MAX, .fresh_since_ms = INT64_MAX };

struct reader {
        struct bounds bounds;
        struct sampler_growth all;
        int histograms[ARM_COUNT];
};

/* False when there are too many bounds. */
static bool add_bucket(struct reader *r, enum arm arm, const struct series *s)
{
        int32_t us;

        if (s->le_s == INFINITY) {
                r->histograms[arm]++;
                if (arm == ARM_STABLE)
                        sampler_grow(s, &everything, &r->all);
                return true;
        }
        if (!bound_of(s, &us))
                return true;
        int k = place(&r->bounds, us);

        if (k < 0)
                return false;
        r->bounds.series[arm][k]++;
        if (arm == ARM_STABLE)
                sampler_grow(s, &everything, &r->bounds.growth[k]);
        return true;
}

bool sampler_histogram(const struct sampler_question *q, const struct series *series, size_t n, struct latency_histogram *out,
                       struct reading *complaint)
{
        struct reader r = { 0 };

        *out = (struct latency_histogram){ 0 };
        for (size_t i = 0; i < n; i++) {
                enum arm arm = series[i].version == q->version[ARM_STABLE] ? ARM_STABLE : ARM_CANDIDATE;

                if (series[i].kind != SERIES_BUCKET || series[i].version == 0 || series[i].version != q->version[arm])
                        continue;
                if (!add_bucket(&r, arm, &series[i])) {
                        sampler_complain(complaint, QUALITY_HISTOGRAM, "the latency histogram has more than %d bounds",
                                         LATENCY_BOUNDS_MAX);
                        return false;
                }
        }
        out->all = r.all.all;
        return take_common(&r.bounds, r.histograms, out, complaint);
}
