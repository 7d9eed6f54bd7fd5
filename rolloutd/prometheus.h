/*
 * Evidence from a Prometheus, asynchronously over the controller's loop. One question is several instant queries at once: the
 * raw samples of both arms by a range selector, so that true scrape times are known; Prometheus's clock; and one per PromQL
 * gate. Any failure of the first two makes the whole evidence not ok, with the reason; a gate fails by itself. A Kayenta gate adds two
 * range queries a metric, of both versions.
 */
#pragma once

#include "lib/http_client.h"
#include "rolloutd/evidence.h"

struct prometheus;

struct prometheus *prometheus_new(struct http_loop *loop, const char *url);
struct evidence_source *prometheus_source(struct prometheus *p);
void prometheus_free(struct prometheus *p); /* before the loop; drops questions under way without an answer */

/* The selector of raw samples, by itself for the tests. The caller frees. */
char *prometheus_selector(const struct evidence_question *q);
