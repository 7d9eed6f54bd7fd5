/*
 * HAProxy's side of the local platform as pure text and numbers: each model is a backend with a fixed set of server slots, and what a
 * slot points at, weighs and whether it takes part is changed through the runtime socket without a reload.
 * Formats: HAProxy management guide 2.6, 9.3 ("set server", "show servers state"); configuration manual 2.6.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/names.h"
#include "lib/strbuf.h"
#include "rolloutd/platform.h"

enum {
        LOCAL_SLOTS = 32,                     /* scoring processes a model can have at once */
        LOCAL_SLOT_WEIGHT_MAX = 256,          /* HAProxy's own limit */
        LOCAL_UNUSED_PORT = 1,                /* where slots without a process point; they are in maintenance */
        LOCAL_BACKEND_MAX = NAME_MAX_LEN + 7, /* "model_NAME" */
        LOCAL_PLAN_MAX = 12288,               /* HAProxy reads at most 16 KiB of commands at once */
        LOCAL_CONFIG_MAX = 8 << 20,
};

struct local_slot {
        int port, weight;
        bool enabled; /* not in maintenance */
        bool up;      /* by HAProxy's own health check; only known from parsing */
};

struct local_share {
        int bp;     /* asked, of the versions together */
        int slots;  /* that serve this version */
        int weight; /* result: of each of these slots */
};

/*
 * Weights 0 to 256 whose proportions over all slots come nearest to the shares asked. Nothing asked is nothing; something asked is at
 * least 1 where there is a slot. With one slot each, shares from 1 % to 99 % are met within 0.1 % (a test walks through them).
 */
void local_weights(struct local_share *s, int n);

void local_backend_name(const char *target, char out[static LOCAL_BACKEND_MAX]);

/* The answer of "show servers state BACKEND", perhaps after other answers. INVALID when it is anything else. */
int local_slots_parse(const char *text, const char *backend, struct local_slot out[static LOCAL_SLOTS], struct err *e);

/*
 * Commands separated by ';' that lead from `now` to `want`: first whatever gains, then whatever loses, so that at no moment all weights
 * are 0. Commands that would go over the buffer's maximum are left out, whole; they are due after the next reading.
 */
void local_slots_plan(const char *backend, const struct local_slot *now, const struct local_slot *want, struct strbuf *out);
bool local_slots_equal(const struct local_slot *a, const struct local_slot *b); /* but for `up` */

struct local_backend {
        const char *target;
        struct local_slot slots[LOCAL_SLOTS];
};

/* The whole configuration; starting HAProxy with it brings it up with these addresses and weights. */
void local_config_text(const char *traffic_listen, const char *socket_path, const struct local_backend *b, size_t n,
                       struct strbuf *out);
