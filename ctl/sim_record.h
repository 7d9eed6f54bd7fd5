/* Recorded traffic for simulations: a range of Prometheus's, in a file or asked for. */
#pragma once

#include "ctl/sim_traffic.h"
#include "lib/err.h"

enum { SIM_RECORD_BYTES_MAX = 64 << 20 };

/*
 * The file is an answer of Prometheus's HTTP API with raw samples ("query" of a range selector: {__name__=~"up|scorer_.*",
 * model="credit"}[6h]). Of the versions in it the one with most requests is the traffic. sim_record_done() frees it.
 */
int sim_record_read(const char *path, int64_t objective_ms, struct sim_record *out, struct err *e);

/* The same from the Prometheus at `url`: what the scorers of `target` did in the last last_ms. */
int sim_record_ask(const char *url, const char *target, int64_t last_ms, int64_t objective_ms, struct sim_record *out,
                   struct err *e);
void sim_record_done(struct sim_record *r);
