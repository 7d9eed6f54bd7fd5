#!/bin/sh
# Install the packages of a list that are missing. Says which first, uses sudo when not root, starts no service.
# usage: deps.sh LIST [SECTION...]   sections are headed by comments: "# build"; without any, the whole list
set -eu

list=$1
shift
sections=" $* "
missing=""
for package in $(awk -v s="$sections" '/^#/ { sub(":", "", $2); on = index(s, " " $2 " ") } !/^#/ && (on || s == "  ") { print $1 }' "$list"); do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null; then
    as_root=sudo
else
    echo "make deps: these packages are missing and there is neither root nor sudo:$missing" >&2
    exit 1
fi
echo "make deps: installing with ${as_root:+sudo }apt-get:$missing"

# Debian asks policy-rc.d before it starts a service, and createcluster.conf before it makes a database cluster. Both are put
# in place only if absent; the first is taken away again, the second gives way to the package's own. Service units that came
# with the packages are disabled afterwards, so that the next boot does not start them either.
$as_root sh -eu -c '
    made=""
    clusters=/etc/postgresql-common/createcluster.conf
    made_clusters=""
    cleanup() {
        for f in $made; do rm -f "$f"; done
        [ -z "$made_clusters" ] || cp /usr/share/postgresql-common/createcluster.conf "$clusters" 2>/dev/null || rm -f "$clusters"
    }
    trap cleanup EXIT
    trap "exit 130" INT TERM
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        made="$made /usr/sbin/policy-rc.d"
        printf "#!/bin/sh\nexit 101\n" > /usr/sbin/policy-rc.d
        chmod 755 /usr/sbin/policy-rc.d
    fi
    if [ ! -e "$clusters" ]; then
        made_clusters=yes
        mkdir -p /etc/postgresql-common
        printf "create_main_cluster = false\n" > "$clusters"
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q -o APT::Update::Error-Mode=any >/dev/null || apt-get update -q
    apt-get install -q -y --no-install-recommends "$@" >/tmp/sluice-deps.$$ 2>&1 || { cat /tmp/sluice-deps.$$; rm -f /tmp/sluice-deps.$$; exit 1; }
    rm -f /tmp/sluice-deps.$$
    if [ -d /run/systemd/system ]; then
        for package in "$@"; do
            case $package in
            prometheus | haproxy | postgresql) systemctl disable --quiet "$package" 2>/dev/null || : ;;
            etcd-server) systemctl disable --quiet etcd 2>/dev/null || : ;;
            esac
        done
    fi
' sh $missing
echo "make deps: done"
