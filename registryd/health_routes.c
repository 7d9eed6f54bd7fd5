/* Health, metrics and who am I. */
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/version.h"
#include "registryd/keeper.h"
#include "registryd/routes.h"

enum { PING_MS = 2000 };

static const struct metric_row rows[] = {
#define METRIC(name, type, text, labels, help) [METRIC_##name] = { METRIC_##type, text, labels, help },
#include "registryd/metrics.def"
#undef METRIC
};

struct metrics *registry_metrics_new(void)
{
        return metrics_new(rows, METRIC_ROWS, METRICS_LATENCY_BUCKETS,
                           sizeof METRICS_LATENCY_BUCKETS / sizeof *METRICS_LATENCY_BUCKETS);
}

void registry_count_db_error(void *arg, enum err_kind kind)
{
        metric_inc(metrics_cell(arg, METRIC_db_errors, err_kind_name(kind)));
}

/* Anyone may invent methods, and each would be a series that stays. */
static const char *method_label(const char *method)
{
        static const char *const known[] = { "GET", "HEAD", "PUT", "POST", "DELETE" };

        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
                if (strcmp(method, known[i]) == 0)
                        return known[i];
        return "other";
}

void registry_observe(const struct http_request *rq, const char *route, int status, int64_t duration_us)
{
        struct registry *reg = registry_of(rq);
        const char *method = method_label(rq->method);
        struct log_int code = log_int(status), ms = log_int(duration_us / 1000);

        metric_inc(metrics_cell(reg->metrics, METRIC_requests, method, route, code.text));
        metric_observe(metrics_cell(reg->metrics, METRIC_duration, method, route), (double) duration_us / 1e6);
        /* "Not ready" is an answer, not a fault, and probes ask often. */
        bool fault = status >= 500 && strcmp(route, "/readyz");
        log_write(fault ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, "request", "method", rq->method, "path", rq->path, "status",
                  code.text, "ms", ms.text, "actor", rq->actor, "request_id", rq->id, (char *) 0);
}

int health_get(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        (void) rq, (void) e;
        return http_reply_json(rp, 200, json_pack("{s:s, s:s}", "status", "ok", "version", SLUICE_VERSION));
}

/* The whole message, which names hosts and users, is for the log: anyone may ask. */
static int db_away(struct registry *reg, const struct err *why, struct err *e)
{
        if (!atomic_exchange(&reg->db_is_away, true))
                LOG_WARN("the database does not answer", "error", why->msg);
        return err_set(e, ERR_UNAVAILABLE, "the database does not answer");
}

int ready_get(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        struct registry *reg = registry_of(rq);
        struct err why = { 0 };

        if (atomic_load(&reg->draining))
                return err_set(e, ERR_UNAVAILABLE, "stopping");
        if (!keeper_is_ready(reg->keeper))
                return err_set(e, ERR_UNAVAILABLE, "the database is being prepared");
        if (store_ping(reg->db, clock_ms() + PING_MS, &why))
                return db_away(reg, &why, e);
        if (atomic_exchange(&reg->db_is_away, false))
                LOG_INFO("the database answers again");
        pg_retry_now(reg->transfers); /* ready is ready for artifacts too */
        return http_reply_json(rp, 200, json_pack("{s:s}", "status", "ready"));
}

static void show_pool(struct registry *reg, const char *name, struct pg *db)
{
        struct pg_stats s;

        pg_get_stats(db, &s);
        metric_set(metrics_cell(reg->metrics, METRIC_db_connections, name, "in_use"), s.in_use);
        metric_set(metrics_cell(reg->metrics, METRIC_db_connections, name, "idle"), s.idle);
        metric_set(metrics_cell(reg->metrics, METRIC_db_connections, name, "max"), s.max);
}

int metrics_get(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        struct registry *reg = registry_of(rq);
        size_t len;

        (void) e;
        show_pool(reg, "requests", reg->db);
        show_pool(reg, "transfers", reg->transfers);
        metric_set(metrics_cell(reg->metrics, METRIC_transfers, "in"), atomic_load(&reg->uploads));
        metric_set(metrics_cell(reg->metrics, METRIC_transfers, "out"), atomic_load(&reg->downloads));
        metric_set(metrics_cell(reg->metrics, METRIC_ready), keeper_is_ready(reg->keeper));
        char *text = metrics_text(reg->metrics, &len);
        return http_reply_text(rp, 200, METRICS_CONTENT_TYPE, text, len);
}

int whoami_get(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        (void) e;
        return http_reply_json(rp, 200, json_pack("{s:s, s:s}", "name", rq->actor, "role", role_name(rq->caller)));
}
