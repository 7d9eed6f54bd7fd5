#!/usr/bin/python3
"""A Gateway API implementation for tests: one HAProxy per Gateway of class `test`, at an address of its own.

A route's share of an invalid backendRef is answered with 500, that of a Service without ready endpoints with 503, as the specification
has it; nothing is tried twice. A route is Accepted, at its generation, when HAProxy serves it, not before. Annotations of the Gateway
make it misbehave:

    test.sluice.dev/delay-s     so long from a change to its effect
    test.sluice.dev/reject      routes of this name are not accepted
    test.sluice.dev/deaf        "true": nothing is looked at any more; what was configured goes on
"""
import argparse
import http.client
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

from gateway_config import API, Ref, Rule, render
from kubeapi import Api, ApiError, Watch, log
from pod import stamp

CONTROLLER = "test.sluice.dev/gateway"
MARK = "test.sluice.dev/"
FILTERS = ("RequestHeaderModifier", "ResponseHeaderModifier")
SETTLE_S = 0.02


class Proxy:
    """HAProxy for one Gateway."""

    def __init__(self, folder, address, port):
        self.folder, self.address, self.port = pathlib.Path(folder), address, port
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config, self.socket = self.folder / "haproxy.cfg", self.folder / "generation"
        self.process, self.text, self.generation = None, None, 0

    def apply(self, rules):
        """Returns when it serves these rules."""
        text = render(rules, self.address, self.port, self.socket, "GENERATION")
        if text == self.text and self.process.poll() is None:
            return
        self.generation += 1
        self.config.write_text(text.replace("GENERATION", str(self.generation)))
        if self.process is None or self.process.poll() is not None:
            with open(self.folder / "log", "ab") as out:
                self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "/usr/sbin/haproxy", "-W", "-f", self.config],
                                                stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        else:
            self.process.send_signal(signal.SIGUSR2)
        deadline = time.monotonic() + 10
        while self.serving() != str(self.generation):
            if time.monotonic() > deadline:
                raise OSError(f"HAProxy does not take its configuration: {(self.folder / 'log').read_text()[-1000:]}")
            time.sleep(0.01)
        self.text = text

    def serving(self):
        connection = http.client.HTTPConnection("localhost", timeout=1)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(str(self.socket))
            connection.request("GET", "/")
            return connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()


class Gateway(threading.Thread):
    """Follows one Gateway object and the routes that name it."""

    def __init__(self, controller, o, address):
        super().__init__(daemon=True)
        self.controller, self.api, self.o, self.address = controller, controller.api, o, address
        meta = o["metadata"]
        self.key = meta["namespace"], meta["name"]
        self.path = f"/apis/{API}/v1/namespaces/{self.key[0]}/gateways/{self.key[1]}"
        self.proxy = Proxy(controller.folder / f"{self.key[0]}.{self.key[1]}", address, o["spec"]["listeners"][0]["port"])
        self.changed, self.over = threading.Event(), False
        self.changed.set()

    def mark(self, name):
        return self.o["metadata"].get("annotations", {}).get(MARK + name)

    def run(self):
        while not self.over:
            self.changed.wait()
            self.changed.clear()
            time.sleep(SETTLE_S)
            if self.mark("deaf") == "true" or self.over:
                continue
            time.sleep(float(self.mark("delay-s") or 0))
            try:
                self.work()
            except (ApiError, OSError) as e:
                log(f"{self.key}: {e!r}")
                time.sleep(0.2)
                self.changed.set()
        self.proxy.stop()

    def parents(self, route):
        """The route's parentRefs that mean us."""
        return [p for p in route["spec"].get("parentRefs", [])
                if (p.get("namespace", route["metadata"]["namespace"]), p["name"]) == self.key and p.get("kind", "Gateway") == "Gateway"]

    def work(self):
        routes = [r for r in list(self.controller.routes.objects.values()) if self.parents(r)]
        rules, verdicts = [], []
        for route in routes:
            trouble, refs = self.refused(route), []
            if not trouble:
                for rule in route["spec"].get("rules", []):
                    mine = [Ref(b, route["metadata"]["namespace"], self.controller.service, self.controller.endpoints)
                            for b in rule.get("backendRefs", [])]
                    refs += mine
                    rules += [Rule(route, h, m, mine, rule.get("filters", [])) for m in rule.get("matches") or [{}]
                              for h in route["spec"].get("hostnames") or [""]]
            verdicts.append((route, trouble, next((r for r in refs if r.reason), None)))
        self.proxy.apply(rules)
        for v in verdicts:
            self.report(*v)
        self.report_self()

    def refused(self, route):
        if self.mark("reject") == route["metadata"]["name"]:
            return "UnsupportedValue", "the test gateway was told to reject this route"
        other = [f["type"] for r in route["spec"].get("rules", []) for f in r.get("filters", []) if f["type"] not in FILTERS]
        return ("IncompatibleFilters", f"filters that are not supported: {', '.join(other)}") if other else None

    def report(self, route, trouble, bad):
        generation = route["metadata"]["generation"]
        conditions = [condition("Accepted", generation, *(trouble or ())),
                      condition("ResolvedRefs", generation, *((bad.reason, bad.why) if bad else ()))]
        before = route.get("status", {}).get("parents", [])
        mine = [{"parentRef": p, "controllerName": CONTROLLER, "conditions": kept_times(conditions, before, p)}
                for p in self.parents(route)]
        fresh = [p for p in before if p["controllerName"] != CONTROLLER or p["parentRef"] not in [m["parentRef"] for m in mine]
                 and any(p["parentRef"] == r for r in route["spec"].get("parentRefs", []))] + mine
        if fresh != before:
            meta = route["metadata"]
            path = f"/apis/{API}/v1/namespaces/{meta['namespace']}/httproutes/{meta['name']}/status"
            try:
                self.api.patch(path, {"status": {"parents": fresh}})
            except ApiError as e:
                if e.code != 404:
                    raise

    def report_self(self):
        generation = self.o["metadata"]["generation"]
        before = self.o.get("status", {})
        conditions = kept_times([condition("Accepted", generation), condition("Programmed", generation)], [before], None)
        status = {"addresses": [{"type": "IPAddress", "value": self.address}], "conditions": conditions}
        if status != before:
            self.api.patch(self.path + "/status", {"status": status})


def condition(kind, generation, reason=None, message=""):
    good = {"Accepted": "Accepted", "ResolvedRefs": "ResolvedRefs", "Programmed": "Programmed"}[kind]
    return {"type": kind, "status": "False" if reason else "True", "reason": reason or good, "message": message or "it is so",
            "observedGeneration": generation, "lastTransitionTime": stamp()}


def kept_times(conditions, before, parent):
    """lastTransitionTime stays while the status of a condition stays."""
    known = {c["type"]: c for p in before if p.get("parentRef") == parent for c in p.get("conditions", [])}
    for c in conditions:
        if known.get(c["type"], {}).get("status") == c["status"]:
            c["lastTransitionTime"] = known[c["type"]]["lastTransitionTime"]
    return conditions


class Controller:
    def __init__(self, api, folder):
        self.api, self.folder, self.gateways, self.lock = api, pathlib.Path(folder), {}, threading.Lock()
        self.numbers = iter(range(1, 65000))
        wake = lambda kind, o: self.wake()  # noqa: E731: each is one line
        self.routes = Watch(api, f"/apis/{API}/v1/httproutes", wake)
        self.services = Watch(api, "/api/v1/services", wake)
        self.slices = Watch(api, "/apis/discovery.k8s.io/v1beta1/endpointslices", wake)
        self.objects = Watch(api, f"/apis/{API}/v1/gateways", self.gateway_changed)

    def run(self):
        for w in (self.routes, self.services, self.slices, self.objects):
            w.start()
            w.synced.wait(30)
        print("ready", flush=True)
        threading.Event().wait()

    def wake(self):
        with self.lock:
            for g in self.gateways.values():
                g.changed.set()

    def gateway_changed(self, kind, o):
        key = Watch.key(o)
        with self.lock:
            g = self.gateways.get(key)
            if kind == "DELETED":
                if g:
                    g.over = True
                    self.gateways.pop(key).changed.set()
            elif g:
                g.o = o
                g.changed.set()
            elif o["spec"]["gatewayClassName"] == "test":
                n = next(self.numbers)
                self.gateways[key] = Gateway(self, o, f"10.96.{192 + n // 250}.{1 + n % 250}")
                self.gateways[key].start()

    def service(self, namespace, name):
        return self.services.objects.get((namespace, name))

    def endpoints(self, namespace, name, port_name):
        out = set()
        for s in list(self.slices.objects.values()):
            meta = s["metadata"]
            if meta["namespace"] == namespace and meta.get("labels", {}).get("kubernetes.io/service-name") == name:
                port = next((p["port"] for p in s.get("ports") or [] if (p.get("name") or None) == (port_name or None)), None)
                out |= {f"{a}:{port}" for e in s.get("endpoints") or [] if (e.get("conditions") or {}).get("ready") and port
                        for a in e["addresses"]}
        return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--folder", required=True, help="for configurations and sockets; a short path")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    controller = Controller(Api.from_kubeconfig(args.kubeconfig), args.folder)
    try:
        controller.run()
    finally:
        for g in controller.gateways.values():
            g.proxy.stop()


if __name__ == "__main__":
    main()
