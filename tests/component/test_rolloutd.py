"""Rollouts from start to end: what passes, what is rolled back, what waits, and what people can ask for."""

import os
import signal
import subprocess

import pytest

from rollouts import Prometheus, Rollouts, Watch
from sluice import BIN, free_port, wait_until


@pytest.fixture(scope="module")
def rollout_port():
    return free_port()


@pytest.fixture(scope="module")
def prometheus(registry, rollout_port, tmp_path_factory):
    p = Prometheus(tmp_path_factory.mktemp("prometheus"), registry.token("admin"), rollout_port)
    try:
        yield p.start()
    finally:
        p.kill()
        print((p.folder / "log").read_text())


@pytest.fixture
def rollouts(registry, prometheus, rollout_port, tmp_path):
    r = Rollouts(tmp_path, registry, prometheus.url, port=rollout_port)
    try:
        r.daemon.start()
        yield r
    finally:
        r.close()
        print(r.daemon.log_text())


@pytest.fixture
def model(registry, request):
    """A model of the test's own, with four versions."""
    name = request.node.name.replace("_", "-").replace("[", "-").replace("]", "").lower()[:60].strip("-")
    registry.model(name)
    for n in range(1, 5):
        registry.version(name, registry.files(model_ubj=f"{name} {n}".encode()))
    return name


def test_a_good_version_goes_all_the_way(rollouts, registry, model):
    first = rollouts.ask(model, version=1, reason="to begin with")
    assert first["phase"] in ("PENDING", "PROMOTING") and first["candidate"] == 1 and first["actor"] == "admin"
    rollouts.wait(model, "the first version takes all traffic", phase="DONE", stable=1, candidate=None, window=[])
    load = rollouts.load(model)
    watch = Watch(rollouts, model)
    assert registry("PUT", f"/v1/models/{model}/aliases/next", json={"version": 2}).status == 201
    rollouts.ask(model, version="@next")
    for step, weight in enumerate((10, 50, 100)):
        seen = rollouts.wait(model, f"step {step}", phase="CANARY", step=step, weight_asked=weight)
        assert seen["steps"] == [10, 50, 100] and seen["stable"] == 1 and seen["candidate"] == 2
    done = rollouts.wait(model, "it is done", phase="DONE", stable=2, candidate=None)
    assert [w["version"] for w in done["window"]] == [1]
    assert rollouts.rows(model, "promoting.stands") == [
        "idle.start", "pending.first-ready", "promoting.stands",
        "done.start", "pending.ready", "canary.passed", "canary.passed", "canary.passed-last", "promoting.stands"]
    events = rollouts.events(model)
    assert [e["number"] for e in events] == list(range(1, len(events) + 1))
    passed = [e for e in events if e["row"] == "canary.passed"][0]
    assert passed["verdict"]["state"] == "healthy" and passed["verdict"]["numbers"]["candidate_requests"] >= 15
    load.stop()
    assert not load.failures
    assert load.versions[1] > 0 and load.versions[2] > 0

    wait_until(lambda: any(t[2].get("phase") == "DONE" and t[2].get("stable") == 2 for t in watch.told), "the watcher is told")
    assert watch.told[0][0] == "rollout" and watch.told[0][2]["phase"] == "DONE"
    told = [t[2]["number"] for t in watch.told if t[0] == "event"]
    assert told == sorted(set(told)) and told[-1] == events[-1]["number"]
    metrics = rollouts("GET", "/metrics").body.decode()
    assert f'target="{model}"' not in metrics, "at rest a target has no series of its own"
    assert 'rolloutd_rollout_seconds_count{outcome="done"}' in metrics
    page = rollouts("GET", f"/v1/rollouts/{model}/history?limit=2").body
    assert [e["number"] for e in page["events"]] == [len(events), len(events) - 1] and page["next"] == len(events) - 1
    page = rollouts("GET", f"/v1/rollouts/{model}/history?limit=2&after={page['next']}").body
    assert page["events"][0]["number"] == len(events) - 2


@pytest.mark.parametrize("how, gate", [({"errors": 1}, "error"), ({"delay_ms": 80}, "latency")])
def test_a_worse_version_is_rolled_back_by_itself(rollouts, model, how, gate):
    rollouts.serve(model)
    load = rollouts.load(model)
    rollouts.behave(2, **how)
    rollouts.ask(model, version=2, policy="slow")
    back = rollouts.wait(model, "it is back", phase="ROLLED_BACK", stable=1, candidate=2)
    assert back["verdict"]["state"] == "breach" and back["verdict"]["gate"].startswith(gate)  # limit or comparison
    assert back["verdict"]["reason"] in back["message"] and back["verdict"]["numbers"]["candidate_bad"] >= 5
    assert rollouts.rows(model, "rolling-back.stands")[-2:] == ["canary.breach", "rolling-back.stands"]
    before = load.versions[2]
    wait_until(lambda: load.versions[1] > 100, "traffic goes on")
    load.stop()
    assert load.versions[2] <= before + 4, "nothing new reaches it"
    assert set(load.failures) <= {2}, "nothing but the bad version failed"
    metrics = rollouts("GET", "/metrics").body.decode()
    assert "rolloutd_rollback_route_seconds_count 1" in metrics
    verdicts = [line for line in metrics.splitlines() if line.startswith("rolloutd_verdict{") and f'"{model}"' in line]
    assert not verdicts, "at rest nothing is judged"
    assert 'rolloutd_verdicts_total{state="breach"' in metrics
    assert "was rolled back: the candidate broke a gate" in rollouts.ask(model, "/rollback", to=back["candidate"], status=409)["detail"]
    targets = rollouts("GET", "/v1/discovery/prometheus").body
    assert {t["labels"]["version"] for t in targets} == {"1", "2"}, "it is kept for inspection"


def test_every_gate_explains_itself(rollouts, model):
    """A step waits for its proof and says so; a breach shows its evidence, and stays to be read."""
    rollouts.policy("proof", (rollouts.folder / "policies/slow.yaml").read_text().replace("slow", "proof")
                    .replace("max_ratio: 2,", "max_ratio: 2, sound_ratio: 2, budget_percent: 5,"))
    rollouts.daemon.process.send_signal(signal.SIGHUP)
    rollouts.serve(model)
    rollouts.load(model)
    rollouts.ask(model, version=2, policy="proof")
    rollouts.wait(model, "it has begun", phase="CANARY", step=0)
    wait_until(lambda: rollouts("GET", f"/v1/rollouts/{model}/explain").body["requests"] > 0, "requests are counted")
    doc = rollouts("GET", f"/v1/rollouts/{model}/explain").body
    assert [g["gate"] for g in doc["gates"]] == ["error-rate", "error-limit", "error-budget", "latency", "latency-limit"]
    assert doc["gates"][0]["false_rollback_percent"] == pytest.approx(0.5) and doc["gates"][0]["evidence_needed"] == pytest.approx(200)
    assert doc["gates"][0]["proof_needed"] == pytest.approx(20)
    rollouts.behave(2, errors=1)
    rollouts.wait(model, "it is back", phase="ROLLED_BACK")
    doc = rollouts("GET", f"/v1/rollouts/{model}/explain").body
    broken = [g for g in doc["gates"] if g["state"] == "breach"]
    assert doc["rollout"]["verdict"]["gate"] in [g["gate"] for g in broken]
    assert broken[0]["candidate"]["bad"] >= 5 and broken[0]["says"]


def test_a_slower_version_within_the_objective_is_rolled_back(rollouts, model):
    """Everything within half a second is fine, but nine of ten are far above stable's median; it is told where, and how far."""
    rollouts.policy("quantiles", (rollouts.folder / "policies/slow.yaml").read_text().replace("slow", "quantiles")
                    .replace("objective: 50ms, max_ratio: 3, limit_percent: 50", "objective: 500ms, max_ratio: 1.5, quantiles: [50, 90]"))
    rollouts.daemon.process.send_signal(signal.SIGHUP)
    rollouts.serve(model)
    load = rollouts.load(model)
    wait_until(lambda: load.versions[1] > 60, "stable is seen at work")
    rollouts.behave(2, delay_ms=120)
    rollouts.ask(model, version=2, policy="quantiles")
    back = rollouts.wait(model, "it is back", phase="ROLLED_BACK", stable=1, candidate=2)
    assert back["verdict"]["gate"].startswith("latency-p") and back["verdict"]["numbers"]["bound_ms"] in (5, 50)
    doc = rollouts("GET", f"/v1/rollouts/{model}/explain").body
    broken = next(g for g in doc["gates"] if g["gate"] == back["verdict"]["gate"])
    assert broken["bound_ms"] == back["verdict"]["numbers"]["bound_ms"] and broken["quantiles"]
    assert broken["state"] == "breach" and 1 < broken["share_ratio"] <= 1.5 and broken["candidate"]["bad"] > 3
    assert next(g for g in doc["gates"] if g["gate"] == "latency")["state"] == "healthy"


def test_a_version_that_cannot_start_never_gets_traffic(rollouts, model):
    rollouts.serve(model)
    rollouts.behave(2, exit=3)
    rollouts.policy("hasty", (rollouts.folder / "policies/quick.yaml").read_text().replace("quick", "hasty")
                    .replace("start_deadline: 20s", "start_deadline: 3s"))
    rollouts.daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(rollouts("GET", "/v1/policies").body["policies"]) == 3, "the new policy is read")
    rollouts.ask(model, version=2, policy="hasty")
    back = rollouts.wait(model, "it is given up", phase="ROLLED_BACK", stable=1)
    assert "exit status 3" in back["message"], back
    assert rollouts.rows(model, "rolling-back.stands")[-2] in ("pending.failed", "pending.overdue")


def test_people_steer(rollouts, model):
    rollouts.serve(model)
    rollouts.load(model)
    rollouts.ask(model, version=2, policy="slow")
    rollouts.wait(model, "it has begun", phase="CANARY", step=0)
    assert "under way" in rollouts.ask(model, version=3, status=409)["detail"]
    assert rollouts.ask(model, "/pause", reason="lunch")["paused"] is True
    assert "does not allow" in rollouts.ask(model, "/pause", status=409)["detail"]
    assert rollouts.get(model)["message"].endswith("paused")
    assert rollouts.ask(model, "/resume")["paused"] is False
    rollouts.ask(model, "/resume", status=409)
    assert rollouts.ask(model, "/promote")["step"] == 1
    rollouts.wait(model, "the weight stands", step=1, weight_asked=50)
    gone = rollouts.ask(model, "/abort", reason="changed our mind")
    assert gone["phase"] == "ROLLED_BACK" and gone["weight_asked"] == 0 and "changed our mind" in gone["message"]
    rollouts.ask(model, "/abort", status=409)

    rollouts.begin(model, 3)
    rollouts.ask(model, "/promote", full=True)
    rollouts.wait(model, "it is done", phase="DONE", stable=3)
    rollouts.rows(model, "promoting.stands")
    assert {e["actor"] for e in rollouts.events(model) if e["row"] in ("canary.pause", "canary.abort", "canary.full")} == {"admin"}


BLUE_GREEN = """
name: blue-green
summary: a preview until somebody switches
steps:
  - { weight: 0, hold: 1s, pause: true }
  - { weight: 100, hold: 2s }
gates:
  error_rate: { limit_percent: 20 }
min_requests: 15
replicas: 2
"""


def test_blue_green_previews_until_somebody_switches(rollouts, model):
    rollouts.policy("blue-green", BLUE_GREEN)
    rollouts.daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: any(p["name"] == "blue-green" for p in rollouts("GET", "/v1/policies").body["policies"]), "it is read")
    rollouts.serve(model)
    load = rollouts.load(model)
    rollouts.ask(model, version=2, policy="blue-green")
    seen = rollouts.wait(model, "the preview", phase="CANARY", step=0, weight_asked=0)
    assert seen["steps"] == [0, 100]
    wait_until(lambda: "until somebody promotes it" in rollouts.get(model)["message"], "its gates have passed", 20)
    assert load.versions[2] == 0
    targets = rollouts("GET", "/v1/discovery/prometheus").body
    assert [t["labels"]["version"] for t in targets].count("2") == 2, "it is as large as the switch needs"
    assert all(t["labels"]["target"] == model and t["labels"]["model"] == model for t in targets)
    rollouts.ask(model, "/promote")
    rollouts.wait(model, "it is done", phase="DONE", stable=2)
    load.stop()
    assert not load.failures


def test_what_was_rolled_back_is_tried_again(rollouts, model):
    rollouts.serve(model)
    assert "nothing that was rolled back" in rollouts.ask(model, "/retry", status=409)["detail"]
    rollouts.behave(2, errors=1)
    load = rollouts.load(model)
    rollouts.ask(model, version=2)
    assert "does not allow" in rollouts.ask(model, "/retry", status=409)["detail"]
    rollouts.wait(model, "it is back", phase="ROLLED_BACK", stable=1)
    assert rollouts.ask(model, "/retry", status=400, version=2)
    rollouts.behave(2)
    again = rollouts.ask(model, "/retry", reason="the data were wrong")
    assert (again["phase"], again["candidate"], again["reason"]) == ("PENDING", 2, "the data were wrong")
    rollouts.wait(model, "it is done", phase="DONE", stable=2)
    load.stop()
    assert "rolled-back.retry" in rollouts.rows(model, "promoting.stands")


def test_going_back_to_what_is_in_the_window(rollouts, model):
    rollouts.serve(model)
    for version in (2, 3):
        rollouts.begin(model, version)
        rollouts.ask(model, "/promote", full=True)
        rollouts.wait(model, "it is done", phase="DONE", stable=version)
    load = rollouts.load(model)
    assert [w["version"] for w in rollouts.get(model)["window"]] == [2, 1]
    assert "does not run" in rollouts.ask(model, "/rollback", to=4, status=409)["detail"]
    assert "already" in rollouts.ask(model, "/rollback", to=3, status=409)["detail"]

    back = rollouts.ask(model, "/rollback", reason="worse in the branches")
    assert back["phase"] == "ROLLED_BACK" and back["stable"] == 2 and back["weight_asked"] == 0
    seen = load.versions[3]
    wait_until(lambda: load.versions[2] > 50, "version 2 serves")
    assert load.versions[3] <= seen + 4, "the answer came when the weights stood"
    assert rollouts.ask(model, "/rollback", to=1)["stable"] == 1
    wait_until(lambda: load.versions[1] > 50, "version 1 serves")

    rollouts.begin(model, 4)
    during = rollouts.ask(model, "/rollback")
    assert during["stable"] == 1 and during["candidate"] == 4
    load.stop()
    assert not load.failures


def test_a_rollback_that_comes_twice_is_one(rollouts, model):
    """As when ctl gave up waiting, went on without rolloutd, and its first request is read after all."""
    rollouts.serve(model)
    for version in (2, 3):
        rollouts.begin(model, version)
        rollouts.ask(model, "/promote", full=True)
        rollouts.wait(model, "it is done", phase="DONE", stable=version)
    path, key = f"/v1/rollouts/{model}/rollback", {"Idempotency-Key": "2026-11-24T02:33:41.944Z"}
    first = rollouts("POST", path, json={}, headers=key)
    assert (first.status, first.body["stable"]) == (202, 2)
    again = rollouts("POST", path, json={}, headers=key)
    assert (again.status, again.body["stable"]) == (202, 2), "and not on to version 1"
    assert rollouts("POST", path, json={}, headers={"Idempotency-Key": "two words"}).status == 400
    assert rollouts("POST", path, json={}, headers={"Idempotency-Key": "k" * 64}).status == 400
    other = rollouts("POST", path, json={}, headers={"Idempotency-Key": "another"})
    assert (other.status, other.body["stable"]) == (202, 1)


def test_bad_requests_are_refused_by_name(rollouts, registry, model):
    rollouts.serve(model)
    path = f"/v1/rollouts/{model}"
    for body, says in (({}, "version"), ({"version": True}, "version"), ({"version": "one"}, "version"), ({"version": 0}, ""),
                       ({"version": "@"}, "alias"), ({"version": 1.5}, "version"), ({"version": 2, "policy": "none"}, "none"),
                       ({"version": 2, "color": "red"}, "color"), ({"version": 2, "reason": "x" * 300}, "reason"), ([], "")):
        r = rollouts("POST", path, json=body)
        assert r.status == 400 and r.body["title"] == "INVALID" and says in r.body["detail"], (body, r)
    for body, status in (({"version": 99}, 404), ({"version": "@nobody"}, 404), ({"version": 1}, 409)):
        assert rollouts("POST", path, json=body).status == status
    assert rollouts("POST", "/v1/rollouts/unknown", json={"version": 1}).status == 404
    assert rollouts("POST", "/v1/rollouts/Not%20ok", json={"version": 1}).status == 400
    assert rollouts("GET", "/v1/rollouts/unknown").status == 404
    assert rollouts("POST", "/v1/rollouts/unknown/pause", json={}).status == 404
    assert rollouts("POST", path + "/rollback", json={"to": "1.x"}).status == 400
    assert rollouts("POST", path + "/rollback", json={"to": 0}).status == 400
    assert rollouts("POST", path + "/promote", json={"full": 1}).status == 400
    assert rollouts("POST", path + "/pause", body=b"{" * 20000).status == 413
    assert rollouts("GET", path + "/history?limit=0").status == 400
    for role, status in ((None, 401), ("reader", 403), ("writer", 403), ("deployer", 409)):
        if role:
            registry.token(role)
            wait_until(lambda: rollouts("GET", path, role=role).status == 200, f"the {role}'s token is known")
        assert rollouts("POST", path + "/pause", role=role, json={}).status == status, role
    assert rollouts("GET", "/healthz", role=None).status == 200


def test_policies_are_read_again_and_a_bad_one_keeps_no_other_from_being_used(rollouts, model):
    rollouts.policy("broken", "name: broken\nsummary: x\nsteps: [{ weight: 100, hold: soon }]\ngates: { error_rate: { limit_percent: 1 } }\n")
    rollouts.policy("new", (rollouts.folder / "policies/quick.yaml").read_text().replace("quick", "new"))
    rollouts.daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: [p["name"] for p in rollouts("GET", "/v1/policies").body["policies"]] == ["new", "quick", "slow"], "the good ones are read")
    assert [x for x in rollouts.daemon.log_lines() if x["msg"] == "a policy cannot be used" and "broken.yaml" in x["error"]]
    r = rollouts("POST", f"/v1/rollouts/{model}", json={"version": 1, "policy": "broken"})
    assert r.status == 400 and "broken.yaml" in r.body["detail"], r


def test_check_policies_names_all_that_is_wrong(tmp_path):
    def check(*args):
        r = subprocess.run([BIN / "rolloutd", "--check-policies", *args], capture_output=True, text=True)
        return r.returncode, r.stderr
    (tmp_path / "empty").mkdir()
    (tmp_path / "one.yaml").write_text("name: one\n")
    (tmp_path / "two.yaml").write_text("name: two\n")
    code, said = check(tmp_path)
    assert code == 2 and "one.yaml" in said and "two.yaml" in said and "2 of 2" in said
    assert check(tmp_path / "one.yaml") == (2, f"rolloutd: policies: there is no folder {tmp_path}/one.yaml\n")
    assert check(tmp_path / "empty") == (2, f"rolloutd: policies in {tmp_path}/empty: there is no *.yaml\n")
    assert check() == (2, "rolloutd: usage: rolloutd --check-policies FOLDER\n")
    assert check(tmp_path, tmp_path)[0] == 2
    for flag in ("--help", "--man"):
        assert "check-policies" in subprocess.run([BIN / "rolloutd", flag], capture_output=True, text=True, check=True).stdout


def test_a_start_needs_neither_all_policies_nor_a_new_copy_of_the_token(rollouts, model):
    rollouts.policy("broken", "name: broken\nsummary: x\nsteps: [{ weight: 1O0, hold: 1s }]\ngates: { error_rate: { limit_percent: 1 } }\n")
    copy = rollouts.state / "scorer-token"
    before = copy.stat()
    rollouts.daemon.kill()
    rollouts.daemon.start()
    assert {"quick", "slow"} <= {p["name"] for p in rollouts("GET", "/v1/policies").body["policies"]}
    assert [x for x in rollouts.daemon.log_lines() if x["msg"] == "a policy cannot be used" and "1O0" in x["error"]]
    wait_until(lambda: rollouts("GET", "/readyz", role=None).status == 200, "the records are read")
    r = rollouts("POST", f"/v1/rollouts/{model}", json={"version": 1, "policy": "broken"})
    assert r.status == 400 and "broken.yaml" in r.body["detail"] and "1O0" in r.body["detail"], r
    assert (copy.stat().st_ino, copy.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns), "a full disk is no hindrance"
    copy.unlink()
    copy.mkdir()  # nothing can be written in its place
    rollouts.daemon.kill()
    rollouts.daemon.start()
    assert [x for x in rollouts.daemon.log_lines() if x["level"] == "warn" and "the token of the last start" in x["msg"]]


def test_a_haproxy_that_never_starts_is_one_line_of_the_log(tmp_path, registry):
    tries, bad = tmp_path / "tries", tmp_path / "haproxy"
    bad.write_text(f"#!/bin/sh\necho x >>{tries}\necho \"[ALERT]    ($$) : no such thing\" >&2\nexit 1\n")
    bad.chmod(0o755)
    r = Rollouts(tmp_path, registry, "http://127.0.0.1:1", "--haproxy-bin", bad, "--default-policy", "nobodys")
    try:
        r.daemon.start()
        wait_until(lambda: tries.exists() and len(tries.read_text().split()) > 3, "it is tried again and again", 20)
        lines = [x for x in r.daemon.log_lines() if x["msg"] == "HAProxy does not start"]
        assert len(lines) == 1 and "no such thing" in lines[0]["error"], lines
        assert [x for x in r.daemon.log_lines() if x.get("default_policy") == "nobodys" and x["level"] == "error"]
    finally:
        r.close()


def test_a_killed_haproxy_comes_back_with_the_right_weights(rollouts, model):
    rollouts.serve(model)
    load = rollouts.load(model)
    rollouts.begin(model, 2)
    wait_until(lambda: load.versions[2] > 5, "the candidate has traffic")
    killed = rollouts.haproxy()
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: rollouts.haproxy() not in (None, killed), "another HAProxy is there", 20)
    before = dict(load.versions)
    wait_until(lambda: load.versions[1] > before[1] + 200, "traffic goes on", 20)
    share = (load.versions[2] - before[2]) / (load.versions[1] - before[1] + load.versions[2] - before[2])
    assert 0.02 < share < 0.25, "about 10 %"
    assert rollouts.get(model)["phase"] == "CANARY"


def test_a_record_that_cannot_be_understood_is_left_alone(rollouts, model):
    rollouts.serve(model)
    record = rollouts.state / "targets" / f"{model}.json"
    damaged = record.read_text().replace("DONE", "DREAMING")
    rollouts.daemon.stop()
    record.write_text(damaged)
    rollouts.daemon.start()
    for method, path in (("GET", ""), ("POST", ""), ("POST", "/rollback")):
        r = rollouts(method, f"/v1/rollouts/{model}{path}", json={"version": 2} if method == "POST" and not path else None)
        assert r.status == 503 and "DREAMING" in r.body["detail"], r
    assert record.read_text() == damaged
    assert rollouts("GET", "/v1/rollouts").body == {"rollouts": []}
