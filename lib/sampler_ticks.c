/* From samples to ticks. */
#include "lib/sampler_ticks.h"

#include <math.h>
#include <string.h>

static bool usable(double v)
{
        return isfinite(v) && v >= 0 && v <= 9e15;
}

/* When the instance of s was first scraped. */
static int64_t first_scrape(const struct series *series, size_t n, const struct series *s)
{
        int64_t first_ms = INT64_MAX;

        for (size_t i = 0; i < n; i++)
                if (series[i].n > 0 && series[i].version == s->version && strcmp(series[i].instance, s->instance) == 0 &&
                    series[i].samples[0].at_ms < first_ms)
                        first_ms = series[i].samples[0].at_ms;
        return first_ms;
}

enum what { REQUESTS, ERRORS, TIMED, FAST };

static int64_t *member(struct counts *c, enum what w)
{
        return w == REQUESTS ? &c->requests : w == ERRORS ? &c->errors : w == TIMED ? &c->timed : &c->slow;
}

static void add_series(const struct series *s, bool began_at_zero, enum what w, int64_t from_ms, int64_t tick_ms,
                       struct counts *out, size_t n_ticks)
{
        bool known = began_at_zero;
        double base = 0;

        for (size_t i = 0; i < s->n; i++) {
                double v = s->samples[i].value;
                int64_t tick = (s->samples[i].at_ms - from_ms - 1) / tick_ms;

                if (!usable(v))
                        continue;
                if (known && s->samples[i].at_ms > from_ms && tick < (int64_t) n_ticks)
                        *member(&out[tick], w) += (int64_t) (v < base ? v : v - base);
                base = v;
                known = true;
        }
}

static bool at_bound(const struct series *s, int64_t bound_us)
{
        return bound_us > 0 && fabs(s->le_s * 1e6 - (double) bound_us) <= 1e-6 * (double) bound_us;
}

void sampler_ticks(const struct series *series, size_t n, int64_t version, int64_t bound_us, int64_t from_ms, int64_t tick_ms,
                   struct counts *out, size_t n_ticks)
{
        bool bounded = false;

        memset(out, 0, n_ticks * sizeof *out);
        for (size_t i = 0; i < n; i++) {
                const struct series *s = &series[i];

                if (s->version != version || s->kind == SERIES_UP || s->n == 0)
                        continue;
                bool zero = s->samples[0].at_ms > first_scrape(series, n, s);

                if (s->kind == SERIES_REQUESTS) {
                        add_series(s, zero, REQUESTS, from_ms, tick_ms, out, n_ticks);
                        if (s->is_error)
                                add_series(s, zero, ERRORS, from_ms, tick_ms, out, n_ticks);
                } else if (s->le_s == INFINITY) {
                        add_series(s, zero, TIMED, from_ms, tick_ms, out, n_ticks);
                } else if (at_bound(s, bound_us)) {
                        add_series(s, zero, FAST, from_ms, tick_ms, out, n_ticks);
                        bounded = true;
                }
        }
        for (size_t i = 0; i < n_ticks; i++) /* what was within the bound, turned round */
                out[i].slow = bounded && out[i].timed > out[i].slow ? out[i].timed - out[i].slow : 0;
}
