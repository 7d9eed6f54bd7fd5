#!/usr/bin/python3
"""A kubelet and a scheduler for tests: registers nodes, binds pods to them and runs their containers as processes of this machine.

Honest where tests depend on it: images that do not exist, crash loops with their exit codes and termination messages, probes with their
thresholds, preStop, SIGTERM, grace and SIGKILL, restarts, ConfigMaps and Secrets that are missing or change, bound tokens that are
renewed, an address and a network of each pod's own, cluster addresses and names of Services. Not modelled: users and capabilities
of containers, limits of CPU and memory, taints, topology spread, the kubelet's own API (`kubectl logs`, `exec`): logs are files.

Pods behave as their annotations say (pod.py): test.sluice.dev/start-delay-s, unready, crash, hurry, rotate-token-s.
"""
import argparse
import base64
import collections
import ipaddress
import json
import os
import pathlib
import signal
import sys
import threading
import time
from urllib.parse import quote

from kubeapi import STRATEGIC, Api, ApiError, Watch, log
from pod import Pod, stamp
from services import Services

HEARTBEAT_S = 10
UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "m": 1e-3}


def quantity(text):
    text = str(text)
    for unit, factor in UNITS.items():
        if text.endswith(unit):
            return float(text[:-len(unit)]) * factor
    return float(text)


def requests(pod):
    """What a pod asks for, as (cpu, memory)."""
    total = [0.0, 0.0]
    for c in pod["spec"]["containers"]:
        wanted = c.get("resources", {}).get("requests", {})
        for i, name in enumerate(("cpu", "memory")):
            total[i] += quantity(wanted.get(name, 0))
    return total


def matches(selector, labels):
    expressions = {"In": lambda v, e: v in e["values"], "NotIn": lambda v, e: v not in e["values"],
                   "Exists": lambda v, e: v is not None, "DoesNotExist": lambda v, e: v is None}
    return (all(labels.get(k) == v for k, v in selector.get("matchLabels", {}).items())
            and all(expressions[e["operator"]](labels.get(e["key"]), e) for e in selector.get("matchExpressions", [])))


class Kubelet:
    def __init__(self, api, ca, folder, images, nodes, pool, hurry):
        self.api, self.ca, self.folder = api, ca, pathlib.Path(folder)
        self.images, self.hurry, self.closing = pathlib.Path(images), hurry, False
        for name in ("pods", "logs"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.resolv_conf = self.folder / "resolv.conf"  # names are in /etc/hosts; others are unknown at once
        self.resolv_conf.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        # The oldest one first: an address that was just given back may still be remembered by somebody.
        self.addresses = collections.deque(str(a) for a in list(ipaddress.ip_network(pool).hosts())[9:])
        self.capacity = {"cpu": "16", "memory": "32Gi", "pods": "200"}
        self.nodes, self.pods, self.lock = nodes, {}, threading.Lock()
        self.services = Services(api, self.folder / "hosts")
        host = os.environ.get("SLUICE_TEST_NET", "127.0.0.1")
        self.env = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": str(api.url.port),
                    "KUBERNETES_SERVICE_PORT_HTTPS": str(api.url.port)}
        self.watch = Watch(api, "/api/v1/pods", self.pod_changed)
        self.retry = threading.Event()

    def image(self, name):
        """{"command": [...], "args": [...]?, "env": {...}?, "mounts": {path: path outside}?}, or None when nobody knows it."""
        path = self.images / quote(name, safe="")
        return json.loads(path.read_text()) if path.exists() else None

    def run(self):
        for name in self.nodes:
            self.register(name)
        self.services.start()
        self.watch.start()
        print("ready", flush=True)
        beat = time.monotonic() + HEARTBEAT_S
        while not self.closing:
            self.retry.wait(0.5)
            self.retry.clear()
            self.schedule()
            if time.monotonic() > beat:
                beat = time.monotonic() + HEARTBEAT_S
                for name in self.nodes:
                    self.heartbeat(name)

    def register(self, name):
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {
            "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "topology.kubernetes.io/zone": f"zone-{name[-1]}"}}}
        try:
            self.api("POST", "/api/v1/nodes", node)
        except ApiError as e:
            if e.code != 409:
                raise
        self.heartbeat(name)

    def heartbeat(self, name):
        conditions = [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "the test kubelet lives",
                       "lastHeartbeatTime": stamp(), "lastTransitionTime": stamp()}]
        try:
            self.api.patch(f"/api/v1/nodes/{name}/status", {"status": {"capacity": self.capacity, "allocatable": self.capacity,
                                                                      "conditions": conditions}})
        except (ApiError, OSError) as e:
            log(f"node {name}: {e!r}")

    # Pods.

    def pod_changed(self, kind, o):
        uid, node = o["metadata"]["uid"], o["spec"].get("nodeName")
        with self.lock:
            pod = self.pods.get(uid)
            if pod is None and node in self.nodes and kind != "DELETED" and o["status"].get("phase") in ("Pending", "Running"):
                self.pods[uid] = Pod(self, o)
                self.pods[uid].start()
                return
        if pod and kind == "DELETED":
            pod.over = True
        if pod:
            pod.seen(o)
        elif not node:
            self.retry.set()

    def forget(self, pod):
        with self.lock:
            self.pods.pop(pod.o["metadata"]["uid"], None)
        self.retry.set()

    # Scheduling.

    def schedule(self):
        for o in [o for o in list(self.watch.objects.values()) if not o["spec"].get("nodeName")]:
            if "deletionTimestamp" not in o["metadata"] and o["spec"].get("schedulerName", "default-scheduler") == "default-scheduler":
                try:
                    self.place(o)
                except (ApiError, OSError) as e:
                    if not isinstance(e, ApiError) or e.code not in (404, 409):
                        log(f"scheduling {o['metadata']['name']}: {e!r}")

    def place(self, o):
        reasons = []
        for node in [n for n in (self.api.get(f"/api/v1/nodes/{name}") for name in self.nodes) if n]:
            why = self.unfit(o, node)
            if not why:
                return self.bind(o, node)
            reasons.append(why)
        message = f"0/{len(self.nodes)} nodes are available: {', '.join(sorted(set(reasons)))}."
        known = [c for c in o["status"].get("conditions", []) if c["type"] == "PodScheduled" and c.get("message") == message]
        if not known:
            path = f"/api/v1/namespaces/{o['metadata']['namespace']}/pods/{o['metadata']['name']}/status"
            self.api("PATCH", path, {"status": {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                                                                "message": message}]}}, STRATEGIC)
        return None

    def bind(self, o, node):
        meta = o["metadata"]
        self.api("POST", f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/binding", {
            "apiVersion": "v1", "kind": "Binding", "metadata": {"name": meta["name"], "uid": meta["uid"]},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node["metadata"]["name"]}})
        o["spec"]["nodeName"] = node["metadata"]["name"]  # until the watch says so

    def unfit(self, o, node):
        labels = node["metadata"].get("labels", {})
        if node["spec"].get("unschedulable"):
            return "1 node(s) were unschedulable"
        if any(labels.get(k) != v for k, v in o["spec"].get("nodeSelector", {}).items()):
            return "1 node(s) didn't match node selector"
        others = [p for p in list(self.watch.objects.values()) if p["spec"].get("nodeName") == node["metadata"]["name"]
                  and p["status"].get("phase") not in ("Succeeded", "Failed")]
        for i, name in enumerate(("cpu", "memory")):
            if requests(o)[i] + sum(requests(p)[i] for p in others) > quantity(self.capacity[name]):
                return f"1 Insufficient {name}"
        terms = o["spec"].get("affinity", {}).get("podAntiAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", [])
        for term in terms:
            if any(p["metadata"]["namespace"] == o["metadata"]["namespace"]
                   and matches(term.get("labelSelector", {}), p["metadata"].get("labels", {})) for p in others):
                return "1 node(s) didn't match pod anti-affinity rules"
        return ""

    def close(self, *_):
        """Pods die with their threads."""
        self.closing = True
        for pod in list(self.pods.values()):
            pod.over = True
            os.write(pod.wake_write, b"x")
        for pod in list(self.pods.values()):
            pod.join(5)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--folder", required=True, help="for volumes, roots and logs")
    parser.add_argument("--images", required=True, help="folder with a JSON file per image: what runs for it")
    parser.add_argument("--nodes", default="node-a,node-b")
    parser.add_argument("--pool", default="10.244.1.0/24", help="addresses of pods")
    parser.add_argument("--hurry", type=float, default=1.0, help="how many times faster than it says a probe is asked")
    args = parser.parse_args()
    with open(args.kubeconfig) as f:
        ca = base64.b64decode(json.load(f)["clusters"][0]["cluster"]["certificate-authority-data"])
    kubelet = Kubelet(Api.from_kubeconfig(args.kubeconfig), ca, args.folder, args.images, args.nodes.split(","), args.pool, args.hurry)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        kubelet.run()
    finally:
        kubelet.close()


if __name__ == "__main__":
    main()
