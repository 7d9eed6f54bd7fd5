#!/bin/sh
# usage: netns.sh COMMAND ARGUMENT...
# Run a command in a network of its own: loopback, the bridge 10.244.0.1/16 that pods are connected to, and the addresses of Services
# (10.96.0.0/16), all on this machine only. Its processes are in a namespace too, and end with the command, or when this is ended.
set -e
case $1 in
--between)
    # unshare --fork would not hear SIGTERM. This shell does, and the first process of the namespace goes with it. An interrupt
    # from the terminal is for the command to clean up after.
    shift
    trap : INT
    setpriv --pdeathsig KILL "$0" --inside "$@"
    exit
    ;;
--inside)
    shift
    mount -t proc proc /proc
    ip link set lo up
    ip link add pods type bridge
    ip addr add 10.244.0.1/16 dev pods
    ip link set pods up
    ip route add local 10.96.0.0/16 dev lo
    # No name server can be reached: unknown names are unknown at once, not after seconds.
    mount -t tmpfs tmpfs /mnt
    printf 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n' > /mnt/resolv.conf
    mount --bind /mnt/resolv.conf "$(readlink -f /etc/resolv.conf)"
    umount -l /mnt
    export SLUICE_TEST_NET=10.244.0.1
    exec "$@"
    ;;
esac
# A user stays that user (PostgreSQL refuses to run as root) and is given the capabilities inside.
if [ "$(id -u)" = 0 ]; then own=; else own="--user --map-current-user --keep-caps"; fi
# shellcheck disable=SC2086
exec unshare $own --net --mount --pid "$0" --between "$@"
