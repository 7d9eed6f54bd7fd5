/* Bringing a schema up to date: numbered steps, forward only, one transaction each, one program at a time. */
#pragma once

#include "lib/pg.h"

struct pg_migration {
        int number;       /* from 1, without gaps */
        const char *name; /* "0001_models" */
        const char *sql;
};

/* Made from registryd/migrations/ by tools/embed-sql.sh. */
extern const struct pg_migration registry_migrations[];
extern const unsigned registry_migration_count;

/*
 * Apply what is missing in `schema` (made if absent; its table `migration` remembers what was applied). Any number of programs
 * may do so at once: an advisory lock lets one through. INVALID when the database is newer than the list, differs from it,
 * or is not UTF-8. *applied says how many ran.
 */
int pg_migrate(struct pg_conn *c, const char *schema, const struct pg_migration *list, unsigned n, int *applied, struct err *e);
