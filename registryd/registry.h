/* What every part of registryd shares: made by main() before the first request, freed after the last. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "lib/http_server.h"
#include "lib/metrics.h"
#include "lib/pg.h"
#include "registryd/settings.h"

struct auth;
struct keeper;

enum registry_metric {
#define METRIC(name, ...) METRIC_##name,
#include "registryd/metrics.def"
#undef METRIC
        METRIC_ROWS
};

struct registry {
        const struct settings *settings;
        struct pg *db;        /* requests; commits reach the disk */
        struct pg *transfers; /* artifacts in and out; commits do not wait for the disk */
        struct auth *auth;
        struct keeper *keeper;
        struct metrics *metrics;
        struct metric_cell *bytes_in, *bytes_out; /* looked up once: every piece counts */
        atomic_int uploads, downloads;            /* under way */
        atomic_bool draining;
        atomic_bool db_is_away; /* as /readyz saw it last: told once */
};

struct metrics *registry_metrics_new(void);
/* pg_config.failed: counts by kind. arg is the struct metrics. */
void registry_count_db_error(void *arg, enum err_kind kind);

extern const struct http_route registry_routes[];
extern const size_t registry_route_count;
/* http_server_config.observe: metrics and access log. */
void registry_observe(const struct http_request *rq, const char *route, int status, int64_t duration_us);
