"""What the tests of routes stand on: releases that are ready without pods that run, routes by hand, and the platform's route()."""
import copy
import json
import os
import pathlib
import subprocess
import threading

from kubeapi import ApiError, JSON_PATCH
from waiting import wait_until

ROOT = pathlib.Path(__file__).parents[2]
GATEWAY_API, SLUICE = "gateway.networking.k8s.io/v1", "sluice.dev/v1alpha1"


def install(api, kubectl):
    kubectl("apply", "-f", ROOT / "tests/cluster/httproute.yaml", "-f", ROOT / "charts/sluice/crds/modelrollouts.yaml")
    for path in (f"/apis/{GATEWAY_API}/httproutes", f"/apis/{SLUICE}/modelrollouts"):
        wait_until(lambda: api.get(path), f"{path} is served")


class Cluster:
    """One namespace as the router sees it."""

    def __init__(self, api, namespace):
        self.api, self.namespace, self.owners = api, namespace, {}
        # Endpoints are of pods on nodes that exist. Nobody looks after this one, which is noticed after 40 s.
        api("POST", "/api/v1/nodes", {"metadata": {"name": namespace}})
        wait_until(lambda: api.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/default"), "the service account")

    def path(self, kind, name="", group=""):
        return f"/{'apis/' + group if group else 'api/v1'}/namespaces/{self.namespace}/{kind}{'/' + name if name else ''}"

    def rollout_path(self, name="fraud"):
        return self.path("modelrollouts", name, SLUICE)

    def route_path(self, name="fraud"):
        return self.path("httproutes", name, GATEWAY_API)

    def rollout(self, name="fraud", status=None, **route):
        spec = {"version": 1, "template": {"spec": {"containers": [{"name": "scorer", "image": "x"}]}},
                "route": route or {"parentRefs": [{"name": "gateway"}], "hostnames": ["fraud.test"]}}
        made = self.api("POST", self.rollout_path(""), {"apiVersion": SLUICE, "kind": "ModelRollout", "metadata": {"name": name},
                                                        "spec": spec})
        self.owners[name] = {"apiVersion": SLUICE, "kind": "ModelRollout", "name": name, "uid": made["metadata"]["uid"],
                             "controller": True}
        if status:
            self.api.patch(self.rollout_path(name) + "/status", {"status": status})

    def release(self, release, name="fraud", ready=True, replicas=1):
        """Deployment, Service and one pod of a release; the pod says of itself that it is ready."""
        full = f"{name}-v{release.replace('.', '-')}"
        labels = {"sluice.dev/rollout": name, "sluice.dev/release": release}
        self.api("POST", self.path("services"), {"metadata": {"name": full, "labels": labels}, "spec": {
            "selector": labels, "ports": [{"name": "http", "port": 8000}]}})
        self.api("POST", self.path("deployments", group="apps/v1"), {"metadata": {
            "name": full, "labels": labels, "ownerReferences": [self.owners[name]]}, "spec": {
            "paused": True, "replicas": replicas, "selector": {"matchLabels": labels}, "template": {
                "metadata": {"labels": labels}, "spec": {"containers": [{"name": "scorer", "image": "x"}]}}}})
        self.api("POST", self.path("pods"), {"metadata": {"name": f"{full}-pod", "labels": labels}, "spec": {
            "nodeName": self.namespace, "containers": [{"name": "scorer", "image": "x"}], "tolerations": [{"operator": "Exists"}]}})
        self.set_ready(release, ready, name)

    def set_ready(self, release, ready, name="fraud"):
        pod = self.path("pods", f"{name}-v{release.replace('.', '-')}-pod")
        ip = f"10.99.{int(release.split('.')[0])}.{len(release)}"
        self.api.patch(pod + "/status", {"status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "conditions": [
            {"type": "Ready", "status": "True" if ready else "False"}]}})

    def close(self):
        self.api("DELETE", f"/api/v1/nodes/{self.namespace}")

    def route(self, name="fraud"):
        return self.api.get(self.route_path(name))

    def make_route(self, name="fraud", **spec):
        return self.api("POST", self.route_path(""), {"apiVersion": GATEWAY_API, "kind": "HTTPRoute", "metadata": {"name": name},
                                                      "spec": {"parentRefs": [{"name": "gateway"}], **spec}})

    def weights(self, name="fraud", rule=0):
        """{backend: weight} of one rule."""
        route = self.route(name)
        return route and {r["name"]: r["weight"] for r in route["spec"]["rules"][rule]["backendRefs"]}

    def accept(self, name="fraud", **how):
        """What a gateway would say about the route as it is now."""
        route = self.route(name)
        conditions = [{"type": t, "status": how.get(t, "True"), "observedGeneration": route["metadata"]["generation"],
                       "reason": "Told", "message": "told by a test", "lastTransitionTime": "2026-01-01T00:00:00Z"} for t in ("Accepted", "ResolvedRefs")]
        self.api.patch(self.route_path(name) + "/status", {"status": {"parents": [
            {"parentRef": p, "controllerName": "test.sluice.dev/gateway", "conditions": conditions} for p in route["spec"]["parentRefs"]]}})

    def mark(self, to, name="fraud"):
        self.api.patch(self.rollout_path(name), {"metadata": {"annotations": {
            "sluice.dev/rollback-to": to, "sluice.dev/rollback-by": "ann", "sluice.dev/rollback-at": "2026-01-01T00:00:00.000Z"}}})


class Platform:
    """platformtool for one namespace."""

    def __init__(self, kubeconfig, namespace, folder):
        program = pathlib.Path(os.environ.get("SLUICE_BIN", ROOT / "build/release/bin")) / "platformtool"
        self.namespace, self.lines, self.log = namespace, [], folder / "platformtool.log"
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen([program, kubeconfig, namespace], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                          text=True, bufsize=1)
        threading.Thread(target=self.read, daemon=True).start()
        wait_until(lambda: any("loaded" in line for line in self.lines), "platformtool leads", self.explain)

    def read(self):
        for line in self.child.stdout:
            self.lines.append(json.loads(line))

    def explain(self):
        return self.lines[-5:], self.log.read_text()[-2000:]

    def tell(self, **command):
        """Without waiting; the number of the lines so far."""
        before = len(self.lines)
        self.child.stdin.write(json.dumps(command) + "\n")
        self.child.stdin.flush()
        return before

    def next(self, before, do):
        found = wait_until(lambda: [line for line in self.lines[before:] if line.get("do") == do], do, self.explain)
        return found[0]

    def ask_route(self, weights, urgent=False, name="fraud"):
        return self.tell(do="route", target=f"{self.namespace}.{name}", weights=weights, urgent=urgent)

    def route(self, weights, urgent=False, name="fraud"):
        return self.next(self.ask_route(weights, urgent, name), "route")

    def shift(self, weights, urgent=False, name="fraud"):
        """route(), which has to succeed."""
        done = self.route(weights, urgent, name)
        assert done["failure"] is None, (done, self.explain())
        return done

    def until_shifted(self, weights, name="fraud"):
        """As the controller does: again, until what it waits for is there."""
        return wait_until(lambda: self.route(weights, name=name)["failure"] is None, f"weights {weights}", self.explain)

    def observe(self, name="fraud"):
        return self.next(self.tell(do="observe", target=f"{self.namespace}.{name}"), "observe")

    def until(self, condition, what, name="fraud"):
        return wait_until(lambda: condition(self.observe(name)), what, lambda: (self.observe(name), self.explain()))

    def stop(self):
        if self.child.poll() is None:
            self.child.stdin.close()
        try:
            assert self.child.wait(20) == 0, self.explain()
        except subprocess.TimeoutExpired:
            self.child.kill()
            raise


class Storm(threading.Thread):
    """Another writer of the same object, in a loop, for as long as it is not stopped."""

    def __init__(self, api, path, change):
        super().__init__(daemon=True)
        self.api, self.path, self.change = api, path, change
        self.over, self.writes = threading.Event(), 0
        self.start()

    def run(self):
        while not self.over.is_set():
            try:
                o = self.api("GET", self.path)
                self.change(o, self.writes)
                self.api("PUT", self.path, o)
                self.writes += 1
            except ApiError:
                pass  # somebody else was faster

    def stop(self):
        self.over.set()
        self.join()


def touch(o, n):
    o["metadata"].setdefault("annotations", {})["storm"] = str(n)


def without_weights(route):
    """The spec as text with the weights of our two backends taken out."""
    spec = copy.deepcopy(route["spec"])
    for rule in spec["rules"]:
        for ref in rule.get("backendRefs", []):
            if ref["name"] in ("fraud-a", "fraud-b"):
                ref.pop("weight", None)
    return json.dumps(spec, sort_keys=True)


__all__ = ["Cluster", "Platform", "Storm", "install", "touch", "without_weights", "JSON_PATCH"]
