/* What all parts of the local platform share: resolved settings and the descriptor set. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "rolloutd/local.h"

struct local_setup {
        char *state_dir; /* absolute, without links: it marks our processes */
        char *haproxy_bin, *scorer_bin, *traffic_listen, *registry_url;
        char *registry_token_file; /* may be NULL */
        int scorer_port_base;
        bool stop_serving_on_exit;
        int64_t drain_ms, stop_ms;
        int epoll;
};

int local_setup_init(struct local_setup *s, const struct local_config *c, struct err *e);
void local_setup_done(struct local_setup *s);
