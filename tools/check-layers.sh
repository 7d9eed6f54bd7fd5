#!/bin/sh
# The architecture as greps: who may include whom. Prints each breach and fails.
set -eu
cd "$(dirname "$0")/.."
bad=0
breach() {
    if [ -n "$2" ]; then
        printf '%s:\n%s\n' "$1" "$2"
        bad=1
    fi
}

programs="registryd rolloutd scorer ctl"
for p in $programs; do
    for other in $programs; do
        [ "$p" = "$other" ] || breach "$p must not include $other" "$(grep -n "#include \"$other/" "$p"/*.[ch] 2>/dev/null || :)"
    done
    breach "lib must not include $p" "$(grep -n "#include \"$p/" lib/*.[ch] || :)"
    breach "bench must not include $p" "$(grep -n "#include \"$p/" bench/*.[ch] bench/*/*.[ch] 2>/dev/null || :)"
done

# LIBRARY HEADER, FILES THAT MAY SEE IT
only() {
    # shellcheck disable=SC2086
    breach "only $2 may include $1" "$(grep -ln "#include <$1" lib/*.[ch] registryd/*.[ch] rolloutd/*.[ch] scorer/*.[ch] ctl/*.[ch] 2>/dev/null | grep -vE "^($2)$" || :)"
}
only microhttpd.h 'lib/http_server[a-z_]*\.[ch]'
only curl/ 'lib/http_client[a-z_]*\.[ch]'
only libpq-fe.h 'lib/pg[a-z_]*\.[ch]|registryd/[a-z_]*store[a-z_]*\.[ch]'
only yaml.h 'lib/(settings_file|yaml_json)\.c'
only cyaml/ 'lib/policy_(kayenta_|query_)?file\.[ch]'
only openssl/ 'lib/(sha256|base64)\.c'
only git2 'ctl/[a-z_]*git[a-z_]*\.c'

# Rules take values and return values: no clock, socket, SQL, JSON, log.
for rules in registryd/*rules.[ch] rolloutd/fsm.[ch] lib/judge*.[ch] lib/sampler.[ch] lib/counts.h lib/policy.[ch] scorer/forest*.[ch] scorer/objective.[ch]; do
    [ -e "$rules" ] || continue
    breach "$rules is a rules file" "$(grep -nE '#include ("lib/(clock|log|json|pg|http|fs|proc|metrics)|<(jansson|libpq|time|sys/socket))' "$rules" | sed "s|^|$rules:|" || :)"
done
[ "$bad" = 0 ] && echo "layers: ok"
exit "$bad"
