/* Queries out, evidence in. */
#include "rolloutd/prometheus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/prometheus_parse.h"
#include "lib/release.h"
#include "lib/strbuf.h"

/* Counters that belong together are asked for as of one moment, which is so long ago that what was scraped until then is there. */
enum { SETTLED_MS = 1000 };
enum { QUERY_TIMEOUT_MS = 5000, QUERY_SAMPLES = 0, QUERY_CLOCK = 1, QUERY_GATES = 2 };

struct prometheus {
        struct evidence_source source; /* first */
        struct http_loop *loop;
        char *url, *range_url; /* of /api/v1/query and query_range */
        struct question *questions;
};

struct query {
        struct question *question;
        struct http_call call;
        struct http_flight *flight; /* NULL once answered */
        int gate;                   /* index of a policy's gate */
        bool is_of;                 /* its second query */
        int metric;                 /* 1 + index of the Kayenta gate's; 0: it is none of those */
        int arm;
        bool compares; /* it is asked of both arms */
        char *by;      /* the label that tells a drift gate's classes apart; NULL: a number is asked for */
        struct judge_table *table;
        char *body;
};

struct question { /* one ask() under way */
        struct prometheus *p;
        evidence_fn done;
        void *arg;
        int64_t asked_ms; /* wall clock */
        struct evidence answer;
        struct series_list list;
        struct kayenta_answer *metrics; /* one each; NULL: none are asked for */
        struct query queries[QUERY_GATES + 2 * ARM_COUNT * POLICY_QUERIES_MAX + ARM_COUNT * POLICY_KAYENTA_METRICS];
        int n_queries, waiting;
        struct question *prev, *next;
};

/* The histogram's bound as a label may be written "0.05", "0.050", "1" or "1.0". */
static void add_bound(struct strbuf *b, double seconds)
{
        char text[32];

        snprintf(text, sizeof text, "%.15g", seconds);
        for (const char *c = text; *c; c++)
                strbuf_adds(b, *c == '.' ? "\\\\." : (char[]){ *c, '\0' });
        strbuf_adds(b, strchr(text, '.') ? "0*" : "(\\\\.0*)?");
}

static void add_release(struct strbuf *b, int64_t key)
{
        const struct release_text text = release_text(key);

        for (const char *c = text.text; *c; c++)
                strbuf_adds(b, *c == '.' ? "\\\\." : (char[]){ *c, '\0' });
}

/* Of all buckets those that are needed. An absent label matches the empty alternative. */
static void add_bounds(struct strbuf *b, const struct evidence_question *q)
{
        strbuf_adds(b, ",le=~\"");
        if (q->policy->latency.on) {
                strbuf_adds(b, "|\\\\+Inf|");
                add_bound(b, (double) q->policy->latency.objective_ms / 1000);
        }
        for (int i = 0; i < q->n_bounds; i++) {
                strbuf_addc(b, '|');
                add_bound(b, q->bounds_us[i] / 1e6);
        }
        strbuf_addc(b, '"');
}

char *prometheus_selector(const struct evidence_question *q)
{
        const struct policy_share *latency = &q->policy->latency;
        AUTO_STRBUF b;

        strbuf_init(&b, 4096);
        strbuf_addf(&b, "{__name__=~\"up|scorer_requests_total%s\",target=\"%s\",version=~\"",
                    latency->on ? "|scorer_request_duration_seconds_bucket" : "", q->target);
        add_release(&b, q->version[ARM_STABLE]);
        strbuf_addc(&b, '|');
        add_release(&b, q->version[ARM_CANDIDATE]);
        strbuf_addc(&b, '"');
        if (!latency->on || !q->every_bound)
                add_bounds(&b, q);
        strbuf_addf(&b, "}[%lldms]", (long long) q->range_ms);
        return strbuf_take(&b);
}

static void question_free(struct question *qu)
{
        for (int i = 0; i < qu->n_queries; i++) {
                if (qu->queries[i].flight)
                        http_loop_cancel(qu->p->loop, qu->queries[i].flight);
                free(qu->queries[i].body);
                free(qu->queries[i].by);
                free(qu->queries[i].table);
        }
        series_list_done(&qu->list);
        free(qu->metrics);
        DL_DELETE(qu->p->questions, qu);
        free(qu);
}

static void fail(struct question *qu, const char *why)
{
        if (!qu->answer.ok)
                return; /* the first reason is the cause */
        qu->answer.ok = false;
        snprintf(qu->answer.why, sizeof qu->answer.why, "%.*s", (int) sizeof qu->answer.why - 1, why);
}

/* An answer with status 4xx or 5xx has Prometheus's reason in its body. */
static int take_number(const struct http_response *r, const struct err *failure, double *value, int64_t *at_ms, struct err *e)
{
        if (failure)
                return err_set(e, failure->kind, "Prometheus: %s", failure->msg);
        return prometheus_parse_number(r->body, r->body_len, value, at_ms, e);
}

static int take_table(const struct http_response *r, const struct err *failure, struct query *query, struct err *e)
{
        if (failure)
                return err_set(e, failure->kind, "Prometheus: %s", failure->msg);
        query->table = xcalloc(1, sizeof *query->table);
        return prometheus_parse_table(r->body, r->body_len, query->by, query->table, e);
}

static double *number_of(struct gate_value *v, const struct query *query)
{
        if (query->arm == ARM_STABLE)
                return query->is_of ? &v->stable_of : &v->stable;
        return query->is_of ? &v->of : &v->value;
}

static void take_gate(struct question *qu, struct query *query, const struct http_response *r, const struct err *failure)
{
        struct gate_value *v = &qu->answer.queries[query->gate];
        struct err e = { 0 };
        int64_t at_ms;

        if (query->by)
                (void) take_table(r, failure, query, &e);
        else
                (void) take_number(r, failure, number_of(v, query), &at_ms, &e);
        if (query->by && !e.kind)
                v->table[query->arm] = query->table;
        if (!e.kind || !v->known)
                return; /* the first reason is told */
        v->known = false;
        snprintf(v->why, sizeof v->why, "%s%.*s",
                 !query->compares           ? ""
                 : query->arm == ARM_STABLE ? "stable: "
                                            : "the candidate: ",
                 (int) sizeof v->why - 20, e.msg);
}

static void take_range(struct question *qu, const struct query *query, const struct http_response *r, const struct err *failure)
{
        const struct kayenta_window *w = &qu->answer.kayenta;
        struct kayenta_answer *a = &qu->metrics[query->metric - 1];
        struct err e = { 0 };

        if (failure)
                (void) err_set(&e, failure->kind, "Prometheus: %s", failure->msg);
        else
                (void) prometheus_parse_range(r->body, r->body_len, w->from_ms, w->interval_ms, (size_t) w->n,
                                              a->values[query->arm], &e);
        if (e.kind)
                snprintf(a->why, sizeof a->why, "%.*s", (int) sizeof a->why - 1, e.msg);
}

static void take_clock(struct question *qu, const struct http_response *r, const struct err *failure)
{
        int64_t now_ms = clock_wall_ms(), at_ms;
        struct err e = { 0 };
        double value;

        if (take_number(r, failure, &value, &at_ms, &e) < 0) {
                fail(qu, e.msg);
                return;
        }
        qu->answer.server_ms = at_ms;
        qu->answer.local_ms = qu->asked_ms + (now_ms - qu->asked_ms) / 2;
}

static void take_series(struct question *qu, const struct http_response *r, const struct err *failure)
{
        struct err e = { 0 };

        if (failure)
                (void) err_set(&e, failure->kind, "Prometheus: %s", failure->msg);
        else
                (void) prometheus_parse_series(r->body, r->body_len, &qu->list, &e);
        if (e.kind)
                fail(qu, e.msg);
}

static void answered(void *arg, const struct http_response *r, const struct err *failure)
{
        struct query *query = arg;
        struct question *qu = query->question;
        int which = (int) (query - qu->queries);

        query->flight = NULL;
        if (which == QUERY_SAMPLES)
                take_series(qu, r, failure);
        else if (which == QUERY_CLOCK)
                take_clock(qu, r, failure);
        else if (query->metric)
                take_range(qu, query, r, failure);
        else
                take_gate(qu, query, r, failure);
        if (--qu->waiting > 0)
                return;
        qu->answer.series = qu->list.series;
        qu->answer.n = qu->list.n;
        qu->answer.metrics = qu->metrics;
        qu->done(qu->arg, &qu->answer);
        question_free(qu);
}

/* body is given away. */
static void send_query(struct question *qu, const char *url, char *body)
{
        struct query *query = &qu->queries[qu->n_queries++];

        query->question = qu;
        query->body = body;
        query->call = (struct http_call){
                .method = "POST",
                .url = url,
                .content_type = "application/x-www-form-urlencoded",
                .body = query->body,
                .body_len = strlen(query->body),
                .timeout_ms = QUERY_TIMEOUT_MS,
                .max_body = PROMETHEUS_BODY_MAX,
        };
        qu->waiting++;
        query->flight = http_loop_start(qu->p->loop, &query->call, answered, query);
}

static void start(struct question *qu, const char *text)
{
        AUTO(str) escaped = http_escape(text);

        send_query(qu, qu->p->url, xasprintf("query=%s&timeout=%dms", escaped, QUERY_TIMEOUT_MS));
}

static void start_at(struct question *qu, const char *text, int64_t at_ms)
{
        AUTO(str) escaped = http_escape(text);

        send_query(qu, qu->p->url,
                   xasprintf("query=%s&time=%lld.%03lld&timeout=%dms", escaped, (long long) at_ms / 1000,
                             (long long) at_ms % 1000, QUERY_TIMEOUT_MS));
}

static void start_range(struct question *qu, const char *text)
{
        const struct kayenta_window *w = &qu->answer.kayenta;
        int64_t to_ms = w->from_ms + (w->n - 1) * w->interval_ms;
        AUTO(str) escaped = http_escape(text);

        send_query(qu, qu->p->range_url,
                   xasprintf("query=%s&start=%lld.%03lld&end=%lld.%03lld&step=%lld.%03lld&timeout=%dms", escaped,
                             (long long) w->from_ms / 1000, (long long) w->from_ms % 1000, (long long) to_ms / 1000,
                             (long long) to_ms % 1000, (long long) w->interval_ms / 1000, (long long) w->interval_ms % 1000,
                             QUERY_TIMEOUT_MS));
}

static void start_metrics(struct question *qu, const struct evidence_question *q)
{
        const struct policy_kayenta *k = &q->policy->kayenta;

        if (q->kayenta.n == 0)
                return;
        qu->answer.kayenta = q->kayenta;
        qu->metrics = xcalloc((size_t) k->n_metrics, sizeof *qu->metrics);
        for (int i = 0; i < k->n_metrics; i++)
                for (int arm = 0; arm < ARM_COUNT; arm++) {
                        const struct policy_names names = { q->target, q->model, q->version[ARM_CANDIDATE],
                                                            q->version[ARM_STABLE], q->version[arm] };
                        AUTO(str) text = policy_query_text(k->metrics[i].query, &names);
                        struct query *query = &qu->queries[qu->n_queries];

                        query->metric = i + 1;
                        query->arm = arm;
                        start_range(qu, text);
                }
}

static void start_gate(struct question *qu, const struct evidence_question *q, int gate, enum arm arm, bool is_of)
{
        const struct policy_query *rule = &q->policy->queries[gate];
        const struct policy_names names = { q->target, q->model, q->version[ARM_CANDIDATE], q->version[ARM_STABLE],
                                            q->version[arm] };
        AUTO(str) text = policy_query_text(is_of ? rule->of : rule->query, &names);
        struct query *query = &qu->queries[qu->n_queries];

        query->gate = gate;
        query->is_of = is_of;
        query->arm = arm;
        query->compares = policy_compares(rule);
        query->by = *rule->by ? xstrdup(rule->by) : NULL;
        if (query->compares)
                start_at(qu, text, q->server_ms - SETTLED_MS);
        else
                start(qu, text);
}

/* Of a gate that compares both arms are asked, or neither. */
static void start_gates(struct question *qu, const struct evidence_question *q)
{
        for (int i = 0; i < q->policy->n_queries; i++) {
                const struct policy_query *rule = &q->policy->queries[i];
                struct gate_value *v = &qu->answer.queries[i];
                bool compares = policy_compares(rule);

                v->known = !compares || q->version[ARM_STABLE]; /* until one of its answers is none */
                if (!v->known)
                        snprintf(v->why, sizeof v->why, "there is no stable version");
                for (int arm = compares ? 0 : ARM_CANDIDATE; v->known && arm < ARM_COUNT; arm++) {
                        start_gate(qu, q, i, (enum arm) arm, false);
                        if (*rule->of)
                                start_gate(qu, q, i, (enum arm) arm, true);
                }
        }
}

static void ask(struct evidence_source *s, const struct evidence_question *q, evidence_fn done, void *arg)
{
        struct prometheus *p = (struct prometheus *) s;
        struct question *qu = xcalloc(1, sizeof *qu);
        char *selector = prometheus_selector(q);

        qu->p = p;
        qu->done = done;
        qu->arg = arg;
        qu->asked_ms = clock_wall_ms();
        qu->answer.ok = true;
        qu->answer.range_ms = q->range_ms;
        DL_APPEND(p->questions, qu);
        start(qu, selector);
        free(selector);
        start(qu, "time()");
        start_gates(qu, q);
        start_metrics(qu, q);
}

static void forget(struct evidence_source *s, void *arg)
{
        struct prometheus *p = (struct prometheus *) s;
        struct question *qu, *next;

        DL_FOREACH_SAFE(p->questions, qu, next)
        if (qu->arg == arg)
                question_free(qu);
}

struct prometheus *prometheus_new(struct http_loop *loop, const char *url)
{
        struct prometheus *p = xcalloc(1, sizeof *p);
        size_t n = strlen(url);

        p->source.ask = ask;
        p->source.forget = forget;
        p->loop = loop;
        n -= n > 0 && url[n - 1] == '/';
        p->url = xasprintf("%.*s/api/v1/query", (int) n, url);
        p->range_url = xasprintf("%s_range", p->url);
        return p;
}

struct evidence_source *prometheus_source(struct prometheus *p)
{
        return &p->source;
}

void prometheus_free(struct prometheus *p)
{
        struct question *qu, *next;

        if (!p)
                return;
        DL_FOREACH_SAFE(p->questions, qu, next)
        question_free(qu);
        free(p->url);
        free(p->range_url);
        free(p);
}
