"""What the parts of the benchmark share: the cluster, a registry, rolloutds, ModelRollouts, and asking about them."""
import concurrent.futures
import json
import os
import pathlib
import signal
import time

import stack
from cloning import clone
from hollow import BareCluster, Controllers, Evidence, KeptApi, LongWatch
from postgres import Postgres
from process import resident_mib
from registry import Registry
from report import say
from sluice import Daemon, free_port, wait_until

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
ROLLOUTS = f"/apis/sluice.dev/v1alpha1/namespaces/{NAMESPACE}/modelrollouts"
GATEWAY_API = "gateway.networking.k8s.io/v1"
ROUTES = f"/apis/{GATEWAY_API}/namespaces/{NAMESPACE}/httproutes"
AT_REST = ("Done", "RolledBack")


class Site:
    def __init__(self, options, folder, bin_folder):
        self.options, self.folder = options, pathlib.Path(folder)
        self.cluster = BareCluster(self.folder / "cluster", bin_folder)
        self.postgres, self.evidence, self.daemons = Postgres(), Evidence(), []
        self.owned = [f"r{i:05}" for i in range(options.rollouts - options.adopted)]
        self.adopted = [f"a{i:05}" for i in range(options.adopted)]

    # --- what there is

    def start(self):
        self.cluster.start()
        stack.define(self.cluster)
        self.api = KeptApi(self.cluster.url, self.cluster.context())
        self.api("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        self.api("POST", f"/apis/{GATEWAY_API}/namespaces/{NAMESPACE}/gateways",
                 {"apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": {"name": "gateway"},
                  "spec": {"gatewayClassName": "test", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}})
        self.registry = Registry(self.folder / "registry", self.postgres.start().new_database()).start()
        self.registry.model(MODEL)
        for n in range(1, 4):
            self.registry.version(MODEL, self.registry.files(model_ubj=b"%d" % n))
        (self.folder / "policies").mkdir()
        (self.folder / "policies/bench.yaml").write_text(POLICY)
        (self.folder / "token").write_text(self.registry.token("admin") + "\n")
        self.controllers = Controllers(self.cluster, NAMESPACE)
        self.rollouts = LongWatch(self.api, ROLLOUTS, lambda kind, o: None)
        self.rollouts.start()
        self.leader = self.rolloutd()

    def rolloutd(self):
        """Another replica, with a name of its own in the audit log."""
        n = len(self.daemons)
        cert = self.cluster.certs.sign(f"rolloutd-{n}", f"/O=system:masters/O=bench:rolloutd/CN=rolloutd-{n}")
        self.cluster.write_kubeconfig(self.folder / f"kubeconfig{n}", cert, NAMESPACE)
        d = Daemon("rolloutd", "--platform", "kube", "--kubeconfig", self.folder / f"kubeconfig{n}", "--kube-namespace", NAMESPACE,
                   "--kube-lease-duration", f"{LEASE_S}s", "--kube-identity", f"rolloutd-{n}", "--state-dir", self.folder / f"state{n}",
                   "--policies", self.folder / "policies", "--default-policy", "bench", "--registry", self.registry.daemon.url,
                   "--registry-token-file", self.folder / "token", "--admin-token-file", self.folder / "token",
                   "--prometheus", self.evidence.url, "--tick", f"{self.options.tick:g}s", "--scrape-interval", "1s",
                   log=self.folder / f"rolloutd{n}.log", port=free_port())
        self.daemons.append(d.launch())
        os.setpriority(os.PRIO_PROCESS, d.process.pid, self.options.nice)
        wait_until(d.is_ready, f"{self.user(d)} is ready", 120)
        return d

    def write_down(self):
        """From now on the audit log has what rolloutd does. The API server has to be another for that, and rolloutd, too."""
        self.leader.stop(60)
        self.cluster.restart_apiserver("audit.yaml")
        self.api = KeptApi(self.cluster.url, self.cluster.context())
        self.leader = self.rolloutd()

    def user(self, daemon):
        return f"rolloutd-{self.daemons.index(daemon)}"

    def stop(self):
        for d in self.daemons:
            if d.process and d.process.poll() is None:
                d.process.send_signal(signal.SIGCONT)
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
        return (self.rollouts.objects.get((NAMESPACE, name)) or {}).get("status", {})

    def where(self, name):
        """Phase, stable's release, the weight asked for the candidate."""
        s = self.status(name)
        return s.get("phase"), (s.get("stable") or {}).get("release"), (s.get("candidate") or {}).get("weight", {}).get("asked")

    def steer(self, name, verb, **body):
        return self.leader.http("POST", f"/v1/rollouts/{NAMESPACE}.{name}/{verb}", token=self.registry.token("admin"), json=body, timeout=30)

    def change(self, name, version):
        self.api.patch(f"{ROLLOUTS}/{name}", {"spec": {"version": version}})

    def wait_for_all(self, names, condition, what, patience_s):
        told, last = time.monotonic(), -1

        def done():
            nonlocal told, last
            n = sum(bool(condition(x)) for x in names)
            if time.monotonic() - told > 20 and n != last:
                told, last = time.monotonic(), n
                say(f"{n} of {len(names)} {what}")
            return n == len(names)

        wait_until(done, f"all {what}", patience_s, 0.2 + len(names) / 20000)

    def settle(self, names):
        """What is under way goes on to its end, at once."""
        asked = {}

        def rest(name):
            phase = self.where(name)[0]
            if phase == "Canary" and time.monotonic() - asked.get(name, 0) > 2:
                asked[name] = time.monotonic()
                self.steer(name, "promote", full=True)
            return phase in AT_REST

        self.wait_for_all(names, rest, "are at rest", 600)

    # --- ModelRollouts

    def create(self, name):
        route = {"parentRefs": [{"name": "gateway"}], "hostnames": ["x.test"]}
        if name in self.adopted:
            pair = [f"{name}-a", f"{name}-b"]
            backends = [{"name": n, "port": 8000, "weight": 1 - i} for i, n in enumerate(pair)]
            self.api("POST", ROUTES, {"apiVersion": GATEWAY_API, "kind": "HTTPRoute", "metadata": {"name": name},
                                      "spec": {**route, "rules": [{"backendRefs": backends}]}})
            route = {"mode": "Adopted", "name": name, "backends": pair}
        probe = {"httpGet": {"path": "/v2/health/ready", "port": 8000}}
        spec = {"model": MODEL, "version": 1, "replicas": 1, "route": route,
                "template": {"spec": {"containers": [{"name": "scorer", "image": "scorer:1", "readinessProbe": probe}]}}}
        self.api("POST", ROLLOUTS, {"apiVersion": "sluice.dev/v1alpha1", "kind": "ModelRollout", "metadata": {"name": name}, "spec": spec})

    def serve(self, names):
        """These are made, as fast as it goes; returns after how long they serve."""
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(self.create, names))
        self.wait_for_all(names, lambda x: self.where(x)[0] == "Done", "serve their first version", 300 + len(names))
        return time.monotonic() - began

    def make(self):
        """Some are made by rolloutd, the others are copies of the first of them."""
        made = self.owned[:self.options.made] + self.adopted
        result = {"made": len(made), "seconds": self.serve(made), "rss_mib": resident_mib(self.leader.process.pid)}
        say(f"{len(made)} ModelRollouts serve after {result['seconds']:.0f} s; rolloutd has {result['rss_mib']:.1f} MiB")
        self.leader.stop(60)
        copies = self.owned[self.options.made:]
        time.sleep(3)  # the stand-ins have done their part for what was made last
        result["objects_each"] = clone(self.cluster.etcd_port, self.owned[0], copies)
        self.wait_for_all(copies, lambda x: self.where(x)[0] == "Done", "are known to the API server", 300)
        say(f"{len(copies)} more are copied into the cluster")
        return result
