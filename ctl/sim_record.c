/* Reading recordings. */
#include "ctl/sim_record.h"

#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/http_client.h"
#include "lib/mem.h"
#include "lib/prometheus_parse.h"
#include "lib/sampler_ticks.h"

enum { TICKS_LEAST = 12, ASK_TIMEOUT_MS = 60 * 1000 };

static int64_t requests_of(const struct sim_record *r)
{
        int64_t sum = 0;

        for (size_t i = 0; i < r->n; i++)
                sum += r->ticks[i].requests;
        return sum;
}

static void span(const struct series_list *l, int64_t *from_ms, int64_t *to_ms)
{
        *from_ms = INT64_MAX;
        *to_ms = 0;
        for (size_t i = 0; i < l->n; i++) {
                const struct series *s = &l->series[i];

                if (s->n > 0 && s->samples[0].at_ms < *from_ms)
                        *from_ms = s->samples[0].at_ms;
                if (s->n > 0 && s->samples[s->n - 1].at_ms > *to_ms)
                        *to_ms = s->samples[s->n - 1].at_ms;
        }
}

/* The busiest version's ticks into *out, which has room. */
static void busiest(const struct series_list *l, int64_t objective_ms, int64_t from_ms, struct sim_record *out)
{
        struct sim_record next = { .ticks = xcalloc(out->n, sizeof *next.ticks), .n = out->n };

        for (size_t i = 0; i < l->n; i++) {
                if (i > 0 && l->series[i].version == l->series[i - 1].version)
                        continue;
                sampler_ticks(l->series, l->n, l->series[i].version, 1000 * objective_ms, from_ms, SIM_TICK_MS, next.ticks,
                              next.n);
                if (requests_of(&next) > requests_of(out)) {
                        struct sim_record kept = *out;

                        *out = next;
                        next = kept;
                }
        }
        sim_record_done(&next);
}

/* `what` has the answer: a file or a server. */
static int parse(const char *what, const char *body, size_t len, int64_t objective_ms, struct sim_record *out, struct err *e)
{
        struct series_list l = { 0 };
        int64_t from_ms, to_ms;
        struct sim_record r;

        if (prometheus_parse_series(body, len, &l, e) < 0)
                return err_wrap(e, "%s", what);
        span(&l, &from_ms, &to_ms);
        r.n = to_ms > from_ms ? (size_t) ((to_ms - from_ms) / SIM_TICK_MS) : 0;
        if (r.n < TICKS_LEAST) {
                series_list_done(&l);
                return err_set(e, ERR_INVALID, "%s holds less than a minute of a scorer's samples", what);
        }
        r.ticks = xcalloc(r.n, sizeof *r.ticks);
        busiest(&l, objective_ms, from_ms, &r);
        series_list_done(&l);
        if (requests_of(&r) == 0) {
                sim_record_done(&r);
                return err_set(e, ERR_INVALID, "%s holds no requests", what);
        }
        *out = r;
        return 0;
}

int sim_record_read(const char *path, int64_t objective_ms, struct sim_record *out, struct err *e)
{
        AUTO(str) body = NULL;
        size_t len;

        if (fs_read(path, SIM_RECORD_BYTES_MAX, &body, &len, e) < 0)
                return -1;
        return parse(path, body, len, objective_ms, out, e);
}

int sim_record_ask(const char *url, const char *target, int64_t last_ms, int64_t objective_ms, struct sim_record *out,
                   struct err *e)
{
        size_t n = strlen(url);
        AUTO(str)
        query = xasprintf("{__name__=~\"up|scorer_requests_total|scorer_request_duration_seconds_bucket\",target=\"%s\"}[%lldms]",
                          target, (long long) last_ms);
        AUTO(str) escaped = http_escape(query);
        AUTO(str) body = xasprintf("query=%s&timeout=%dms", escaped, ASK_TIMEOUT_MS);
        AUTO(str) address = xasprintf("%.*s/api/v1/query", (int) (n > 0 && url[n - 1] == '/' ? n - 1 : n), url);
        const struct http_call call = {
                .method = "POST",
                .url = address,
                .content_type = "application/x-www-form-urlencoded",
                .body = body,
                .body_len = strlen(body),
                .timeout_ms = ASK_TIMEOUT_MS,
                .max_body = SIM_RECORD_BYTES_MAX,
        };
        AUTO_RESPONSE answer = { 0 };

        if (http_fetch(&call, &answer, e) < 0)
                return err_wrap(e, "ask %s for a recording", url);
        AUTO(str) what = xasprintf("%s, target %s,", url, target);

        return parse(what, answer.body, answer.body_len, objective_ms, out, e);
}

void sim_record_done(struct sim_record *r)
{
        free(r->ticks);
        *r = (struct sim_record){ 0 };
}
