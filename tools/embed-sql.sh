#!/bin/sh
# Turn numbered SQL files into a C table: `struct migration migrations[]` of lib/pg_migrate.h.
set -eu
echo '#include "lib/pg_migrate.h"'
echo 'const struct pg_migration registry_migrations[] = {'
for f in "$@"; do
    name=$(basename "$f" .sql)
    printf '\t{ %d, "%s",\n' "$(expr "${name%%_*}" + 0)" "$name"
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/\t  "/' -e 's/$/\\n"/' "$f"
    echo '	},'
done
echo '};'
echo 'const unsigned registry_migration_count = sizeof registry_migrations / sizeof *registry_migrations;'
