/* One counter's growth. */
#include "lib/sampler_series.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

void sampler_complain(struct reading *out, enum quality q, const char *fmt, ...)
{
        va_list ap;

        if (out->quality != QUALITY_GOOD && out->quality <= q)
                return;
        out->quality = q;
        va_start(ap, fmt);
        vsnprintf(out->reason, sizeof out->reason, fmt, ap);
        va_end(ap);
}

static bool usable(double v)
{
        return isfinite(v) && v >= 0 && v <= 9e15;
}

struct base {
        double value;
        int64_t at_ms;
        bool unclear;
};

/* The value of the counter at span->from_ms, or the first one in the range if that is all there is. Returns the index of
 * the first sample to count. */
static size_t find_base(const struct series *s, const struct sampler_span *span, struct base *b)
{
        bool found = false, there = false; /* a number, any sample, up to from_ms */
        size_t i = 0;

        *b = (struct base){ .at_ms = span->from_ms };
        for (; i < s->n && s->samples[i].at_ms <= span->from_ms; i++) {
                there = true;
                if (!usable(s->samples[i].value))
                        continue;
                b->value = s->samples[i].value;
                b->at_ms = s->samples[i].at_ms;
                found = true;
        }
        b->unclear = there && !found;
        if (found || (!there && span->from_seen))
                return i; /* known, or it began at 0 after from_ms */
        while (i < s->n && !usable(s->samples[i].value))
                i++;
        if (i == s->n)
                return i;
        b->value = s->samples[i].value;
        b->at_ms = s->samples[i].at_ms;
        return i + 1;
}

void sampler_grow(const struct series *s, const struct sampler_span *span, struct sampler_growth *g)
{
        struct base b;
        size_t i = find_base(s, span, &b);

        if (g->series++ == 0 || b.at_ms < g->from_ms)
                g->from_ms = b.at_ms;
        g->unclear |= b.unclear;
        for (; i < s->n && s->samples[i].at_ms <= span->to_ms; i++) {
                double v = s->samples[i].value;

                if (!usable(v)) {
                        g->unclear = true;
                        continue;
                }
                int64_t d = (int64_t) (v < b.value ? v : v - b.value);
                g->all += d;
                if (b.at_ms >= span->fresh_since_ms)
                        g->fresh += d;
                b.value = v;
                b.at_ms = s->samples[i].at_ms;
        }
        if (b.at_ms > g->until_ms)
                g->until_ms = b.at_ms;
}
