/*
 * A PostgreSQL of registryd's own, under data_dir/postgres: data/ (the cluster), run/ (its Unix socket), log. Nothing listens on TCP;
 * who may enter the 0700 folder may use it. It is started again when it dies, and dies with registryd.
 */
#pragma once

#include "lib/err.h"
#include "lib/metrics.h"
#include "registryd/settings.h"

struct embedded_pg;

/*
 * Make the cluster if there is none, end a server that a killed registryd left behind, and start ours from a thread that lives as
 * long as *out. CONFLICT when another registryd uses the folder; the message names the cure when PostgreSQL is not installed.
 * Returns before the server takes connections.
 */
int embedded_pg_start(const struct settings *s, struct metric_cell *starts, struct embedded_pg **out, struct err *e);
const char *embedded_pg_uri(const struct embedded_pg *p);
void embedded_pg_stop(struct embedded_pg *p); /* fast shutdown, waited for; NULL is fine */

/* --- embedded_pg_setup.c --- */

struct embedded_paths {
        char *home, *data, *run, *log, *initdb, *postgres; /* the last two: programs */
        const char *user;                                  /* to become; NULL to stay */
};

/* Folders with the right owner, and the programs that fit the cluster's version. */
int embedded_paths_find(const struct settings *s, struct embedded_paths *p, struct err *e);
void embedded_paths_done(struct embedded_paths *p);
/* initdb, if there is no cluster yet; a crash in the middle leaves none. */
int embedded_make_cluster(const struct embedded_paths *p, struct err *e);
/* End a server of this very folder whose registryd is gone, and remove a pid file that names some other process. */
int embedded_end_orphan(const struct embedded_paths *p, struct err *e);
