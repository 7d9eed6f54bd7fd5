"""rolloutd on the test cluster with all that it works with: registryd on PostgreSQL, Prometheus, the test kubelet and gateway, and
scorers that behave as told."""
import json
import os
import pathlib
import secrets
import subprocess
import sys

import node
import rights
from cluster import NET, Cluster, kubeconfig
from kubeapi import Api
from waiting import PATIENCE_S, wait_until

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
COMPONENT = ROOT / "tests/component"
sys.path.insert(1, str(COMPONENT))
from postgres import Postgres  # noqa: E402
from registry import Registry  # noqa: E402
from ctl import Ctl  # noqa: E402
from rollouts import Prometheus  # noqa: E402
from sluice import BIN, Daemon, free_port  # noqa: E402

GROUP = "sluice.dev/v1alpha1"
FAULTY = BIN if BIN.parent.name == "asan" else ROOT / "build/faults/bin"
POLICY = """
name: quick
summary: three steps of a second or two
steps:
  - { weight: 5, hold: 1s }
  - { weight: 25, hold: 2s }
  - { weight: 100, hold: 1s }
gates:
  error_rate: { max_ratio: 2, limit_percent: 30 }
  latency: { objective: 50ms, max_ratio: 3, limit_percent: 50 }
min_requests: 5
max_hold: 1m
start_deadline: 30s
keep_failed: 5m
rollback_window: 10m
window_versions: 2
"""
SLOW = POLICY.replace("quick", "slow").replace("weight: 5, hold: 1s", "weight: 20, hold: 5m")


class Scorers:
    """Stand-ins for scorers, as images: how each version behaves is a file that it reads anew for every request."""

    def __init__(self, folder, images):
        self.folder = pathlib.Path(folder)
        run = f'export FAKE_SCORER=/faults/"$SLUICE_SCORER_MODEL"; exec /usr/bin/python3 {COMPONENT}/fake_scorer.py'
        stand_in = {"command": ["/bin/sh", "-c", run], "mounts": {"/faults": self.folder}}
        for tag in ("test", "next"):
            images[f"sluice/stand-in:{tag}"] = stand_in
        images["sluice/scorer:test"] = {"command": [BIN / "scorer"]}

    def behave(self, model, version, **how):
        """{"errors": share, "delay_ms": N, "exit": status, "unready": true}, from now on."""
        folder = self.folder / model
        folder.mkdir(exist_ok=True)
        fresh = folder / f"{version}.new"
        fresh.write_text(json.dumps(how))
        fresh.rename(folder / f"{version}.json")


class Site:
    """A team's namespace: a model with versions, a Gateway, a Prometheus and a rolloutd that looks after this namespace alone."""

    def __init__(self, base, api, kubectl, namespace, folder):
        self.base, self.api, self.kubectl, self.namespace, self.folder = base, api, kubectl, namespace, pathlib.Path(folder)
        self.cluster, self.registry, self.gateway = base.cluster, base.registry, node.Gateway(api, namespace)
        self.model = f"m-{secrets.token_hex(4)}"
        self.registry.model(self.model)
        for n in range(1, 5):
            self.registry.version(self.model, self.registry.files(model_ubj=f"{self.model} {n}".encode()))
        (self.folder / "policies").mkdir()
        self.policy("quick", POLICY)
        self.policy("slow", SLOW)
        (self.folder / "token").write_text(self.registry.token("admin") + "\n")
        api("POST", f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": "registry"},
                                                                "stringData": {"token": self.registry.token("admin")}})
        self.account = rights.rolloutd(self.cluster, api, namespace)
        self.kubeconfig = self.write_kubeconfig("kubeconfig", self.cluster.url)
        self.oncall_config = self.write_kubeconfig("oncall.kubeconfig", self.cluster.url, rights.oncall(self.cluster, api, namespace))
        self.ports = [free_port(), free_port()]
        self.prometheus = Prometheus(self.folder / "prometheus", self.registry.token("admin"), *self.ports)
        self.daemons, self.loads = [], []

    def write_kubeconfig(self, name, server, user=None):
        """As rolloutd's account in this namespace, which has the rights that the chart grants."""
        doc = json.loads(kubeconfig(server, self.cluster.ca, user or self.account))
        doc["contexts"][0]["context"]["namespace"] = self.namespace
        path = self.folder / name
        path.write_text(json.dumps(doc))
        return path

    def policy(self, name, text):
        (self.folder / "policies" / f"{name}.yaml").write_text(text)

    def behave(self, version, **how):
        self.base.scorers.behave(self.model, version, **how)

    # rolloutd.

    def rolloutd(self, *args, kubeconfig=None, faulty=False, env=None, lease="15s"):
        """Another replica, not yet started."""
        n = len(self.daemons)
        program = os.path.relpath(FAULTY / "rolloutd", BIN) if faulty else "rolloutd"
        d = Daemon(program, "--platform", "kube", "--kubeconfig", kubeconfig or self.kubeconfig, "--kube-namespace", self.namespace,
                   "--kube-lease-duration", lease, "--kube-identity", f"replica-{n}",
                   "--state-dir", self.folder / f"state{n}", "--policies", self.folder / "policies",
                   "--default-policy", "quick", "--registry", self.registry.daemon.url, "--registry-token-file", self.folder / "token",
                   "--admin-token-file", self.folder / "token", "--prometheus", self.prometheus.url, "--tick", "300ms",
                   "--scrape-interval", "500ms", "--token-sync", "1s", "--kube-registry-secret", "registry", *args,
                   log=self.folder / f"rolloutd{n}.log", port=self.ports[n], env=env)
        self.daemons.append(d)
        return d

    def start(self, *args, **kwargs):
        """Prometheus and a first rolloutd."""
        self.prometheus.start()
        return self.rolloutd(*args, **kwargs).start()

    @property
    def daemon(self):
        """The first that answers as a leader does."""
        return self.daemons[0]

    def ask(self, method, path, **kwargs):
        return self.daemon.http(method, path, token=self.registry.token("admin"), **kwargs)

    def tried(self, daemon, verb, name="fraud", **body):
        """The status of the answer to a verb; None when nobody answers."""
        try:
            return daemon.http("POST", f"/v1/rollouts/{self.namespace}.{name}/{verb}", token=self.registry.token("admin"), json=body).status
        except OSError:
            return None

    def steer(self, name, verb, status=202, **body):
        """As a client does: what a new leader is not ready for (503) is asked again; what was taken and is not yet seen at a
        busy router (504) is for the caller to wait for."""
        def answer():
            r = self.ask("POST", f"/v1/rollouts/{self.namespace}.{name}/{verb}", json=body)
            return None if r.status == 503 and status != 503 else r
        r = wait_until(answer, f"an answer to {verb}")
        assert r.status == status or (r.status == 504 and status == 202), r
        return r.body

    def seen(self, name="fraud"):
        """The rollout as rolloutd's own API tells it."""
        r = self.ask("GET", f"/v1/rollouts/{self.namespace}.{name}")
        assert r.status == 200, r
        return r.body

    def history(self, name="fraud"):
        """rolloutd's own events, oldest first."""
        r = self.ask("GET", f"/v1/rollouts/{self.namespace}.{name}/history?limit=1000")
        assert r.status == 200, r
        return r.body["events"][::-1]

    def ctl(self, *args, expect=0, **env):
        """ctl for an on-call engineer with the rights of one in this namespace; a CompletedProcess."""
        folder = self.folder / "ctl"
        folder.mkdir(exist_ok=True)
        c = Ctl(folder, self.registry.daemon.url, self.daemon.url, self.registry.token("admin"))
        return c.run(*args, expect=expect, env={"KUBECONFIG": str(self.oncall_config), **env})

    def begin(self, version, name="fraud"):
        """A slow rollout of this version at its first step, 20 %."""
        self.change(name, version=version, policy="slow")
        self.wait(f"{version} has traffic", candidate=str(version), phase="Canary", asked=20, name=name)
        wait_until(lambda: self.share(str(version), name) == 20, "20 %", lambda: self.explain(name))

    def rows(self, last, name="fraud"):
        """Rows of the state machine that were taken, without verdicts, once the history, which follows the deeds, ends with `last`."""
        def read():
            rows = [e["row"] for e in self.history(name) if e["kind"] != "verdict"]
            return rows if rows[-1:] == [last] else None
        return wait_until(read, f"the history ends with {last}", lambda: [e["row"] for e in self.history(name)])

    # ModelRollouts and what is made of them.

    def path(self, name="fraud", plural="modelrollouts", group=GROUP):
        root = f"/apis/{group}" if "/" in group else f"/api/{group}"
        return f"{root}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def spec(self, **over):
        """A spec that works; members of `over` replace it, None removes."""
        spec = {"model": self.model, "version": 1, "replicas": 1,
                "route": {"parentRefs": [{"name": "gateway"}], "hostnames": ["fraud.test"]},
                "template": self.template(), **over}
        return {k: v for k, v in spec.items() if v is not None}

    @staticmethod
    def template(image="sluice/stand-in:test", env=(), annotations=None, **container):
        env = [{"name": "SLUICE_SCORER_DRAIN_DELAY", "value": "1s"}, *env]
        probe = {"httpGet": {"path": "/v2/health/ready", "port": 8000}, "periodSeconds": 1}
        spec = {"terminationGracePeriodSeconds": 3,
                "containers": [{"name": "scorer", "image": image, "env": env, "readinessProbe": probe, **container}]}
        return {"spec": spec, **({"metadata": {"annotations": annotations}} if annotations else {})}

    def create(self, name="fraud", **over):
        return self.api("POST", self.path(None), {"apiVersion": GROUP, "kind": "ModelRollout", "metadata": {"name": name},
                                                  "spec": self.spec(**over)})

    def change(self, name="fraud", **spec):
        return self.api.patch(self.path(name), {"spec": spec})

    def rollout(self, name="fraud"):
        return self.api.get(self.path(name))

    def status(self, name="fraud"):
        return (self.rollout(name) or {}).get("status", {})

    def view(self, name="fraud"):
        """The status with stable and candidate as their releases' names and asked, the weight asked of the candidate."""
        s = self.status(name)
        stable, candidate = s.get("stable") or {}, s.get("candidate") or {}
        return {**s, "stable": stable.get("release"), "candidate": candidate.get("release"),
                "asked": candidate.get("weight", {}).get("asked"), "observed": candidate.get("weight", {}).get("observed")}

    def condition(self, kind, name="fraud"):
        """(status, reason, message), of the condition; None when there is none."""
        for c in self.status(name).get("conditions", []):
            if c["type"] == kind:
                return c["status"], c["reason"], c.get("message", "")
        return None

    def weights(self, route="fraud"):
        """Of the route's backends by Service."""
        o = self.api.get(self.path(route, "httproutes", "gateway.networking.k8s.io/v1"))
        rules = o["spec"]["rules"] if o else []
        return {b["name"]: b.get("weight", 1) for r in rules for b in r.get("backendRefs", [])}

    def share(self, release, name="fraud"):
        """The weight of a release ("2", "2.1") of all weights, in percent."""
        weights = self.weights(name)
        own = weights.get(f"{name}-v{release.replace('.', '-')}", 0)
        return 100 * own / sum(weights.values()) if weights else 0

    def events(self, reason=None, name="fraud"):
        """Kubernetes Events about the ModelRollout."""
        items = self.api.get(self.path(None, "events", "v1"))["items"]
        return [e for e in items if e["involvedObject"]["name"] == name and e["involvedObject"]["kind"] == "ModelRollout"
                and reason in (None, e["reason"])]

    def wait(self, what, patience_s=40, name="fraud", **members):
        """Until the view has these members; functions are asked. Returns the view."""
        def fits():
            s = self.view(name)
            return all(v(s.get(k)) if callable(v) else s.get(k) == v for k, v in members.items()) and s
        return wait_until(fits, what, lambda: self.explain(name), patience_s, 0.05)

    def explain(self, name="fraud"):
        status = {k: v for k, v in self.status(name).items() if k not in ("record", "history")}
        return json.dumps({"status": status, "weights": self.weights(name)}, indent=1)

    def at_rest(self, version, name="fraud", patience_s=60):
        """Until this release is stable and nothing is under way."""
        return self.wait(f"{version} has all traffic", patience_s, name, phase=lambda p: p in ("Done", "RolledBack"),
                         stable=str(version), observedGeneration=self.rollout(name)["metadata"]["generation"])

    def serving(self, version=1, **over):
        """A first version that has all traffic."""
        self.create(version=version, **over)
        return self.at_rest(version)

    def load(self, host="fraud.test", **how):
        self.loads.append(self.gateway.load(host, self.model, **how))
        return self.loads[-1]

    def pods(self, release, name="fraud"):
        query = f"?labelSelector=sluice.dev/rollout={name},sluice.dev/release={release}"
        return self.api.get(self.path(None, "pods", "v1") + query)["items"]

    def close(self):
        for load in self.loads:
            load.stop()
        for d in self.daemons:
            d.kill()
        self.prometheus.kill()

    def tell(self):
        """For whoever has to find out why a test failed."""
        for d in self.daemons:
            print(f"--- {d.log.name}\n{d.log_text()[-12000:]}")
        for o in self.api.get(self.path(None))["items"]:
            print(f"--- {o['metadata']['name']}\n{self.explain(o['metadata']['name'])}")
            for e in self.events(name=o["metadata"]["name"]):
                print(e["reason"], e["message"])
        for p in self.api.get(self.path(None, "pods", "v1"))["items"]:
            print("pod", p["metadata"]["name"], p["status"].get("phase"), json.dumps(p["status"].get("containerStatuses"))[:600])
        for load in self.loads:
            print("load", dict(load.versions), dict(load.failed), load.failures[:5])


class Base:
    """What all sites share: registryd, and the images of scorers."""

    def __init__(self, cluster, kubelet, folder):
        self.cluster, self.kubelet, self.folder = cluster, kubelet, pathlib.Path(folder)
        (self.folder / "faults").mkdir(exist_ok=True)
        self.scorers = Scorers(self.folder / "faults", kubelet.images)
        self.registry = None

    def start(self, postgres):
        self.registry = Registry(self.folder / "registry", postgres.new_database(), host=NET).start()
        return self

    def attach(self, port, token):
        """To a registryd that another process has started."""
        self.registry = Registry(self.folder / "registry", None, host=NET)
        self.registry.daemon.port, self.registry.daemon.url = port, f"http://{NET}:{port}"
        self.registry.tokens["admin"] = token
        return self

    def stop(self):
        self.registry.daemon.stop()


class Shared:
    """Everything, started once by the process that hands tests out to workers."""

    def __init__(self, folder, bin_folder):
        self.cluster = Cluster(folder / "cluster", bin_folder)
        for name in ("kubelet", "gateways", "base"):
            (folder / name).mkdir()
        self.kubelet, self.gateways = node.Kubelet(self.cluster, folder / "kubelet"), node.Gateways(self.cluster, folder / "gateways")
        self.postgres, self.base = Postgres(), Base(self.cluster, self.kubelet, folder / "base")

    def start(self):
        self.cluster.start()
        define(self.cluster)
        self.kubelet.start()
        self.gateways.start()
        self.base.start(self.postgres.start())
        return self

    def describe(self):
        registry = self.base.registry
        return {"bin": self.cluster.bin, "cluster": self.cluster.folder, "port": self.cluster.port,
                "kubelet": str(self.kubelet.folder), "base": str(self.base.folder), "registry": registry.daemon.port,
                "token": registry.token("admin")}

    def stop(self):
        if self.base.registry:
            self.base.stop()
        self.postgres.remove()
        for helper in (self.gateways, self.kubelet):
            if helper.process:
                helper.stop()
        self.cluster.stop()


def kubectl(cluster, *args, stdin=None, check=True):
    r = subprocess.run([f"{cluster.bin}/kubectl", f"--kubeconfig={cluster.kubeconfig}", *map(str, args)], input=stdin, text=True,
                       capture_output=True, timeout=PATIENCE_S)
    assert not check or r.returncode == 0, r.stderr
    return r.stdout


def define(cluster):
    """The Gateway API as the tests have it, and ModelRollouts as the chart has them."""
    api = Api(cluster.url, cluster.context())
    for path in (HERE / "httproute.yaml", *sorted((ROOT / "charts/sluice/crds").glob("*.yaml"))):
        kubectl(cluster, "apply", "--server-side", "--field-manager=helm", "-f", path)  # as a chart does, which may follow
    for group, names in (("gateway.networking.k8s.io/v1", {"httproutes", "gateways", "gatewayclasses"}), (GROUP, {"modelrollouts"})):
        wait_until(lambda: names <= {r["name"] for r in (api.get(f"/apis/{group}") or {}).get("resources", [])}, f"{group} is served")
    kubectl(cluster, "apply", "-f", HERE / "gatewayclass.yaml")
