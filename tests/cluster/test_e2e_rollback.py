"""What goes back: by itself, by hand, and with most of what a rollout needs gone."""
import json
import os
import signal
import time

from waiting import wait_until


def test_a_breach_is_rolled_back_by_itself(site):
    site.start()
    site.serving(1)
    site.behave(2, errors=0.6)
    load = site.load(rate=100)
    wait_until(lambda: load.versions["1"] > 5, "answers")
    site.change(version=2)
    site.kubectl("wait", "modelrollout/fraud", "-n", site.namespace, "--for=condition=RolledBack", "--timeout=60s")
    status = site.at_rest(1)
    assert site.share("2") == 0 and status["phase"] == "RolledBack"
    verdict = status["verdict"]
    assert verdict["state"] == "breach" and verdict["gate"] in ("error-limit", "error-rate") and verdict["numbers"]
    time.sleep(0.5)  # the gateway follows
    asked = load.asked("2")
    since = load.snapshot()
    wait_until(lambda: sum((load.snapshot() - since).values()) > 200, "more answers")
    assert load.asked("2") == asked, "not one more request"
    assert 0 < asked < 0.3 * sum(load.snapshot().values())
    assert site.condition("Complete")[0] == "False" and site.condition("RolledBack")[0] == "True"
    told = wait_until(lambda: site.events("RollingBack") and site.events("RolledBack"), "Events")
    assert told and site.events("RollingBack")[0]["type"] == "Warning"
    assert {v for _, v, _ in load.stop()} <= {"2"}, "nobody else's requests failed"


def test_a_slow_version_is_rolled_back(site):
    site.start()
    site.serving(1)
    site.behave(2, delay_ms=300)
    site.load(rate=100)
    site.change(version=2)
    status = site.wait("it is back", 60, phase="RolledBack", stable="1")
    assert status["verdict"]["gate"] in ("latency-limit", "latency") and site.share("2") == 0


def test_a_version_that_cannot_load_never_gets_a_request(site):
    site.policy("quick", (site.folder / "policies/quick.yaml").read_text().replace("start_deadline: 30s", "start_deadline: 15s"))
    site.behave(2, exit=2)
    site.start()
    site.serving(1)
    load = site.load()
    site.change(version=2)
    status = site.wait("it is given up", 60, phase="RolledBack", stable="1")
    assert site.share("2") == 0 and load.asked("2") == 0 and load.stop() == []
    assert "exit" in json.dumps(status) or "told not to start" in json.dumps(site.events()), "it says why"


def test_a_candidate_whose_pods_die_under_traffic_is_rolled_back(site):
    site.start()
    site.serving(1)
    site.load()
    site.begin(2)
    site.behave(2, exit=3)
    for pod in site.pods("2"):
        site.api.patch(site.path(pod["metadata"]["name"], "pods", "v1"), {"metadata": {"annotations": {"test.sluice.dev/crash": "1"}}})
    site.wait("it is back", 60, phase="RolledBack", stable="1")
    assert site.share("2") == 0


def test_ctl_rolls_back_what_was_promoted(site):
    site.start()
    site.serving(1)
    load = site.load()
    site.begin(2)
    site.steer("fraud", "promote", full=True)
    site.at_rest(2)
    site.ctl("rollback", "fraud", "--reason", "complaints")
    assert site.share("1") == 100, "when it returns, the weights stand"
    site.wait("1 is stable", phase="RolledBack", stable="1")
    assert load.stop() == []


def test_ctl_rolls_back_without_rolloutd_which_agrees_when_it_is_back(site):
    site.start()
    site.serving(1)
    load = site.load()
    site.begin(2)
    site.daemon.kill()
    r = site.ctl("rollback", f"{site.namespace}.fraud", "--reason", "rolloutd is down")
    assert site.share("2") == 0 and site.share("1") == 100, r.stdout
    marks = site.rollout()["metadata"].get("annotations", {})
    assert "sluice.dev/rollback-to" in marks and marks["sluice.dev/rollback-reason"] == "rolloutd is down"
    since = wait_until(lambda: load.snapshot(), "answers")
    wait_until(lambda: load.versions["1"] - since["1"] > 100, "answers")
    assert site.share("2") == 0
    site.daemon.start()
    site.wait("rolloutd agrees", 40, phase="RolledBack", stable="1")
    wait_until(lambda: "sluice.dev/rollback-to" not in site.rollout()["metadata"].get("annotations", {}), "the mark is gone")
    assert any("at the cluster: rolloutd is down" in ev["why"] for ev in site.status()["history"]), "the reason is kept"
    assert not [a for a in site.rollout()["metadata"].get("annotations", {}) if "rollback" in a]
    assert site.share("2") == 0 and load.stop() == []


def test_rollback_does_not_wait_for_stable_to_be_ready(site):
    """Stable's pods are gone: traffic goes back all the same, and stable is made ready first of all."""
    site.start()
    site.serving(1)
    site.begin(2)
    site.behave(1, unready=True)
    wait_until(lambda: (site.status()["stable"] or {}).get("ready") == 0, "stable is not ready", site.explain)
    site.steer("fraud", "abort")
    assert site.share("1") == 100
    wait_until(lambda: site.condition("Ready")[0] == "False", "it says so", site.explain)
    site.behave(1)
    site.wait("it is back", phase="RolledBack", stable="1")
    wait_until(lambda: site.condition("Ready")[0] == "True", "ready again", site.explain)


def test_without_prometheus_a_step_is_held_not_aborted(site):
    site.start()
    site.serving(1)
    site.load()
    site.change(version=2, policy=None, strategy={"canary": {"steps": [{"weight": 20, "hold": "4s"}, {"weight": 100, "hold": "1s"}]}})
    site.wait("2 has traffic", phase="Canary", asked=20)
    site.prometheus.kill()
    held = wait_until(lambda: (lambda v: v.get("verdict", {}).get("gate") == "prometheus" and v)(site.view()), "it says why", site.explain)
    assert held["verdict"]["state"] == "no-evidence" and site.condition("Healthy")[0] == "Unknown"
    wait_until(lambda: site.seen()["hold_left_ms"] == 0, "the hold is over")
    assert site.view()["phase"] == "Canary" and site.share("2") == 20
    site.prometheus.start()
    site.at_rest(2)


def test_a_route_edited_by_hand_is_repaired_and_the_step_held(site):
    site.start()
    site.serving(1)
    load = site.load()
    site.begin(2)
    wait_until(lambda: site.condition("TrafficVerified")[1] in ("Verified", "SplitNotSeen"), "the weights stand", site.explain)
    path = site.path("fraud", "httproutes", "gateway.networking.k8s.io/v1")
    route = site.api.get(path)
    for b in route["spec"]["rules"][0]["backendRefs"]:
        b["weight"] = 50
    site.api("PUT", path, route)
    wait_until(lambda: site.share("2") == 20, "it is repaired", site.explain, patience_s=5)
    wait_until(lambda: site.events("RouteDrift"), "it is told", lambda: [e["reason"] for e in site.events()])
    assert site.view()["phase"] == "Canary" and site.view()["asked"] == 20
    assert load.stop() == []


def test_a_deleted_route_is_made_again(site):
    site.start()
    site.serving(1)
    site.begin(2)
    site.api("DELETE", site.path("fraud", "httproutes", "gateway.networking.k8s.io/v1"))
    wait_until(lambda: site.share("2") == 20, "it is there again", site.explain, patience_s=10)


def test_a_gateway_that_refuses_the_route_holds_the_step(site):
    site.start()
    site.serving(1)
    site.load()
    site.gateway.behave(reject="fraud")
    site.change(version=2)
    wait_until(lambda: site.condition("TrafficVerified")[0] == "False", "it says so", site.explain)
    assert site.view()["phase"] in ("Pending", "Canary")
    site.gateway.behave(reject=None)
    site.at_rest(2)


def test_a_slow_gateway_is_waited_for(site):
    site.start()
    site.serving(1)
    load = site.load()
    site.gateway.behave(delay_s=2)
    site.change(version=2)
    site.at_rest(2, patience_s=90)
    assert load.stop() == []


def test_the_registry_is_not_needed_to_roll_back(site):
    """rolloutd cannot reach its registry (nothing listens there): what is under way goes on, and back."""
    site.start()
    site.serving(1)
    load = site.load()
    site.begin(2)
    site.daemon.kill()
    site.daemon.args[site.daemon.args.index("--registry") + 1] = "http://127.0.0.1:9"
    site.daemon.start()
    wait_until(lambda: site.tried(site.daemon, "abort") == 202, "it leads again", patience_s=30)
    assert site.share("2") == 0
    site.wait("it is back", phase="RolledBack", stable="1")
    assert load.stop() == []


def test_a_stopped_rolloutd_wakes_up_as_nobody(site):
    """SIGSTOP for longer than its lease: another leads, and the old one never writes again."""
    site.start()
    site.serving(1)
    other = site.rolloutd()
    other.launch()
    os.kill(site.daemon.process.pid, signal.SIGSTOP)
    wait_until(lambda: site.tried(other, "pause") == 409, "the other leads", other.log_text)  # and has nothing to pause
    os.kill(site.daemon.process.pid, signal.SIGCONT)
    assert site.daemon.wait(20) != 0
