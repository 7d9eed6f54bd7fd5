/* Counting between scrapes. */
#include "lib/sampler.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/release.h"
#include "lib/sampler_latency.h"

static const char *const quality_names[] = {
#define X(name, text) [QUALITY_##name] = text,
        QUALITIES(X)
#undef X
};

const char *quality_name(enum quality q)
{
        return quality_names[q];
}

static enum arm arm_of(const struct sampler_question *q, int64_t version)
{
        for (int a = 0; a < ARM_COUNT; a++)
                if (version != 0 && q->version[a] == version)
                        return (enum arm) a;
        return ARM_COUNT;
}

static bool same_instance(const struct series *s, const char *instance, int64_t version)
{
        return s->version == version && strcmp(s->instance, instance) == 0;
}

/* A counter of requests. */
static void count_requests(const struct series *s, const struct sampler_span *span, int64_t *all, int64_t *fresh,
                           struct reading *out)
{
        struct sampler_growth g = { 0 };

        sampler_grow(s, span, &g);
        if (g.unclear)
                sampler_complain(out, QUALITY_NAN, "a counter of %s is not a number", s->instance);
        *all += g.all;
        *fresh += g.fresh;
}

/* All series of one instance. */
static void count_instance(const struct sampler_question *q, const struct series *series, size_t n, const struct series *up,
                           const struct sampler_span *span, enum arm arm, struct reading *out)
{
        struct counts *all = &out->all[arm], *fresh = &out->fresh[arm];
        struct sampler_latency latency = { 0 };

        for (size_t i = 0; i < n; i++) {
                const struct series *s = &series[i];

                if (s->kind == SERIES_UP || !same_instance(s, up->instance, up->version))
                        continue;
                if (s->kind == SERIES_BUCKET) {
                        sampler_latency_bucket(&latency, q, span, s);
                        continue;
                }
                latency.requests -= all->requests;
                count_requests(s, span, &all->requests, &fresh->requests, out);
                latency.requests += all->requests;
                if (s->is_error)
                        count_requests(s, span, &all->errors, &fresh->errors, out);
        }
        sampler_latency_count(&latency, q, up->instance, arm, out);
}

/* --- instances and their marks --- */

void sampler_done(struct sampler *s)
{
        free(s->marks);
        *s = (struct sampler){ 0 };
}

struct sampler_mark *sampler_add(struct sampler *s)
{
        if (s->n == SAMPLER_INSTANCES_MAX) { /* the one that has been silent longest is gone */
                int oldest = 0;

                for (int i = 1; i < s->n; i++)
                        if (s->marks[i].until_ms < s->marks[oldest].until_ms)
                                oldest = i;
                s->marks[oldest] = s->marks[--s->n];
        }
        if (s->n == s->room) {
                s->room = s->room ? 2 * s->room : 4;
                s->marks = xrealloc(s->marks, (size_t) s->room, sizeof *s->marks);
        }
        s->marks[s->n] = (struct sampler_mark){ 0 };
        return &s->marks[s->n++];
}

static struct sampler_mark *mark_of(struct sampler *s, const struct series *up)
{
        for (int i = 0; i < s->n; i++)
                if (s->marks[i].version == up->version && strcmp(s->marks[i].instance, up->instance) == 0)
                        return &s->marks[i];
        struct sampler_mark *m = sampler_add(s);

        m->version = up->version;
        memcpy(m->instance, up->instance, sizeof m->instance);
        return m;
}

/* First and newest good scrape in the range, 0 if there is none. */
static void good_scrapes(const struct series *up, int64_t *first_ms, int64_t *newest_ms)
{
        *first_ms = *newest_ms = 0;
        for (size_t i = 0; i < up->n; i++)
                if (up->samples[i].value == 1) {
                        *first_ms = *first_ms ? *first_ms : up->samples[i].at_ms;
                        *newest_ms = up->samples[i].at_ms;
                }
}

static void read_instance(struct sampler *s, const struct sampler_question *q, const struct series *series, size_t n,
                          const struct series *up, struct reading *out)
{
        enum arm arm = arm_of(q, up->version);
        int64_t first_ms, newest_ms;

        if (arm == ARM_COUNT)
                return;
        good_scrapes(up, &first_ms, &newest_ms);
        if (newest_ms == 0)
                return;
        struct sampler_mark *mark = mark_of(s, up);
        const struct sampler_span span = {
                .from_ms = mark->until_ms ? mark->until_ms : first_ms,
                .to_ms = newest_ms,
                .from_seen = mark->until_ms == 0 || mark->until_ms >= q->range_from_ms,
                .fresh_since_ms = q->fresh_since_ms,
        };
        if (newest_ms > span.from_ms)
                count_instance(q, series, n, up, &span, arm, out);
        if (newest_ms > mark->until_ms)
                mark->until_ms = newest_ms;
        if (newest_ms > out->newest_ms[arm])
                out->newest_ms[arm] = newest_ms;
        if (q->server_ms - newest_ms <= 2 * q->scrape_ms)
                out->alive[arm]++;
        if (newest_ms - q->server_ms > SAMPLER_SKEW_MAX_MS)
                sampler_complain(out, QUALITY_SKEW, "samples of %s are %lld s ahead of Prometheus's clock", up->instance,
                                 (long long) (newest_ms - q->server_ms) / 1000);
}

static void check_arm(const struct sampler_question *q, enum arm a, struct reading *out)
{
        const char *name = a == ARM_STABLE ? "stable" : "candidate";

        if (q->version[a] == 0 || q->expected[a] == 0)
                return;
        if (out->newest_ms[a] == 0)
                sampler_complain(out, QUALITY_EMPTY, "Prometheus has no samples of the %s version %s", name,
                                 release_text(q->version[a]).text);
        else if (out->alive[a] == 0)
                sampler_complain(out, QUALITY_STALE, "the newest sample of the %s version %s is %.1f s old", name,
                                 release_text(q->version[a]).text, (double) (q->server_ms - out->newest_ms[a]) / 1000);
        else if (out->alive[a] < q->expected[a])
                sampler_complain(out, QUALITY_MISSING, "Prometheus scrapes %d of %d instances of the %s version %s",
                                 out->alive[a], q->expected[a], name, release_text(q->version[a]).text);
}

void sampler_read(struct sampler *s, const struct sampler_question *q, const struct series *series, size_t n, struct reading *out)
{
        int64_t skew_ms = q->server_ms - q->local_ms;

        memset(out, 0, sizeof *out);
        for (size_t i = 0; i < n; i++)
                if (series[i].kind == SERIES_UP)
                        read_instance(s, q, series, n, &series[i], out);
        check_arm(q, ARM_CANDIDATE, out);
        check_arm(q, ARM_STABLE, out);
        if (skew_ms > SAMPLER_SKEW_MAX_MS || skew_ms < -SAMPLER_SKEW_MAX_MS)
                sampler_complain(out, QUALITY_SKEW, "Prometheus's clock is %.1f s away from ours", (double) skew_ms / 1000);
}

int64_t sampler_range_ms(const struct sampler *s, int64_t server_ms, int64_t least_ms, int64_t most_ms)
{
        int64_t range = least_ms;

        for (int i = 0; i < s->n; i++) {
                int64_t back = server_ms - s->marks[i].until_ms + least_ms / 2;

                if (back > range && back <= most_ms)
                        range = back;
        }
        return range;
}
