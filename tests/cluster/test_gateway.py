"""What the end-to-end tests stand on: the test gateway follows routes as the Gateway API has it."""
import textwrap

import pytest

from waiting import wait_until

API = "gateway.networking.k8s.io/v1"
SERVE = """
    import http.server, sys
    class H(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200); self.send_header("X-Sluice-Version", sys.argv[1]); self.send_header("Content-Length", "0")
            self.end_headers()
        def log_message(self, *a): pass
    http.server.ThreadingHTTPServer(("", 8000), H).serve_forever()
"""


@pytest.fixture
def backends(api, namespace, kubelet):
    """Two Services, a and b, with a ready pod each."""
    kubelet.images["backend:test"] = {"command": ["/usr/bin/python3", "-c", textwrap.dedent(SERVE)]}
    core = f"/api/v1/namespaces/{namespace}"
    wait_until(lambda: api.get(f"{core}/serviceaccounts/default"), "the service account")
    for name in "ab":
        api("POST", f"{core}/services", {"metadata": {"name": name}, "spec": {"selector": {"app": name}, "ports": [
            {"name": "http", "port": 80, "targetPort": 8000}]}})
        api("POST", f"{core}/pods", {"metadata": {"name": name, "labels": {"app": name}}, "spec": {
            "terminationGracePeriodSeconds": 1, "containers": [{
                "name": "main", "image": "backend:test", "args": [name],
                "readinessProbe": {"tcpSocket": {"port": 8000}, "periodSeconds": 1}}]}})
    return core


@pytest.fixture
def route(api, namespace, gateway):
    """route({"a": 90, "b": 10}) writes the route, route() reads it."""
    path = f"/apis/{API}/namespaces/{namespace}/httproutes"

    def write(weights=None, **rule):
        if weights is None:
            return api.get(f"{path}/route")
        spec = {"parentRefs": [{"name": "gateway"}], "hostnames": ["a.test"],
                "rules": [{"backendRefs": [{"name": n, "port": 80, "weight": w} for n, w in weights.items()], **rule}]}
        if api.get(f"{path}/route"):
            return api.patch(f"{path}/route", {"spec": spec})
        return api("POST", path, {"apiVersion": API, "kind": "HTTPRoute", "metadata": {"name": "route"}, "spec": spec})
    return write


def verdict(route, kind):
    """Status and reason of a condition at the route's generation."""
    o = route()
    for p in o.get("status", {}).get("parents", []):
        for c in p["conditions"]:
            if c["type"] == kind and c["observedGeneration"] == o["metadata"]["generation"]:
                return c["status"], c["reason"]
    return None


def accepted(route):
    wait_until(lambda: verdict(route, "Accepted") == ("True", "Accepted"), "the route is accepted", route)


def test_weights_are_followed_and_a_change_loses_nothing(backends, route, gateway, request):
    route({"a": 3, "b": 1})
    accepted(route)
    load = gateway.load("a.test", "m", rate=200)
    request.addfinalizer(load.stop)
    wait_until(lambda: load.versions["a"] > 10 and load.versions["b"], "answers", lambda: load.failures[-3:])
    load.failures.clear()
    since = load.snapshot()
    wait_until(lambda: sum((load.snapshot() - since).values()) > 400, "400 answers")
    assert 0.15 < load.share("b", since) < 0.35
    for weights in ({"a": 1, "b": 1}, {"a": 0, "b": 1}):
        route(weights)
        accepted(route)
    since = load.snapshot()
    wait_until(lambda: sum((load.snapshot() - since).values()) > 50, "50 answers")
    assert load.asked("a") - since["a"] <= len(load.threads) and load.failures == []


def test_invalid_backends_are_500_and_empty_ones_503(backends, route, gateway, api, request):
    route({"nobody": 1})
    wait_until(lambda: verdict(route, "ResolvedRefs") == ("False", "BackendNotFound"), "it says so", route)
    load = gateway.load("a.test", "m")
    request.addfinalizer(load.stop)
    wait_until(lambda: any(f[2].startswith("500") for f in load.failures), "500")
    api("POST", f"{backends}/services", {"metadata": {"name": "empty"}, "spec": {"selector": {"app": "none"}, "ports": [{"port": 80}]}})
    route({"empty": 1})
    accepted(route)
    wait_until(lambda: any(f[2].startswith("503") for f in load.failures[-2:]), "503")
    route({"a": 0})
    accepted(route)
    n = len(load.failures)
    wait_until(lambda: len(load.failures) > n + 5, "answers")
    assert load.failures[-1][2].startswith("500"), "no weight at all"
    assert not load.versions


def test_it_delays_rejects_and_goes_deaf_on_demand(backends, route, gateway):
    gateway.behave(reject="route")
    route({"a": 1})
    wait_until(lambda: verdict(route, "Accepted") == ("False", "UnsupportedValue"), "it is rejected", route)
    gateway.behave(reject=None)
    accepted(route)
    gateway.behave(deaf="true")
    route({"b": 1})
    assert verdict(route, "Accepted") is None
    gateway.behave(deaf=None)
    accepted(route)


def test_routes_are_told_apart_by_host_and_path(backends, route, gateway, request):
    route({"a": 1}, matches=[{"path": {"type": "PathPrefix", "value": "/v2"}}])
    accepted(route)
    right, wrong = gateway.load("a.test", "m"), gateway.load("b.test", "m")
    for load in (right, wrong):
        request.addfinalizer(load.stop)
    wait_until(lambda: right.versions["a"] > 5 and len(wrong.failures) > 5, "answers")
    assert not wrong.versions and wrong.failures[-1][2].startswith("404")
