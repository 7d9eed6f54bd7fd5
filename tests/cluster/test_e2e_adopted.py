"""Adopted routes: two weights are ours, the rest is the user's, whose GitOps tool goes on writing."""
import copy
import threading
import time

import pytest

from kubeapi import ApiError
from waiting import wait_until

API = "gateway.networking.k8s.io/v1"


class GitOps(threading.Thread):
    """Argo CD with ignoreDifferences respected: writes the route from Git anew and anew, with the weights that are live."""

    def __init__(self, site, wanted):
        super().__init__(daemon=True)
        self.site, self.wanted, self.writes, self.conflicts, self.going = site, wanted, 0, 0, True
        self.path = site.path("shop", "httproutes", API)

    def run(self):
        while self.going:
            live = self.site.api.get(self.path)
            mine = copy.deepcopy(self.wanted)
            for rule, now in zip(mine["rules"], live["spec"]["rules"]):
                for b, l in zip(rule["backendRefs"], now["backendRefs"]):
                    b["weight"] = l.get("weight", 1)
            live["spec"] = mine
            live["metadata"].setdefault("annotations", {})["argocd.argoproj.io/tracking-id"] = str(self.writes)
            try:
                self.site.api("PUT", self.path, live)
                self.writes += 1
            except ApiError as e:
                assert e.code == 409
                self.conflicts += 1
            time.sleep(0.1)

    def stop(self):
        self.going = False
        self.join()


def route_spec():
    other = {"matches": [{"path": {"type": "PathPrefix", "value": "/other"}}], "backendRefs": [{"name": "other", "port": 80, "weight": 7}]}
    ours = {"name": "scoring", "matches": [{"path": {"type": "PathPrefix", "value": "/v2"}}],
            "filters": [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [{"name": "X-Shop", "value": "1"}]}}],
            "backendRefs": [{"name": "shop-a", "port": 8000, "weight": 1}, {"name": "shop-b", "port": 8000, "weight": 0}]}
    return {"parentRefs": [{"name": "gateway"}], "hostnames": ["shop.test"], "rules": [other, ours]}


@pytest.fixture
def shop(site):
    site.api("POST", site.path(None, "httproutes", API), {"apiVersion": API, "kind": "HTTPRoute", "metadata": {"name": "shop"},
                                                          "spec": route_spec()})
    site.api("POST", site.path(None, "services", "v1"), {"metadata": {"name": "other"}, "spec": {"ports": [{"port": 80}]}})
    site.start()
    return site


ADOPTED = {"mode": "Adopted", "name": "shop", "backends": ["shop-a", "shop-b"]}


def shares(site):
    """Percent of the traffic by release, through the slots."""
    weights, out = site.weights("shop"), {}
    total = weights["shop-a"] + weights["shop-b"]
    for name in ("shop-a", "shop-b"):
        service = site.api.get(site.path(name, "services", "v1"))
        release = (service or {"spec": {}})["spec"].get("selector", {}).get("sluice.dev/release")
        out[release] = out.get(release, 0) + 100 * weights[name] / total
    return out


def test_a_whole_rollout_beside_a_writer_that_owns_the_route(shop):
    shop.create(version=1, route=ADOPTED)
    shop.at_rest(1)
    load = shop.load("shop.test")
    wait_until(lambda: load.versions["1"] > 10, "answers", lambda: load.failures[-3:])
    load.failures.clear()
    writer = GitOps(shop, shop.api.get(shop.path("shop", "httproutes", API))["spec"])
    writer.start()
    try:
        shop.change(version=2)
        shop.at_rest(2)
        assert shares(shop).get("2") == 100
        shop.steer("fraud", "rollback")
        shop.wait("it is back", phase="RolledBack", stable="1")
        assert shares(shop).get("1") == 100
    finally:
        writer.stop()
    assert writer.writes > 10
    live = shop.api.get(shop.path("shop", "httproutes", API))["spec"]
    for spec in (live, writer.wanted):
        for b in spec["rules"][1]["backendRefs"]:
            b.pop("weight", None)
    assert live == writer.wanted, "two weights and nothing else"
    assert load.stop() == []
    status = shop.status()["route"]
    assert "shop-a" in status["ignoreDifferences"]


def test_a_breach_on_an_adopted_route_is_rolled_back(shop):
    shop.behave(2, errors=1)
    shop.create(version=1, route=ADOPTED)
    shop.at_rest(1)
    load = shop.load("shop.test", rate=100)
    wait_until(lambda: load.versions["1"] > 10, "answers", lambda: load.failures[-3:])
    shop.change(version=2)
    shop.wait("it is back", 60, phase="RolledBack", stable="1")
    assert shares(shop) == {"1": 100} or shares(shop).get("1") == 100


@pytest.mark.parametrize("meddle", ["delete", "edit"])
def test_traffic_comes_back_when_somebody_meddles_with_the_service_that_has_it(shop, meddle):
    shop.create(version=1, route=ADOPTED)
    shop.at_rest(1)
    shop.load("shop.test")
    name = max(shop.weights("shop"), key=lambda s: shop.weights("shop")[s] if s in ADOPTED["backends"] else -1)
    path = shop.path(name, "services", "v1")
    if meddle == "delete":
        shop.api("DELETE", path)
    else:
        shop.api.patch(path, {"spec": {"selector": {"sluice.dev/release": "99"}}})
    wait_until(lambda: shares(shop).get("1") == 100, "1 has all traffic again", shop.explain, patience_s=10)


@pytest.mark.parametrize("route, says", [({**ADOPTED, "name": "nobody"}, "nobody"), ({**ADOPTED, "backends": ["x-a", "x-b"]}, "x-a"),
                                         ({**ADOPTED, "rule": "none"}, "none")], ids=["no route", "no backends", "no rule"])
def test_a_route_that_cannot_be_adopted_is_told(shop, route, says):
    shop.create(version=1, route=route)

    def told():
        conditions = [shop.condition(c) for c in ("SpecAccepted", "TrafficVerified", "Ready")]
        return [c for c in conditions if c and c[0] == "False" and says in c[2]]
    wait_until(told, f"a condition that says {says}", shop.explain, patience_s=30)
    wait_until(lambda: shop.events("RouteNotFound") or shop.events("BackendsNotFound"), "an Event", lambda: [e["reason"] for e in shop.events()])


def test_the_route_is_the_users_still_when_the_rollout_is_deleted(shop):
    shop.create(version=1, route=ADOPTED)
    shop.at_rest(1)
    shop.api("DELETE", shop.path())
    wait_until(lambda: not shop.api.get(shop.path(None, "deployments", "apps/v1"))["items"], "its Deployments are gone")
    assert shop.api.get(shop.path("shop", "httproutes", API))
