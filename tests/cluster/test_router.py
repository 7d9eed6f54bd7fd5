"""route() of rolloutd's Kubernetes platform against a real API server: owned and adopted routes, and other writers of the same."""
import pytest

from kubeapi import JSON_PATCH
from router import GATEWAY_API, Cluster, Platform, Storm, install, touch, without_weights
from waiting import wait_until

ONE_ROUTE = "httproutes/fraud$"
OWNED = {"parentRefs": [{"name": "gateway"}], "hostnames": ["fraud.test"]}
ADOPTED = {"mode": "Adopted", "backends": ["fraud-a", "fraud-b"]}
HEADER_RULE = {"name": "pinned", "matches": [{"headers": [{"name": "x-test", "value": "b"}]}], "backendRefs": [{"name": "fraud-b", "port": 80}]}
PAIR_RULE = {"name": "scoring", "matches": [{"path": {"type": "PathPrefix", "value": "/v2"}}],
             "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-a", "value": "1"}]}}],
             "backendRefs": [{"name": "fraud-a", "port": 80, "weight": 1}, {"name": "fraud-b", "port": 80, "weight": 1}]}


@pytest.fixture
def here(api, kubectl, namespace):
    install(api, kubectl)
    c = Cluster(api, namespace)
    yield c
    c.close()


@pytest.fixture
def platform(cluster, namespace, here, tmp_path):
    p = Platform(cluster.kubeconfig, namespace, tmp_path)
    yield p
    p.stop()


@pytest.fixture
def owned(here, platform):
    """Releases 1 and 2 are ready; 1 has all the traffic."""
    here.rollout(**OWNED)
    for release in "12":
        here.release(release)
    platform.until(lambda w: all(w["releases"].get(r, {}).get("ready") for r in "12"), "both releases are ready")
    platform.shift({"1": 10000})
    return here


@pytest.fixture
def adopted(here, platform):
    here.rollout(**ADOPTED)
    here.make_route(rules=[HEADER_RULE, PAIR_RULE])
    for release in ("1", "2", "3"):
        here.release(release)
    platform.until(lambda w: all(w["releases"].get(r, {}).get("ready") for r in "123"), "all releases are ready")
    platform.until_shifted({"1": 10000})
    return here


def selects(here, slot):
    return here.api.get(here.path("services", slot))["spec"]["selector"]["sluice.dev/release"]


# --- Owned ---

def test_an_owned_route_is_made_and_carries_any_weight(owned, platform):
    made = owned.route()
    owner = made["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["name"]) == ("ModelRollout", "fraud") and owner["uid"] == owned.api.get(owned.rollout_path())["metadata"]["uid"]
    assert made["metadata"]["annotations"]["sluice.dev/epoch"] and made["spec"]["hostnames"] == ["fraud.test"]
    assert owned.weights() == {"fraud-v1": 10000}
    platform.shift({"1": 9999, "2": 1})
    assert owned.weights() == {"fraud-v1": 9999, "fraud-v2": 1}
    platform.shift({"1": 0, "2": 10000})
    assert owned.weights() == {"fraud-v2": 10000}, "what has no weight is left out"


def test_weights_that_stand_are_not_written(owned, platform):
    platform.shift({"1": 9500, "2": 500})
    before = owned.route()["metadata"]["resourceVersion"]
    platform.shift({"2": 500, "1": 9500})
    platform.shift({"1": 9500, "2": 500}, urgent=True)
    assert owned.route()["metadata"]["resourceVersion"] == before


def test_the_world_has_weights_only_when_every_parent_has_accepted_the_route_as_it_is(owned, platform):
    assert not platform.observe()["router_ok"]
    owned.accept()
    seen = platform.until(lambda w: w["router_ok"] and w, "the route is accepted")
    assert seen["releases"]["1"]["weight"] == 10000 and seen["releases"]["2"]["weight"] == 0
    platform.shift({"1": 9500, "2": 500})
    assert not platform.observe()["router_ok"], "accepted at another generation"
    owned.accept(ResolvedRefs="False")
    platform.until(lambda w: "cannot resolve" in w["router"], "the reason is told")
    owned.accept()
    assert platform.until(lambda w: w["router_ok"] and w, "accepted")["releases"]["2"]["weight"] == 500


def test_a_release_without_ready_endpoints_gets_no_traffic_except_to_go_back(owned, platform):
    platform.shift({"1": 9500, "2": 500})
    owned.set_ready("2", False)
    platform.until(lambda w: w["releases"]["2"]["ready"] == 0, "release 2 is not ready")
    refused = platform.route({"1": 5000, "2": 5000})
    assert (refused["failure"], refused["message"]) == ("UNAVAILABLE", "release 2 has no ready endpoint, so it gets no traffic")
    assert owned.weights() == {"fraud-v1": 9500, "fraud-v2": 500}
    owned.set_ready("1", False)
    platform.until(lambda w: w["releases"]["1"]["ready"] == 0, "release 1 is not ready")
    platform.shift({"1": 10000}, urgent=True)
    assert owned.weights() == {"fraud-v1": 10000}


def test_another_writer_in_a_loop_does_not_stop_it(owned, platform, api):
    storm = Storm(api, owned.route_path(), touch)
    try:
        wait_until(lambda: storm.writes > 5, "the storm")
        for i in range(20):
            platform.shift({"1": 9000 + i, "2": 1000 - i}, urgent=i % 2 == 0) if i % 2 == 0 else platform.until_shifted(
                {"1": 9000 + i, "2": 1000 - i})
            assert owned.weights()["fraud-v1"] == 9000 + i
    finally:
        storm.stop()
    assert "storm" in owned.route()["metadata"]["annotations"], "others' annotations stay"


def test_a_writer_that_applies_its_own_weights_again_and_again_loses_to_a_rollback(owned, platform, api):
    platform.shift({"1": 9500, "2": 500})
    git = owned.route()["spec"]

    def apply(o, _n):
        o["spec"] = git
    storm = Storm(api, owned.route_path(), apply)
    try:
        wait_until(lambda: storm.writes > 5, "the storm")
        platform.shift({"1": 10000}, urgent=True)  # it is written; the next round of the other one undoes it, and so on
    finally:
        storm.stop()
    platform.shift({"1": 10000}, urgent=True)
    assert owned.weights() == {"fraud-v1": 10000}


def test_a_deleted_route_is_known_to_have_no_weights_and_is_made_again(owned, platform, api):
    owned.accept()
    platform.until(lambda w: w["router_ok"], "the route is accepted")
    api("DELETE", owned.route_path())
    seen = platform.until(lambda w: w["router_ok"] and w["releases"]["1"]["weight"] == 0 and w, "the route is gone")
    assert seen["releases"]["2"]["weight"] == 0
    platform.shift({"1": 10000})
    assert owned.weights() == {"fraud-v1": 10000}


def test_what_others_put_into_an_owned_route_is_taken_out_with_the_weights_as_they_are(owned, platform, api):
    platform.shift({"1": 9500, "2": 500})
    route = owned.route()
    route["spec"]["hostnames"].append("other.test")
    route["spec"]["rules"].append({"backendRefs": [{"name": "other", "port": 80}]})
    api("PUT", owned.route_path(), route)
    spec = wait_until(lambda: (s := owned.route()["spec"])["hostnames"] == ["fraud.test"] and s, "the route is in order")
    assert len(spec["rules"]) == 1 and owned.weights() == {"fraud-v1": 9500, "fraud-v2": 500}


def test_another_spec_route_is_brought_into_the_route_without_a_shift(owned, platform, api):
    platform.shift({"1": 9500, "2": 500})
    api.patch(owned.rollout_path(), {"spec": {"route": {"hostnames": None, "matches": [{"path": {"type": "Exact", "value": "/x"}}]}}})
    spec = wait_until(lambda: "hostnames" not in (s := owned.route()["spec"]) and s, "no hostnames")
    assert spec["rules"][0]["matches"][0]["path"]["value"] == "/x" and owned.weights() == {"fraud-v1": 9500, "fraud-v2": 500}


def test_a_route_of_somebody_else_is_left_alone(here, platform):
    here.make_route(rules=[{"backendRefs": [{"name": "other", "port": 80}]}])
    here.rollout(**OWNED)
    here.release("1")
    platform.until(lambda w: w["releases"].get("1", {}).get("ready"), "release 1 is ready")
    before = here.route()
    for urgent in (False, True):
        refused = platform.route({"1": 10000}, urgent=urgent)
        assert refused["failure"] == "INVALID" and "exists and is not ours" in refused["message"]
    platform.until(lambda w: "is not ours" in w["router"], "the reason is told")
    assert here.route() == before


def test_an_owner_that_somebody_took_away_comes_back(owned, platform, api):
    platform.shift({"1": 9500, "2": 500})
    api.patch(owned.route_path(), {"metadata": {"ownerReferences": None, "annotations": None}})
    platform.shift({"1": 10000}, urgent=True)
    made = owned.route()["metadata"]
    assert owned.weights() == {"fraud-v1": 10000} and made["ownerReferences"][0]["name"] == "fraud" and "sluice.dev/epoch" in made["annotations"]


def test_a_rollback_overtakes_a_shift(owned, slow, proxy):
    reads = proxy.count(path=ONE_ROUTE)
    before = slow.ask_route({"1": 5000, "2": 5000})
    wait_until(lambda: proxy.count(path=ONE_ROUTE) > reads, "the shift reads the route")
    slow.ask_route({"1": 10000}, urgent=True)
    wait_until(lambda: len([line for line in slow.lines[before:] if line.get("do") == "route"]) == 2, "both ended", slow.explain)
    first, second = [line for line in slow.lines[before:] if line.get("do") == "route"]
    assert first["failure"] == "CONFLICT" and "rollback has taken its place" in first["message"]
    assert second["failure"] is None
    assert owned.weights() == {"fraud-v1": 10000}


@pytest.fixture
def slow(cluster, proxy, owned, platform, namespace, tmp_path):
    """The platform again, behind a proxy that holds the first read of the route back."""
    from cluster import kubeconfig
    platform.stop()
    path = tmp_path / "proxy.kubeconfig"
    path.write_text(kubeconfig(proxy.url, cluster.certs.ca, {"token": "any"}))
    p = Platform(path, namespace, tmp_path)
    p.until(lambda w: all(w["releases"].get(r, {}).get("ready") for r in "12"), "both releases are ready")
    proxy.add(path=ONE_ROUTE, hang=True)
    yield p
    proxy.clear()
    p.stop()


def test_a_gateway_that_takes_its_time_is_given_it(owned, platform, api):
    api("POST", f"/apis/{GATEWAY_API}/gatewayclasses", {"apiVersion": GATEWAY_API, "kind": "GatewayClass", "metadata": {
        "name": owned.namespace}, "spec": {"controllerName": "traefik.io/gateway-controller"}})
    api("POST", owned.path("gateways", group=GATEWAY_API), {"apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": {
        "name": "slow"}, "spec": {"gatewayClassName": owned.namespace, "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}})
    api.patch(owned.rollout_path(), {"spec": {"route": {"parentRefs": [{"name": "slow"}]}}})
    wait_until(lambda: owned.route()["spec"]["parentRefs"][0]["name"] == "slow", "the other gateway")
    owned.accept()
    platform.until(lambda w: w["router_ok"], "the route is accepted")  # by whom is known from now on
    platform.shift({"1": 9500, "2": 500})
    owned.accept()
    platform.until(lambda w: "is given 2 s" in w["router"], "the wait is told")
    assert not platform.observe()["router_ok"]
    platform.until(lambda w: w["router_ok"] and w["router"] == "", "it has settled")


def test_a_gateway_that_wants_backends_early_keeps_those_without_weight(owned, platform, api):
    api("POST", f"/apis/{GATEWAY_API}/gatewayclasses", {"apiVersion": GATEWAY_API, "kind": "GatewayClass", "metadata": {
        "name": owned.namespace}, "spec": {"controllerName": "networking.gke.io/gateway"}})
    api("POST", owned.path("gateways", group=GATEWAY_API), {"apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": {
        "name": "cloud"}, "spec": {"gatewayClassName": owned.namespace, "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}})
    api.patch(owned.rollout_path(), {"spec": {"route": {"parentRefs": [{"name": "cloud"}]}}})

    def kept():
        platform.shift({"1": 10000, "2": 0})
        return owned.weights() == {"fraud-v1": 10000, "fraud-v2": 0}
    wait_until(kept, "the backend without weight is kept", lambda: owned.weights())
    platform.until(lambda w: "Deployment is gone" not in w["releases"]["2"]["message"], "the Deployment is known")
    api("DELETE", owned.path("deployments", "fraud-v2", "apps/v1"))
    platform.until(lambda w: "Deployment is gone" in w["releases"]["2"]["message"], "the Deployment is gone")
    owned.accept(ResolvedRefs="False")
    wait_until(lambda: owned.weights() == {"fraud-v1": 10000}, "what is no more is not kept", lambda: (owned.weights(), platform.explain()))


def test_whoever_repairs_a_route_sees_a_rollback_past_it_first(owned, platform):
    platform.shift({"1": 9500, "2": 500})
    owned.mark("1")
    refused = platform.route({"1": 9000, "2": 1000})
    assert refused["failure"] == "CONFLICT" and "straight at the cluster" in refused["message"]
    assert owned.weights() == {"fraud-v1": 9500, "fraud-v2": 500}
    platform.shift({"1": 10000}, urgent=True)
    assert owned.weights() == {"fraud-v1": 10000}


def test_a_route_of_another_name_takes_over_before_the_old_one_goes(owned, platform, api):
    platform.shift({"1": 9500, "2": 500})
    owned.accept()
    platform.until(lambda w: w["router_ok"], "the route is accepted")
    api.patch(owned.rollout_path(), {"spec": {"route": {"name": "other"}}})
    platform.until(lambda w: w["releases"]["1"]["weight"] == 0, "the new route has nothing yet")
    platform.shift({"1": 9500, "2": 500})
    assert owned.weights("other") == {"fraud-v1": 9500, "fraud-v2": 500}
    assert owned.weights() == {"fraud-v1": 9500, "fraud-v2": 500}, "until the new one is accepted, the old one serves"
    platform.shift({"1": 10000}, urgent=True)
    wait_until(lambda: owned.weights() == {"fraud-v1": 10000} == owned.weights("other"), "a rollback is written to both", lambda: owned.weights())
    owned.accept("other")
    wait_until(lambda: owned.route() is None, "the old one is gone", platform.explain)
    assert owned.weights("other") == {"fraud-v1": 10000}


def test_a_route_left_by_an_earlier_leader_is_found_by_its_owner(owned, platform, api, cluster, namespace, tmp_path):
    platform.stop()
    api.patch(owned.rollout_path(), {"spec": {"route": {"name": "other"}}})
    p = Platform(cluster.kubeconfig, namespace, tmp_path)
    try:
        p.until(lambda w: w["releases"].get("1", {}).get("ready"), "release 1 is ready")
        p.shift({"1": 10000})
        owned.accept("other")
        wait_until(lambda: owned.route() is None, "the old one is gone", p.explain)
    finally:
        p.stop()


# --- Adopted ---

def test_an_adopted_route_has_two_weights_changed_and_nothing_else(adopted, platform):
    before = adopted.route()
    platform.until_shifted({"1": 9999, "2": 1})
    after = adopted.route()
    assert without_weights(before) == without_weights(after)
    assert before["metadata"].get("annotations") == after["metadata"].get("annotations")
    assert before["metadata"].get("labels") == after["metadata"].get("labels")
    stable, candidate = ("fraud-a", "fraud-b") if selects(adopted, "fraud-a") == "1" else ("fraud-b", "fraud-a")
    assert adopted.weights(rule=1) == {stable: 9999, candidate: 1} and selects(adopted, candidate) == "2"
    assert adopted.route()["spec"]["rules"][0]["backendRefs"][0]["weight"] == 1, "the rule of the user's own"


def test_slots_are_services_of_ours_with_the_ports_that_the_route_and_the_scorer_have(adopted):
    for slot in ("fraud-a", "fraud-b"):
        o = adopted.api.get(adopted.path("services", slot))
        assert o["metadata"]["ownerReferences"][0]["name"] == "fraud"
        assert (o["spec"]["ports"][0]["port"], o["spec"]["ports"][0]["targetPort"]) == (80, 8000)


def test_going_back_to_a_release_without_a_slot_never_switches_one_that_has_traffic(adopted, platform, api):
    platform.until_shifted({"2": 2500, "3": 7500})
    seen = []

    def watch(o, n):
        seen.append(({s: selects(adopted, s) for s in ("fraud-a", "fraud-b")}, adopted.weights(rule=1)))
        touch(o, n)
    storm = Storm(api, adopted.route_path(), watch)
    try:
        wait_until(lambda: len(seen) > 2, "the storm")
        platform.shift({"1": 10000}, urgent=True)
    finally:
        storm.stop()
    final = adopted.weights(rule=1)
    slot = next(s for s, w in final.items() if w == 10000)
    assert selects(adopted, slot) == "1" and sum(final.values()) == 10000
    assert seen[0][0][slot] == "3", "the newer release gave its slot away"


def test_a_slot_gets_weight_only_when_its_endpoints_are_the_release_s(adopted, platform):
    platform.until_shifted({"2": 10000})
    adopted.set_ready("3", False)
    platform.until(lambda w: w["releases"]["3"]["ready"] == 0, "release 3 is not ready")
    refused = platform.route({"2": 9500, "3": 500})
    assert refused["failure"] == "UNAVAILABLE", refused
    assert sorted(adopted.weights(rule=1).values()) == [0, 10000]
    adopted.set_ready("3", True)
    platform.until_shifted({"2": 9500, "3": 500})


def test_a_slot_that_somebody_takes_away_comes_back_without_a_shift(adopted, platform, api):
    platform.until_shifted({"1": 9500, "2": 500})
    slot = next(s for s in ("fraud-a", "fraud-b") if selects(adopted, s) == "2")
    api("DELETE", adopted.path("services", slot))
    wait_until(lambda: api.get(adopted.path("services", slot)), "it is there again", platform.explain)
    assert api.get(adopted.path("services", slot))["spec"]["selector"]["sluice.dev/release"] == ""
    platform.until(lambda w: w["releases"]["2"]["weight"] == 0, "and it is told that the release has no traffic")
    platform.until_shifted({"1": 9500, "2": 500})


def test_a_slot_that_somebody_edits_is_put_right_or_told(adopted, platform, api):
    platform.until_shifted({"1": 9500, "2": 500})
    slot = next(s for s in ("fraud-a", "fraud-b") if selects(adopted, s) == "2")
    path = adopted.path("services", slot)
    api.patch(path, {"spec": {"selector": {"app": "theirs"}}})
    wait_until(lambda: "app" not in api.get(path)["spec"]["selector"], "the selector is ours again", platform.explain)
    api.patch(path, [{"op": "replace", "path": "/spec/ports/0/targetPort", "value": 9}], JSON_PATCH)
    wait_until(lambda: api.get(path)["spec"]["ports"][0]["targetPort"] == 8000, "and the port", platform.explain)
    api.patch(path, {"spec": {"selector": {"sluice.dev/release": "3"}}})
    platform.until(lambda w: (w["releases"]["2"]["weight"], w["releases"]["3"]["weight"]) == (0, 500), "it is drift, which is told")


def test_a_slot_is_not_made_free_by_giving_its_weight_to_what_is_not_ready(adopted, platform):
    platform.until_shifted({"2": 7500, "3": 2500})
    adopted.set_ready("2", False)
    platform.until(lambda w: w["releases"]["2"]["ready"] == 0, "release 2 is not ready")
    before = adopted.weights(rule=1)
    refused = platform.route({"1": 10000})
    assert (refused["failure"], refused["message"]) == ("UNAVAILABLE", "release 2 has no ready endpoint, so it gets no traffic")
    assert adopted.weights(rule=1) == before
    platform.shift({"1": 10000}, urgent=True)
    assert [selects(adopted, s) for s, w in adopted.weights(rule=1).items() if w] == ["1"]


def test_an_adopted_route_that_cannot_be_followed_says_why(here, platform):
    here.rollout(**ADOPTED)
    here.release("1")
    platform.until(lambda w: w["releases"].get("1", {}).get("ready"), "release 1 is ready")
    missing = platform.route({"1": 10000}, urgent=True)
    assert missing["failure"] == "NOT_FOUND" and "does not exist" in missing["message"]
    here.make_route(rules=[{"backendRefs": [{"name": "fraud-a", "port": 80}]}])
    refused = platform.route({"1": 10000})
    assert refused["failure"] == "INVALID" and "no rule with both backends fraud-a and fraud-b" in refused["message"]
    platform.until(lambda w: "no rule with both backends" in w["router"], "the reason is told")


def test_services_of_somebody_else_are_no_slots(here, platform, api):
    api("POST", here.path("services"), {"metadata": {"name": "fraud-a"}, "spec": {"selector": {"app": "x"}, "ports": [{"port": 80}]}})
    here.make_route(rules=[PAIR_RULE])
    here.rollout(**ADOPTED)
    here.release("1")
    platform.until(lambda w: w["releases"].get("1", {}).get("ready"), "release 1 is ready")
    refused = platform.route({"1": 10000}, urgent=True)
    assert refused["failure"] == "INVALID" and "is somebody else's" in refused["message"]
    assert api.get(here.path("services", "fraud-a"))["spec"]["selector"] == {"app": "x"}
    platform.until(lambda w: "is somebody else's" in w["router"], "the reason is told")


def test_a_slot_that_somebody_has_made_his_own_does_not_stop_going_back(adopted, platform, api):
    platform.until_shifted({"1": 9500, "2": 500})
    candidate = next(s for s in ("fraud-a", "fraud-b") if selects(adopted, s) == "2")
    api.patch(adopted.path("services", candidate), {"metadata": {"ownerReferences": None}})
    refused = platform.route({"1": 9000, "2": 1000})
    assert refused["failure"] == "INVALID" and "is somebody else's" in refused["message"]
    platform.shift({"1": 10000}, urgent=True)
    assert adopted.weights(rule=1)[candidate] == 0 and sum(adopted.weights(rule=1).values()) == 10000


def test_a_writer_that_applies_an_adopted_route_from_git_again_and_again_loses_nothing_but_weights(adopted, platform, api):
    platform.until_shifted({"1": 9500, "2": 500})
    git = adopted.route()["spec"]

    def apply(o, n):
        o["spec"], o["metadata"].setdefault("labels", {})["from"] = git, f"git-{n}"
    storm = Storm(api, adopted.route_path(), apply)
    try:
        wait_until(lambda: storm.writes > 5, "the storm")
        platform.shift({"1": 10000}, urgent=True)
    finally:
        storm.stop()
    platform.shift({"1": 10000}, urgent=True)
    assert sorted(adopted.weights(rule=1).values()) == [0, 10000]
    assert without_weights(adopted.route()) == without_weights({"spec": git}) and adopted.route()["metadata"]["labels"]["from"]


def test_weights_beside_other_people_s_keep_the_share_that_ours_have_together(adopted, platform, api):
    api.patch(adopted.route_path(), [{"op": "add", "path": "/spec/rules/1/backendRefs/-",
                                      "value": {"name": "legacy", "port": 80, "weight": 30000}}], JSON_PATCH)
    platform.until_shifted({"1": 9500, "2": 500})
    weights = adopted.weights(rule=1)
    assert weights.pop("legacy") == 30000 and sorted(weights.values()) == [500, 9500]
