/* Metrics: counting, and reading what is. */
#include "rolloutd/measure.h"

#include <stdio.h>
#include <string.h>

#include "lib/clock.h"

static const struct metric_row rows[] = {
#define METRIC(id, type, name, labels, help) { METRIC_##type, name, labels, help },
#include "rolloutd/metrics.def"
#undef METRIC
};

/* What alerts look for: there from the start, so that the first one is an increase. */
static const char *const kinds[] = { "started", "done", "rolling-back", "rolled-back", "given-up", "drift" };

struct metrics *measure_new(void)
{
        struct metrics *m = metrics_new(rows, sizeof rows / sizeof *rows, METRICS_LATENCY_BUCKETS,
                                        sizeof METRICS_LATENCY_BUCKETS / sizeof *METRICS_LATENCY_BUCKETS);

        metrics_set_buckets(m, METRIC_duration, METRICS_LONG_BUCKETS, sizeof METRICS_LONG_BUCKETS / sizeof *METRICS_LONG_BUCKETS);
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
                (void) metrics_cell(m, METRIC_events, kinds[i]);
        return m;
}

/* --- when it happens --- */

static void called(void *arg, const char *verb, const char *resource, int code, int64_t took_us)
{
        const struct controller *c = arg;
        char text[12];

        (void) snprintf(text, sizeof text, "%d", code);
        metric_inc(metrics_cell(c->metrics, METRIC_kube_calls, verb, resource, text));
        if (took_us >= 0 && code)
                metric_observe(metrics_cell(c->metrics, METRIC_kube_time, verb, resource), (double) took_us / 1e6);
}

void measure_platform(struct controller *c)
{
        if (c->platform->ops->meter)
                c->platform->ops->meter(c->platform, &(struct platform_meter){ .called = called, .arg = c });
}

void measure_event(struct controller *c, const struct target *t, const struct event *ev)
{
        static const char *const ends[] = { "done", "rolled-back", "given-up" };

        metric_inc(metrics_cell(c->metrics, METRIC_events, ev->kind));
        if (strcmp(ev->kind, "verdict") == 0)
                metric_inc(metrics_cell(c->metrics, METRIC_verdicts, verdict_state_name(ev->verdict.state), ev->verdict.gate));
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
                if (strcmp(ev->kind, ends[i]) == 0 && t->now.started_ms)
                        metric_observe(metrics_cell(c->metrics, METRIC_duration, ends[i]),
                                       (double) (ev->at_ms - t->now.started_ms) / 1000);
}

void measure_failure(struct controller *c, const char *operation, enum err_kind kind)
{
        metric_inc(metrics_cell(c->metrics, METRIC_failures, operation, err_kind_name(kind)));
}

void measure_rollback(struct controller *c, int64_t took_ms)
{
        metric_observe(metrics_cell(c->metrics, METRIC_rollback), (double) took_ms / 1000);
}

void measure_request(struct controller *c, const char *route, int status)
{
        char code[12];

        (void) snprintf(code, sizeof code, "%d", status);
        metric_inc(metrics_cell(c->metrics, METRIC_requests, route, code));
}

void measure_pass(struct controller *c, int64_t took_us)
{
        metric_observe(metrics_cell(c->metrics, METRIC_reconcile), (double) took_us / 1e6);
}

void measure_round(struct controller *c, int64_t took_us, size_t passes)
{
        metric_observe(metrics_cell(c->metrics, METRIC_pass), (double) took_us / 1e6);
        if (passes)
                metric_set(metrics_cell(c->metrics, METRIC_queue), (double) passes);
}

/* --- at a scrape --- */

static void read_target(const struct controller *c, const struct target *t)
{
        const struct rollout *r = &t->now;
        int64_t b = r->judge.step[ARM_CANDIDATE].requests, n = b + r->judge.step[ARM_STABLE].requests;

        metric_set(metrics_cell(c->metrics, METRIC_phase, r->target, r->model, phase_name(r->phase)), 1);
        metric_set(metrics_cell(c->metrics, METRIC_weight_asked, r->target, r->model), rollout_weight_bp(r) / 100.0);
        if (n)
                metric_set(metrics_cell(c->metrics, METRIC_weight_observed, r->target, r->model),
                           100.0 * (double) b / (double) n);
        if (r->verdict.at_ms)
                metric_set(metrics_cell(c->metrics, METRIC_verdict, r->target, r->model, verdict_state_name(r->verdict.state)),
                           1);
        if (t->decided_back_ms)
                metric_set(metrics_cell(c->metrics, METRIC_back_pending, r->target, r->model),
                           (double) (clock_ms() - t->decided_back_ms) / 1000);
}

static void read_targets(const struct controller *c)
{
        static const int own[] = { METRIC_phase, METRIC_weight_asked, METRIC_weight_observed, METRIC_verdict,
                                   METRIC_back_pending };
        double count[PHASE_COUNT] = { 0 };

        for (size_t i = 0; i < sizeof own / sizeof *own; i++)
                metrics_clear(c->metrics, own[i]);
        DUE_EACH(&c->targets, one)
        {
                const struct target *t = one->t;

                count[t->now.phase]++;
                if (phase_is_under_way(t->now.phase))
                        read_target(c, t);
        }
        for (int p = 0; p < PHASE_COUNT; p++)
                metric_set(metrics_cell(c->metrics, METRIC_targets, phase_name((enum phase) p)), count[p]);
}

static void read_platform(const struct controller *c)
{
        const struct platform *p = c->platform;
        struct platform_mirror mirrors[PLATFORM_MIRRORS_MAX];
        int n = p->ops->mirrors ? p->ops->mirrors(p, mirrors) : 0;

        metric_set(metrics_cell(c->metrics, METRIC_leader), !p->ops->epoch || p->ops->epoch(p) >= 0);
        for (int i = 0; i < n; i++) {
                metric_count_to(metrics_cell(c->metrics, METRIC_kube_lists, mirrors[i].resource), mirrors[i].lists);
                metric_count_to(metrics_cell(c->metrics, METRIC_kube_streams, mirrors[i].resource), mirrors[i].streams);
                metric_count_to(metrics_cell(c->metrics, METRIC_kube_broken, mirrors[i].resource), mirrors[i].failures);
                metric_count_to(metrics_cell(c->metrics, METRIC_kube_events, mirrors[i].resource), mirrors[i].events);
        }
}

static void read_log(const struct controller *c)
{
        struct decision_log_stats st;

        decision_log_get_stats(c->decisions, &st);
        metric_set(metrics_cell(c->metrics, METRIC_log_waiting), (double) st.spool.waiting);
        metric_set(metrics_cell(c->metrics, METRIC_log_bytes), (double) st.spool.bytes);
        metric_set(metrics_cell(c->metrics, METRIC_log_oldest),
                   st.spool.oldest_ms ? (double) (clock_wall_ms() - st.spool.oldest_ms) / 1000 : 0);
        metric_count_to(metrics_cell(c->metrics, METRIC_log_lost, "dropped"), st.spool.dropped);
        metric_count_to(metrics_cell(c->metrics, METRIC_log_lost, "damaged"), st.spool.damaged);
        metric_count_to(metrics_cell(c->metrics, METRIC_log_lost, "refused"), st.refused);
}

char *measure_text(struct controller *c, size_t *len)
{
        read_targets(c);
        read_platform(c);
        read_log(c);
        metric_set(metrics_cell(c->metrics, METRIC_watchers), c->n_watches);
        return metrics_text(c->metrics, len);
}
