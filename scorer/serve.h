/* V2 over lib/http_server: routes, metrics and readiness. The only part of scorer that knows what carries the protocol. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/http_server.h"
#include "lib/metrics.h"
#include "scorer/loader.h"
#include "scorer/serve_counts.h"
#include "scorer/settings.h"

enum serve_metric {
#define METRIC(name, ...) METRIC_##name,
#include "scorer/metrics.def"
#undef METRIC
        METRIC_ROWS
};

enum { SERVE_ROUTES_MAX = 16 };

struct serving {
        const struct settings *settings;
        struct http_server *http;
        struct http_route routes[SERVE_ROUTES_MAX]; /* with this process's body cap */
        struct metrics *metrics;
        struct metric_cell *duration;
        struct serve_counts counts;    /* of the model; before v2 is set */
        _Atomic(const struct v2 *) v2; /* NULL until the model is loaded, checked and warm */
        const struct loader *loading;  /* says what is done until then */
        atomic_bool draining;
        atomic_llong last_ms; /* when the last request ended */
};

/* Listen. Alive at once; ready after serve_model(). *s must not move; *loading is zeroed as yet. */
int serve_start(struct serving *s, const struct settings *settings, const struct loader *loading, struct err *e);
/* From now on score with this model; borrowed until serve_stop(). */
void serve_model(struct serving *s, const struct loader *l);
void serve_not_ready(struct serving *s); /* readiness off for good; requests are still answered */
void serve_stop(struct serving *s);      /* zeroed is fine */
