/*
 * The local platform: scorer processes on this machine's loopback behind one HAProxy, state in a folder. The embedded default,
 * for a laptop or one server; implements platform.h.
 *
 * What serves outlives rolloutd: scorers and HAProxy go on when it ends or is killed, and the next one finds them again by the
 * SLUICE_LOCAL variable in their environment. (A systemd unit therefore needs KillMode=process.)
 *
 *      STATE/lock              held by the one rolloutd that uses this folder
 *      STATE/targets/M.json    a target's record, with its revision
 *      STATE/history/M.jsonl   its events, one a line
 *      STATE/routes/M.json     the weights that were last asked for and carried out
 *      STATE/procs/M-vN-I.json a scorer that should run, with its port and its place in HAProxy
 *      STATE/logs/             what scorers and HAProxy print
 *      STATE/cache/            files of versions, so that scorers can be started while the registry is away
 *      STATE/haproxy.cfg, haproxy.sock
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "rolloutd/platform.h"

struct local_config {
        const char *state_dir;           /* made if absent */
        const char *haproxy_bin;         /* NULL: looked up in PATH and in /usr/sbin */
        const char *scorer_bin;          /* NULL: "scorer" beside our own executable */
        const char *traffic_listen;      /* NULL: "127.0.0.1:8480"; where clients send inference requests */
        const char *registry_url;        /* passed on to scorers */
        const char *registry_token_file; /* passed on to scorers; NULL: none */
        int scorer_port_base;            /* scorers listen on 127.0.0.1 on free ports from here up; 0: 18100 */
        bool stop_serving_on_exit;       /* free() ends scorers and HAProxy: for demonstrations and tests */
        int64_t drain_ms;                /* between leaving HAProxy's rotation and SIGTERM; 0: 500 ms */
        int64_t stop_ms;                 /* between SIGTERM and SIGKILL; 0: 10 s */
};

/* What config points to is copied. CONFLICT when another rolloutd uses state_dir, INVALID for a setting that cannot work. */
struct platform *local_platform_new(const struct local_config *config, struct err *e);
