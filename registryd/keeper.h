/* The thread behind the requests: brings the schema up to date, then deletes what unfinished uploads left. */
#pragma once

#include <stdbool.h>

#include "lib/err.h"

struct keeper;
struct registry;

/* Pools in `reg` must be paused; the keeper lets them go once the schema is up to date. `uri` is where to migrate. */
struct keeper *keeper_start(struct registry *reg, const char *uri);
void keeper_stop(struct keeper *k);     /* NULL is fine */
void keeper_poke(struct keeper *k);     /* an upload was given up: delete its chunks soon */
bool keeper_is_ready(struct keeper *k); /* the schema is up to date */
/* The schema can never become right (a newer program's, say): *why is filled and SIGTERM was sent to ourselves. */
bool keeper_has_failed(struct keeper *k, struct err *why);
