"""`ctl rollback` while rolloutd is absent, silent or refusing: straight at the cluster, or as commands for kubectl."""
import json
import os
import socket
import subprocess
import time

import pytest

import rights
from cluster import kubeconfig
from ctl import Ctl, Fake, json_reply, problem, rollout
from kubeapi import JSON_PATCH
from router import Cluster, Storm, install, touch
from sluice import free_port
from waiting import wait_until

OWNED = {"parentRefs": [{"name": "gateway"}], "hostnames": ["fraud.test"]}
ADOPTED = {"mode": "Adopted", "backends": ["fraud-a", "fraud-b"]}
CANARY = {"phase": "Canary", "stable": {"release": "1"}, "candidate": {"release": "2"}}
AT_REST = {"phase": "Done", "stable": {"release": "3"},
           "window": [{"release": "2", "until": None, "left": True}, {"release": "1", "until": None, "left": False}]}


@pytest.fixture
def here(api, kubectl, namespace):
    install(api, kubectl)
    c = Cluster(api, namespace)
    yield c
    c.close()


@pytest.fixture
def ctl(cluster, api, namespace, tmp_path):
    """As somebody on call, with the rights that the chart has for that."""
    c, config = Ctl(tmp_path, token="slc_test"), tmp_path / "oncall.kubeconfig"
    config.write_text(kubeconfig(cluster.url, cluster.ca, rights.oncall(cluster, api, namespace)))
    c.env |= {"KUBECONFIG": str(config), "USER": "ann"}
    c.target = f"{namespace}.fraud"
    return c


def fraction(**weights):
    return {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            "backendRefs": [{"name": n.replace("_", "-"), "port": 8000, "weight": w} for n, w in weights.items()]}


@pytest.fixture
def owned(here):
    """Release 1 is stable, 2 has 5 %: as rolloutd has left it."""
    here.rollout(status=CANARY, **OWNED)
    for release in "12":
        here.release(release)
    here.make_route(**OWNED, rules=[fraction(fraud_v1=9500, fraud_v2=500)])
    here.api.patch(here.route_path(), {"metadata": {"ownerReferences": [here.owners["fraud"]], "annotations": {"kept": "yes"}}})
    return here


@pytest.fixture
def adopted(here):
    """Release 3 has all the traffic, in slot b; slot a still selects 2."""
    here.rollout(status=AT_REST, **ADOPTED)
    for release in "123":
        here.release(release)
    for slot, release in (("fraud-a", "2"), ("fraud-b", "3")):
        here.api("POST", here.path("services"), {"metadata": {"name": slot, "ownerReferences": [here.owners["fraud"]]}, "spec": {
            "selector": {"sluice.dev/rollout": "fraud", "sluice.dev/release": release},
            "ports": [{"port": 8000, "targetPort": 8000}]}})
    here.make_route(rules=[{"matches": [{"headers": [{"name": "x", "value": "y"}]}], "backendRefs": [{"name": "fraud-a", "port": 8000}]},
                           fraction(fraud_a=0, fraud_b=10000, legacy=10)])
    return here


def marks(here):
    annotations = here.api.get(here.rollout_path())["metadata"].get("annotations", {})
    return {k.removeprefix("sluice.dev/rollback-"): v for k, v in annotations.items() if k.startswith("sluice.dev/rollback-")}


def selects(here, slot):
    return here.api.get(here.path("services", slot))["spec"]["selector"]["sluice.dev/release"]


# --- rolloutd is not there ---

def test_without_rolloutd_the_stable_release_gets_all_the_traffic(owned, ctl):
    done = ctl.run("rollback", ctl.target)
    assert "rolloutd does not answer" in done.stderr and "going straight to the cluster, context test" in done.stderr
    assert f"{ctl.target}: all traffic is on release 1 (the stable release)" in done.stdout
    assert "HTTPRoute fraud now has fraud-v1 100 %" in done.stdout and "rolloutd will make the rollback its own" in done.stdout
    assert "but Gateway" in done.stdout and "has not said yet whether it accepts the route" in done.stdout, "there is none"
    assert owned.weights() == {"fraud-v1": 10000}
    assert owned.route()["metadata"]["annotations"]["kept"] == "yes" and owned.route()["spec"]["hostnames"] == ["fraud.test"]
    seen = marks(owned)
    assert (seen["to"], seen["by"]) == ("1", "ann") and seen["at"].endswith("Z")


def test_a_rolloutd_that_accepts_and_never_answers_is_given_a_second(owned, ctl):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        done = ctl.run("rollback", ctl.target, "--rollout", f"http://127.0.0.1:{silent.getsockname()[1]}", "-o", "json")
        assert time.monotonic() - begun >= 1
    doc = json.loads(done.stdout)
    assert (doc["release"], doc["marked"], doc["scaled"], doc["accepted"]) == ("1", True, None, False)
    assert (doc["before"], doc["after"]) == ({"fraud-v1": 9500, "fraud-v2": 500}, {"fraud-v1": 10000})


def test_a_rolloutd_that_fails_or_cannot_be_trusted_is_no_answer(owned, ctl, cluster, request):
    fake = Fake()
    request.addfinalizer(fake.stop)
    fake.on("POST", f"/v1/rollouts/{ctl.target}/rollback", problem(503, "UNAVAILABLE", "this rolloutd does not lead"))
    for url in (fake.url, cluster.url):  # the latter has a certificate of an authority that ctl does not know
        done = ctl.run("rollback", ctl.target, "--rollout", url)
        assert "going straight to the cluster" in done.stderr and owned.weights() == {"fraud-v1": 10000}
        owned.api.patch(owned.route_path(), [{"op": "replace", "path": "/spec/rules/0", "value": fraction(fraud_v2=1)}], JSON_PATCH)


def test_what_rolloutd_may_have_done_unheard_is_not_gone_behind(adopted, ctl, namespace):
    adopted.api.patch(adopted.rollout_path() + "/status", {"status": {"phase": "RolledBack"}})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert ctl.run("rollback", "fraud", "--namespace", namespace, "--rollout", url, "-o", "name").stdout == "3\n"
    assert marks(adopted)["to"] == "3" and selects(adopted, "fraud-b") == "3"


def test_a_refusal_of_rolloutd_stands_unless_direct_is_said(owned, ctl, request):
    fake = Fake()
    request.addfinalizer(fake.stop)
    fake.on("POST", f"/v1/rollouts/{ctl.target}/rollback", problem(409, "CONFLICT", "nothing is under way"))
    ctl.fails(5, "nothing is under way", "rollback", ctl.target, "--rollout", fake.url)
    assert owned.weights() == {"fraud-v1": 9500, "fraud-v2": 500} and not marks(owned)
    ctl.run("rollback", ctl.target, "--rollout", fake.url, "--direct")
    assert owned.weights() == {"fraud-v1": 10000} and fake.count("POST", f"/v1/rollouts/{ctl.target}/rollback") == 1


def test_a_rolloutd_that_answers_is_left_to_it(owned, ctl, request):
    fake = Fake()
    request.addfinalizer(fake.stop)
    fake.on("POST", f"/v1/rollouts/{ctl.target}/rollback", json_reply(202, rollout(phase="ROLLED_BACK")))
    done = ctl.run("rollback", ctl.target, "--rollout", fake.url)
    assert "all traffic is on version 1 again" in done.stdout and not marks(owned)


# --- the cluster is as it is ---

def test_other_writers_in_a_loop_do_not_stop_it(owned, ctl, api):
    storms = [Storm(api, owned.route_path(), touch), Storm(api, owned.rollout_path(), touch)]
    try:
        wait_until(lambda: all(s.writes > 5 for s in storms), "the storm")
        ctl.run("rollback", ctl.target)
    finally:
        for s in storms:
            s.stop()
    assert owned.weights() == {"fraud-v1": 10000} and marks(owned)["to"] == "1"


def test_a_missing_route_is_made(owned, ctl, api):
    api("DELETE", owned.route_path())
    ctl.run("rollback", ctl.target)
    made = owned.route()
    assert made["metadata"]["ownerReferences"][0]["uid"] == owned.owners["fraud"]["uid"] and made["spec"]["hostnames"] == ["fraud.test"]
    assert owned.weights() == {"fraud-v1": 10000}


def test_a_release_without_pods_gets_them(owned, ctl, api):
    deployment = owned.path("deployments", "fraud-v1", "apps/v1")
    api.patch(owned.rollout_path(), {"spec": {"replicas": 3}})
    api.patch(deployment, {"spec": {"replicas": 0}})
    done = ctl.run("rollback", ctl.target)
    assert "release 1 had 0 replicas and gets 3" in done.stdout and api.get(deployment)["spec"]["replicas"] == 3


def test_at_rest_it_goes_to_the_newest_release_that_was_not_left(adopted, ctl):
    before = adopted.route()["spec"]
    done = ctl.run("rollback", ctl.target)
    assert "release 1 (the newest release that is kept)" in done.stdout
    assert (selects(adopted, "fraud-a"), selects(adopted, "fraud-b")) == ("1", "3")
    after = adopted.route()["spec"]
    refs = {r["name"]: r.pop("weight") for r in after["rules"][1]["backendRefs"]}
    assert refs == {"fraud-a": 10000, "fraud-b": 0, "legacy": 10}
    for r in before["rules"][1]["backendRefs"]:
        r.pop("weight")
    assert before == after


def test_to_goes_to_any_release_that_is_kept(adopted, ctl):
    ctl.run("rollback", ctl.target, "--to", "2")
    assert adopted.weights(rule=1) == {"fraud-a": 10000, "fraud-b": 0, "legacy": 10} and selects(adopted, "fraud-a") == "2"
    ctl.fails(5, "neither stable nor in the window", "rollback", ctl.target, "--to", "9")
    ctl.fails(2, "is not a number", "rollback", ctl.target, "--to", "x")


def test_what_is_not_known_or_not_there_is_said(here, ctl):
    ctl.fails(4, "there is no ModelRollout", "rollback", ctl.target)
    here.rollout(**OWNED)
    ctl.fails(5, "has no status, so it is not known what to go back to: say --to RELEASE", "rollback", ctl.target)
    ctl.fails(5, "there is no Deployment", "rollback", ctl.target, "--to", "1")
    here.release("1")
    ctl.run("rollback", ctl.target, "--to", "1")
    assert here.weights() == {"fraud-v1": 10000}


def test_a_route_of_somebody_else_is_not_touched(owned, ctl, api):
    api.patch(owned.route_path(), {"metadata": {"ownerReferences": None}})
    ctl.fails(2, "does not belong to the ModelRollout", "rollback", ctl.target)
    assert owned.weights() == {"fraud-v1": 9500, "fraud-v2": 500}


# --- by hand ---

def by_hand(cluster, commands):
    """As somebody would paste them."""
    subprocess.run(["bash", "-ec", commands], check=True, timeout=60, capture_output=True,
                   env={**os.environ, "PATH": f"{cluster.bin}:{os.environ['PATH']}", "KUBECONFIG": str(cluster.kubeconfig)})


def test_dry_run_prints_what_kubectl_would_have_to_do_and_kubectl_can_do_it(owned, ctl, cluster):
    done = ctl.run("rollback", ctl.target, "--dry-run")
    assert owned.weights() == {"fraud-v1": 9500, "fraud-v2": 500} and not marks(owned)
    by_hand(cluster, done.stdout)
    assert owned.weights() == {"fraud-v1": 10000} and marks(owned)["to"] == "1"
    commands = json.loads(ctl.run("rollback", ctl.target, "--dry-run", "-o", "json").stdout)["commands"]
    assert len(commands) == 1 and "annotate modelrollout fraud" in commands[0], "the weights stand"


def test_dry_run_of_an_adopted_route_has_every_move_in_order(adopted, ctl, cluster):
    adopted.api.patch(adopted.rollout_path() + "/status", {"status": CANARY | {"stable": {"release": "2"}, "candidate": {"release": "3"},
                                                                             "window": [{"release": "1", "until": None, "left": False}]}})
    by_hand(cluster, ctl.run("rollback", ctl.target, "--to", "1", "--dry-run").stdout)
    final = adopted.weights(rule=1)
    slot = next(s for s in ("fraud-a", "fraud-b") if final[s] == 10000)
    assert selects(adopted, slot) == "1"


def test_while_the_api_server_is_away_the_commands_are_printed_for_later(owned, ctl, cluster, tmp_path):
    away = tmp_path / "away.kubeconfig"
    away.write_text(kubeconfig(f"https://127.0.0.1:{free_port()}", cluster.certs.ca, {"token": "x"}))
    done = ctl.fails(6, "connect", "rollback", ctl.target, "--kubeconfig", str(away))
    assert f"--kubeconfig={away}" in done.stdout and "jsonpath={.status.stable.release}" in done.stdout
    by_hand(cluster, done.stdout.replace(f"--kubeconfig={away}", ""))
    assert owned.weights() == {"fraud-v1": 10000} and marks(owned)["to"] == "1"


def test_a_lack_of_rights_prints_the_commands_for_somebody_who_has_them(owned, ctl, cluster, kubectl, namespace, tmp_path):
    kubectl("create", "clusterrole", "looker", "--verb=get,list", "--resource=modelrollouts.sluice.dev,httproutes.gateway.networking.k8s.io",
            check=False)
    kubectl("-n", namespace, "create", "rolebinding", "looker", "--clusterrole=looker", "--user=bob")
    path = tmp_path / "bob.kubeconfig"
    crt, key = cluster.certs.sign("bob", "/CN=bob")
    path.write_text(kubeconfig(cluster.url, cluster.certs.ca, {"client-certificate": str(crt), "client-key": str(key)}))
    done = ctl.fails(3, "the traffic was not moved", "rollback", ctl.target, "--kubeconfig", str(path))
    assert "could not be marked" in done.stderr and "whether release 1 has pods is not known" in done.stderr
    by_hand(cluster, done.stdout.replace(f"--kubeconfig={path}", ""))
    assert owned.weights() == {"fraud-v1": 10000} and marks(owned)["to"] == "1"
