"""rolloutd killed wherever it hurts goes on where it was; leaders follow one another; the API server is away for a while."""
import itertools
import time

import pytest

from faultproxy import status
from stack import FAULTY
from waiting import wait_until

# Where it dies (lib/fault.h), and whether the candidate is a bad one.
KILLED = [("deployed:2", False), ("routed:2", False), ("routed:3", False), ("saved:4", False), ("saved:7", False), ("saved:9", False),
          ("recorded:5", False), ("verdict", True), ("routed:3", True), ("saved:8", True)]


@pytest.mark.parametrize("fault, bad", KILLED, ids=lambda v: v if isinstance(v, str) else "bad" if v else "good")
def test_killed_after_any_action_it_converges(site, fault, bad):
    assert (FAULTY / "rolloutd").exists(), "make MODE=faults build/faults/bin/rolloutd"
    if bad:
        site.behave(2, errors=1)
    site.start(faulty=True, env={"SLUICE_FAULT": fault})
    load = site.load(rate=80)
    site.create(version=1)
    wait_until(lambda: load.versions["1"] or site.daemon.process.poll() is not None, "1 serves", site.explain)
    served = time.monotonic() - load.began + 1  # until then there was no route, or a connection to the gateway as it was before
    site.change(version=2)
    assert site.daemon.wait(60) == -9, "the fault point was reached"
    site.daemon.env.pop("SLUICE_FAULT")
    site.daemon.start()
    if bad:
        site.wait("it is back", 60, phase="RolledBack", stable="1")
        assert site.share("2") == 0
    else:
        site.at_rest(2)
    numbers = [e["number"] for e in site.history()]
    assert numbers == list(range(numbers[0], numbers[-1] + 1)), "no event is lost or told twice"
    serving = "1" if bad else "2"
    before = load.versions[serving]
    wait_until(lambda: load.versions[serving] > before + 20, "it serves")
    failures = [f for f in load.stop() if f[0] > served or not f[2].startswith("404")]
    assert {v for _, v, _ in failures} <= ({"2"} if bad else set()), failures[:5]


@pytest.mark.parametrize("phase", ["Pending", "Canary", "Promoting", "RolledBack", "Done"])
def test_killed_in_any_phase_it_goes_on(site, phase):
    site.policy("quick", (site.folder / "policies/quick.yaml").read_text().replace("hold: 2s", "hold: 4s"))
    site.start()
    site.serving(1)
    load = site.load()
    if phase == "RolledBack":
        site.begin(2)
        site.steer("fraud", "abort")
    elif phase != "Done":
        site.change(version=2)
    site.wait(phase, phase=lambda p: p == phase or phase == "Promoting" and p == "Done")
    site.daemon.kill()
    site.daemon.start()
    end = "1" if phase in ("RolledBack", "Done") else "2"
    site.at_rest(end)
    assert load.stop() == []


def owners(site):
    """(epoch, who) of each write that rolloutd has left a trace of."""
    marks = []
    for plural, group in (("deployments", "apps/v1"), ("httproutes", "gateway.networking.k8s.io/v1"), ("services", "v1")):
        for o in site.api.get(site.path(None, plural, group))["items"]:
            epoch = o["metadata"].get("annotations", {}).get("sluice.dev/epoch")
            if epoch is not None:
                marks.append(int(epoch))
    return marks


def lease(site):
    return site.api.get(site.path("sluice-rolloutd", "leases", "coordination.k8s.io/v1"))["spec"]


def test_a_killed_leader_is_followed_by_the_standby_which_finishes(site):
    site.start()
    site.serving(1)
    load = site.load()
    standby = site.rolloutd()
    standby.launch()
    wait_until(lambda: [x for x in standby.log_lines() if x["msg"] == "listening"], "the standby is there", standby.log_text)
    site.change(version=2)
    site.wait("mid-shift", phase="Canary")
    before = lease(site)
    assert before["holderIdentity"] == "replica-0"
    site.daemon.kill()
    wait_until(lambda: lease(site)["holderIdentity"] == "replica-1", "the standby leads", standby.log_text)
    assert lease(site)["leaseTransitions"] == before["leaseTransitions"] + 1
    site.at_rest(2)
    assert set(owners(site)) <= {before["leaseTransitions"], before["leaseTransitions"] + 1}
    assert load.stop() == []


def test_a_leader_that_is_asked_to_leave_hands_over_at_once(site):
    site.start()
    site.serving(1)
    standby = site.rolloutd()
    standby.launch()
    wait_until(lambda: [x for x in standby.log_lines() if x["msg"] == "listening"], "the standby is there", standby.log_text)
    site.begin(2)
    assert site.daemon.stop() == 0
    wait_until(lambda: lease(site)["holderIdentity"] == "replica-1", "the standby leads", standby.log_text, patience_s=8)
    assert site.share("2") == 20
    wait_until(lambda: site.tried(standby, "abort") == 202, "it can be steered there", standby.log_text)
    assert site.share("2") == 0


def test_conflicts_and_errors_of_the_api_server_delay_nothing_for_long(site, proxy):
    """A storm: every third write is refused, watches are cut, answers are lost."""
    config = site.write_kubeconfig("stormy", proxy.url, {"token": "any"})
    site.start(kubeconfig=config)
    site.behave(2, errors=1)
    site.serving(1)
    load = site.load(rate=80)
    for method, path in itertools.product(("PATCH", "PUT", "POST"), ("httproutes", "modelrollouts", "deployments")):
        for _ in range(4):
            proxy.add(method=method, path=path, status=409, body=status(409, "Conflict"))
            proxy.add(method=method, path=path, after=True, status=500)  # written, and the answer lost
            proxy.add(method=method, path=path, status=429, headers={"Retry-After": "1"})
    proxy.add(method="GET", path="watch=1", times=4, cut=600)
    site.change(version=2)
    site.wait("it is back", 90, phase="RolledBack", stable="1")
    assert site.share("2") == 0
    assert {v for _, v, _ in load.stop()} <= {"2"}


def test_an_expired_token_is_read_anew(site, proxy):
    token = site.folder / "api-token"
    token.write_text("first")
    proxy.tokens = {"first"}
    config = site.write_kubeconfig("tokens", proxy.url, {"tokenFile": str(token)})
    site.start(kubeconfig=config)
    site.serving(1)
    site.load()
    proxy.tokens = {"second"}
    site.change(version=2)
    token.write_text("second")
    site.at_rest(2)


def test_a_breach_while_the_api_server_is_away_is_rolled_back_as_soon_as_it_is_back(site, proxy):
    config = site.write_kubeconfig("away", proxy.url, {"token": "any"})
    site.start(kubeconfig=config, lease="60s")
    site.serving(1)
    load = site.load(rate=100)
    site.begin(2)
    site.wait("2 is judged", verdict=lambda v: v and v["state"] == "healthy")
    for method in ("GET", "PUT", "POST", "PATCH", "DELETE"):
        proxy.add(method=method, times=None, drop=True)
    proxy.release()
    site.behave(2, errors=1)
    wait_until(lambda: load.failed["2"] > 30, "errors")
    wait_until(lambda: site.seen()["phase"] == "ROLLING_BACK", "the breach is decided", site.daemon.log_text, patience_s=20)
    assert site.share("2") == 20, "and cannot be written"
    proxy.clear()
    wait_until(lambda: site.share("2") == 0, "it is written", site.daemon.log_text, patience_s=5)
    site.wait("it is back", phase="RolledBack", stable="1")


def test_a_model_rollout_that_is_deleted_takes_everything_along(site):
    site.start()
    site.serving(1)
    site.begin(2)
    site.api("DELETE", site.path())
    for plural, group in (("deployments", "apps/v1"), ("httproutes", "gateway.networking.k8s.io/v1"), ("controllerrevisions", "apps/v1"),
                          ("pods", "v1")):
        wait_until(lambda: not site.api.get(site.path(None, plural, group))["items"], f"no {plural}",
                   lambda: site.kubectl("get", plural, "-n", site.namespace))
    wait_until(lambda: site.ask("GET", f"/v1/rollouts/{site.namespace}.fraud").status == 404, "rolloutd has forgotten it")
    site.create(version=3)
    site.at_rest(3)
