#!/usr/bin/python3
"""rolloutd on Kubernetes in numbers: `make bench-kube`. A table on the terminal, everything in build/bench-kube.json.

    bench/kube/kube.py [--rollouts 500] [--moving 200] [--seconds 300] [--rollbacks 200] [--takeovers 3]

A real API server on etcd; pods, their controllers and the gateway are stand-ins (hollow.py), and so is Prometheus. First as many
ModelRollouts are made as shall be there. Then so many of them move, again and again, step by step to another version, for so long: memory, and
how long rolloutd takes from knowing something to acting on it. Then candidates turn bad: from the verdict to the weights being
written. Then leaders are killed: until the next one acts.
"""
import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
for folder in ("tests/component", "tests/cluster", "bench"):
    sys.path.insert(0, str(ROOT / folder))

import stack  # noqa: E402
from hollow import BareCluster, Controllers, Evidence, resident_mib  # noqa: E402
from kubeapi import Api, Watch  # noqa: E402
from postgres import Postgres  # noqa: E402
from report import machine, say, table  # noqa: E402
from registry import Registry  # noqa: E402
from sluice import Daemon, free_port, wait_until  # noqa: E402

NAMESPACE, MODEL, LEASE_S = "bench", "fraud", 15
POLICY = """
name: bench
summary: three steps
steps: [ { weight: 20, hold: 10m }, { weight: 50, hold: 10m }, { weight: 100, hold: 1s } ]
gates:
  error_rate: { max_ratio: 2, limit_percent: 20 }
min_requests: 15
max_hold: 1h
start_deadline: 10m
keep_failed: 1s
rollback_window: 1s
window_versions: 1
"""
GROUP = f"/apis/sluice.dev/v1alpha1/namespaces/{NAMESPACE}"


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p))]


class Histogram:
    """A rolloutd's histogram between two scrapes."""

    def __init__(self, before, after, name, labels=""):
        rows = []
        for key, n in after.items():
            m = re.match(rf'{name}_bucket\{{{labels}le="([^"]+)"\}}$', key)
            if m:
                rows.append((float(m.group(1)), n - before.get(key, 0)))
        self.buckets = sorted(rows)
        self.n = self.buckets[-1][1] if rows else 0

    def below(self, p):
        """The bound of the bucket that this share of the observations lies in, in milliseconds."""
        return next((le * 1000 for le, n in self.buckets if n >= self.n * p), float("inf")) if self.n else float("nan")


class Bench:
    def __init__(self, options, folder, bin_folder):
        self.options, self.folder = options, pathlib.Path(folder)
        self.cluster = BareCluster(self.folder / "cluster", bin_folder)
        self.postgres, self.evidence, self.daemons = Postgres(), Evidence(), []
        self.result = {"machine": machine(), "options": vars(options)}

    # --- what there is

    def start(self):
        self.cluster.start()
        stack.define(self.cluster)
        self.api = Api(self.cluster.url, self.cluster.context())
        self.api("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        self.api("POST", f"/apis/gateway.networking.k8s.io/v1/namespaces/{NAMESPACE}/gateways",
                 {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "gateway"}, "spec": {"gatewayClassName": "test",
                                                            "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}})
        self.registry = Registry(self.folder / "registry", self.postgres.start().new_database()).start()
        self.registry.model(MODEL)
        for n in range(1, 4):
            self.registry.version(MODEL, self.registry.files(model_ubj=b"%d" % n))
        (self.folder / "policies").mkdir()
        (self.folder / "policies/bench.yaml").write_text(POLICY)
        (self.folder / "token").write_text(self.registry.token("admin") + "\n")
        config = json.loads(pathlib.Path(self.cluster.kubeconfig).read_text())
        config["contexts"][0]["context"]["namespace"] = NAMESPACE
        (self.folder / "kubeconfig").write_text(json.dumps(config))
        self.controllers = Controllers(self.cluster, NAMESPACE)
        self.leader = self.rolloutd()
        self.rollouts = Watch(self.api, f"{GROUP}/modelrollouts", lambda kind, o: None)
        self.rollouts.start()

    def rolloutd(self):
        n = len(self.daemons)
        d = Daemon("rolloutd", "--platform", "kube", "--kubeconfig", self.folder / "kubeconfig", "--kube-namespace", NAMESPACE,
                   "--kube-lease-duration", f"{LEASE_S}s", "--kube-identity", f"bench-{n}", "--state-dir", self.folder / f"state{n}",
                   "--policies", self.folder / "policies", "--default-policy", "bench", "--registry", self.registry.daemon.url,
                   "--registry-token-file", self.folder / "token", "--admin-token-file", self.folder / "token",
                   "--prometheus", self.evidence.url, "--tick", "5s", "--scrape-interval", "1s",
                   log=self.folder / f"rolloutd{n}.log", port=free_port())
        self.daemons.append(d.start(60))
        return d

    def stop(self):
        for d in self.daemons:
            d.kill()
        if hasattr(self, "registry"):
            self.registry.daemon.kill()
        self.postgres.remove()
        self.cluster.stop()

    # --- asking

    def metrics(self, daemon=None):
        r = (daemon or self.leader).http("GET", "/metrics", token=self.registry.token("admin"), timeout=30)
        lines = [line.rsplit(" ", 1) for line in r.body.decode().splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, value in lines}

    def status(self, name):
        o = self.rollouts.objects.get((NAMESPACE, name))
        return (o or {}).get("status", {})

    def where(self, name):
        s = self.status(name)
        return s.get("phase"), (s.get("stable") or {}).get("release"), (s.get("candidate") or {}).get("weight", {}).get("asked")

    def steer(self, name, verb, **body):
        return self.leader.http("POST", f"/v1/rollouts/{NAMESPACE}.{name}/{verb}", token=self.registry.token("admin"), json=body, timeout=30)

    def change(self, name, version):
        self.api.patch(f"{GROUP}/modelrollouts/{name}", {"spec": {"version": version}})

    def names(self, n=None):
        return [f"r{i:05}" for i in range(n or self.options.rollouts)]

    # --- the parts

    def make(self):
        spec = {"model": MODEL, "version": 1, "replicas": 1, "route": {"parentRefs": [{"name": "gateway"}], "hostnames": ["x.test"]},
                "template": {"spec": {"containers": [{"name": "scorer", "image": "scorer:1",
                                                      "readinessProbe": {"httpGet": {"path": "/v2/health/ready", "port": 8000}}}]}}}

        def create(name):
            self.api("POST", f"{GROUP}/modelrollouts", {"apiVersion": "sluice.dev/v1alpha1", "kind": "ModelRollout",
                                                        "metadata": {"name": name}, "spec": spec})

        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(create, self.names()))
        patience = 300 + self.options.rollouts
        reported = [began]

        def all_done():
            done = sum(self.where(n)[0] == "Done" for n in self.names())
            if time.monotonic() - reported[0] > 10:
                reported[0] = time.monotonic()
                say(f"{done} of {self.options.rollouts} serve; rolloutd has {resident_mib(self.leader.process.pid):.0f} MiB")
            return done == self.options.rollouts

        wait_until(all_done, "all serve their first version", patience, 0.5)
        self.result["make"] = {"seconds": time.monotonic() - began, "rss_mib": resident_mib(self.leader.process.pid)}
        say(f"{self.options.rollouts} ModelRollouts serve after {self.result['make']['seconds']:.0f} s")

    def move_once(self, name):
        """The next thing that moves this one on; returns whether it has arrived."""
        phase, stable, asked = self.where(name)
        want = self.wanted[name]
        if phase in ("Done", "RolledBack") and stable == str(want):
            self.arrived += 1
            self.wanted[name] = 3 - want
            self.change(name, self.wanted[name])
        elif phase == "Canary":
            self.steer(name, "promote")

    def move(self):
        moving = self.names(self.options.moving)
        self.wanted, self.arrived = dict.fromkeys(moving, 1), 0
        before, began, rss = self.metrics(), time.monotonic(), []
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            while time.monotonic() - began < self.options.seconds:
                lap = time.monotonic()
                list(pool.map(self.move_once, moving))
                rss.append((time.monotonic() - began, resident_mib(self.leader.process.pid)))
                if len(rss) % 20 == 0:
                    say(f"{self.arrived} rollouts done; rolloutd has {rss[-1][1]:.1f} MiB")
                time.sleep(max(0.0, 1 - (time.monotonic() - lap)))
        after = self.metrics()
        reconcile, rounds = (Histogram(before, after, f"rolloutd_{n}_seconds") for n in ("reconcile", "work"))
        half = [mib for at, mib in rss if at > self.options.seconds / 2]
        self.result["move"] = {
            "rollouts_done": self.arrived, "passes": reconcile.n, "reconcile_p50_ms": reconcile.below(0.5),
            "reconcile_p99_ms": reconcile.below(0.99), "round_p99_ms": rounds.below(0.99), "rss_mib_max": max(m for _, m in rss),
            "rss_mib_first_half_end": half[0], "rss_mib_end": rss[-1][1], "rss_mib": rss[::10],
            "kube_calls": sum(v - before.get(k, 0) for k, v in after.items() if k.startswith("rolloutd_kube_requests_total")),
            "cpu_seconds": after["process_cpu_seconds_total"] - before["process_cpu_seconds_total"],
            "api_server_mib": self.cluster.resident_mib()}
        say(f"moving: {self.arrived} rollouts, reconcile p99 {reconcile.below(0.99):g} ms, {rss[-1][1]:.1f} MiB")

    def took_back(self):
        """Milliseconds from each rollback's decision to its weights, as rolloutd measured them."""
        return [int(line["took_ms"]) for d in self.daemons for line in d.log_lines() if line.get("msg") == "weights of the rollback are written"]

    def settle(self, names):
        def rest():
            for n in names:
                if self.where(n)[0] == "Canary":
                    self.steer(n, "promote", full=True)
            return all(self.where(n)[0] in ("Done", "RolledBack") for n in names)
        wait_until(rest, "all are at rest", 180, 1)

    def go_bad(self):
        """Candidates serve a fifth of the traffic, and then answer with errors: ten a second."""
        n = min(self.options.rollbacks, self.options.rollouts)
        names = self.names(n)
        self.settle(self.names(self.options.moving))
        before, asked = len(self.took_back()), self.metrics()
        for name in names:
            stable = self.where(name)[1]
            self.change(name, 3 if stable != "3" else 1)
        wait_until(lambda: all(self.where(x)[0] == "Canary" and self.where(x)[2] == 20 for x in names), "all candidates have traffic", 300, 1)
        time.sleep(6)  # a healthy look at each
        for name in names:
            candidate = (self.status(name).get("candidate") or {}).get("release")
            self.evidence.bad[(f"{NAMESPACE}.{name}", candidate)] = time.time()
            time.sleep(0.1)
        wait_until(lambda: all(self.where(x)[0] == "RolledBack" for x in names), "all are back", 180, 1)
        took = self.took_back()[before:]
        patch = Histogram(asked, self.metrics(), "rolloutd_kube_request_seconds", 'verb="json-patch",resource="httproutes",')
        self.result["rollback"] = {"n": len(took), "p50_ms": statistics.median(took), "p99_ms": percentile(took, 0.99), "max_ms": max(took),
                                   "api_p50_ms": patch.below(0.5), "api_p99_ms": patch.below(0.99), "load": os.getloadavg()[0]}
        say(f"verdict to weights: {self.result['rollback']}")

    def take_over(self):
        """The leader is killed while rollouts wait for it; the next one's first write of a route ends the gap."""
        gaps = []
        for _ in range(self.options.takeovers):
            second = self.rolloutd()
            name = self.names()[-1]
            killed = time.monotonic()
            self.leader.kill()
            self.leader = second
            self.change(name, 2 if self.where(name)[1] != "2" else 1)
            wait_until(lambda: self.where(name)[0] not in ("Done", "RolledBack"), "the next one acts", 120, 0.01)
            gaps.append(time.monotonic() - killed)
            say(f"the next leader acted {gaps[-1]:.1f} s after the last one was killed")
            self.settle([name])
        self.result["takeover"] = {"lease_s": LEASE_S, "seconds": gaps, "max_s": max(gaps), "load": os.getloadavg()[0]}

    def run(self):
        self.start()
        self.make()
        self.move()
        self.go_bad()
        self.take_over()

    def rows(self):
        r = self.result
        return [["ModelRollouts, of them moving", f"{self.options.rollouts}, {self.options.moving}"],
                ["resident memory: all serving, most while moving, at the end",
                 f"{r['make']['rss_mib']:.1f}, {r['move']['rss_mib_max']:.1f}, {r['move']['rss_mib_end']:.1f} MiB"],
                ["known to pass done (reconcile), p50 and p99", f"{r['move']['reconcile_p50_ms']:g}, {r['move']['reconcile_p99_ms']:g} ms"],
                ["rollouts done, API calls, processor time", f"{r['move']['rollouts_done']}, {r['move']['kube_calls']:.0f}, {r['move']['cpu_seconds']:.0f} s"],
                ["verdict to weights written, p50, p99, most", f"{r['rollback']['p50_ms']:g}, {r['rollback']['p99_ms']}, {r['rollback']['max_ms']} ms"],
                ["of that the API server's answer to the patch, p50, p99", f"{r['rollback']['api_p50_ms']:g}, {r['rollback']['api_p99_ms']:g} ms"],
                ["leader killed to the next one's first act, most", f"{r['takeover']['max_s']:.1f} s with a lease of {LEASE_S} s"]]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, fallback in (("rollouts", 500), ("moving", 200), ("seconds", 300), ("rollbacks", 200), ("takeovers", 3)):
        p.add_argument(f"--{name}", type=int, default=fallback)
    options = p.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = tempfile.mkdtemp(prefix="sl.")
    bench = Bench(options, folder, os.environ["KUBE_BIN"])
    try:
        bench.run()
        print(table(["what", "measured"], bench.rows()))
        bench.result["at"] = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        (ROOT / "build/bench-kube.json").write_text(json.dumps(bench.result, indent=1))
    except BaseException:
        for d in bench.daemons:
            print("---", d.log.name, d.log_text()[-6000:], sep="\n", file=sys.stderr)
        raise
    finally:
        bench.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
