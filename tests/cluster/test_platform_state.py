"""The status of a ModelRollout as rolloutd's memory: compare-and-swap, leaders that follow one another, what people and kubectl read."""
import json
import pathlib
import signal
import threading
import time

import pytest

from cluster import kubeconfig
from waiting import wait_until

DEPOSED = 6  # the exit status of a rolloutd that leads no more


class Rollout:
    """`fraud` as the API server has it."""

    def __init__(self, api, namespace):
        self.api, self.path = api, f"/apis/sluice.dev/v1alpha1/namespaces/{namespace}/modelrollouts/fraud"
        self.events_path = f"/api/v1/namespaces/{namespace}/events"

    def get(self):
        return self.api.get(self.path)

    def status(self):
        return self.get().get("status", {})

    def annotate(self, **marks):
        self.api.patch(self.path, {"metadata": {"annotations": {f"sluice.dev/rollback-{k}": v for k, v in marks.items()}}})

    def write_status(self, **members):
        self.api.patch(f"{self.path}/status", {"status": members})

    def condition(self, kind):
        return next((c for c in self.status().get("conditions", []) if c["type"] == kind), {})

    def events(self):
        return self.api.get(self.events_path)["items"]

    def wait(self, what, probe):
        return wait_until(lambda: probe(self.status()), what, lambda: json.dumps(self.status(), indent=1))


@pytest.fixture
def rollout(declare, api, namespace):
    declare()
    return Rollout(api, namespace)


def event(number, kind="weight", why="the step passed its gates", **more):
    return {"number": number, "rollout_id": 1, "at": "2026-01-02T03:04:05.678Z", "kind": kind, "row": "canary.passed", "from": "CANARY",
            "to": "CANARY", "stable": 6, "candidate": 7, "weight": 25, "why": why, "actor": "", "verdict": None, **more}


def save(p, record, expected, failure=None):
    answer = p("save", record=record, expected=expected)
    assert answer["failure"] == failure, answer
    return answer["revision"]


def test_a_record_outlives_its_leader(platform, rollout):
    p = platform()
    first = save(p, "one", 0)
    assert save(p, "two", first) > first
    assert rollout.status()["record"] == "two" and rollout.status()["epoch"] == 0
    p.close()  # gives the lease away
    started = time.monotonic()
    next_one = platform()
    assert time.monotonic() - started < 8  # the lease is for 10 s
    (loaded,) = [line for line in next_one.lines() if "loaded" in line]
    (record,) = loaded["records"].values()
    assert record["record"] == "two"
    save(next_one, "three", record["revision"])
    assert rollout.status()["epoch"] == 1


def test_only_the_revision_last_seen_can_be_replaced(platform, rollout):
    p = platform()
    revision = save(p, "one", 0)
    save(p, "two", 0, failure="CONFLICT")
    save(p, "two", revision + 5, failure="CONFLICT")
    assert rollout.status()["record"] == "one"
    save(p, "two", revision)


def test_a_write_of_somebody_else_is_a_conflict_until_it_is_read(platform, rollout):
    p = platform()
    revision = save(p, "one", 0)
    rollout.write_status(revision=revision + 7, record="theirs")
    save(p, "two", revision, failure="CONFLICT")
    save(p, "two", revision, failure="CONFLICT")
    (record,) = p("load")["records"].values()
    assert record == {"record": "theirs", "revision": revision + 7}
    save(p, "two", record["revision"])
    assert rollout.status()["record"] == "two"


def test_a_status_that_somebody_removed_is_a_conflict_too(platform, rollout):
    p = platform()
    revision = save(p, "one", 0)
    rollout.write_status(revision=None, epoch=None, record=None)
    save(p, "two", revision, failure="CONFLICT")
    assert p("load")["records"] == {}
    save(p, "two", 0)
    assert rollout.status()["record"] == "two"


def test_a_higher_epoch_ends_the_process(platform, rollout):
    p = platform()
    revision = save(p, "one", 0)
    rollout.write_status(revision=revision + 1, epoch=9)
    p.say("save", record="two", expected=revision)
    assert p.process.wait(10) == DEPOSED
    assert rollout.status()["record"] == "one"


def test_a_spec_changed_before_the_first_write_does_no_harm(platform, rollout, declare):
    p = platform()
    for replicas in range(3, 8):
        declare(replicas=replicas)
    save(p, "one", 0)
    assert rollout.get()["spec"]["replicas"] == 7


@pytest.fixture
def through_proxy(platform, proxy, cluster, tmp_path):
    path = tmp_path / "proxy.kubeconfig"
    path.write_text(kubeconfig(proxy.url, cluster.certs.ca, {"token": "any"}))
    return platform(path)


def test_a_write_whose_answer_is_lost_is_known_again(rollout, through_proxy, proxy):
    revision = save(through_proxy, "one", 0)
    proxy.add(method="PATCH", path="/status", status=500, body="lost", after=True)
    assert through_proxy("save", record="two", expected=revision)["failure"] == "UNAVAILABLE"
    assert rollout.status()["record"] == "two"
    assert save(through_proxy, "three", revision) > revision
    assert rollout.status()["record"] == "three"


def test_a_status_waits_until_the_api_server_is_back(rollout, through_proxy, proxy):
    proxy.add(method="PATCH", path="/status", status=503, body="away", times=4)
    through_proxy("publish", phase="IDLE", followed=1, note="patient")
    rollout.wait("the status", lambda s: s.get("message") == "patient")


def test_what_has_not_changed_is_not_written(platform, rollout):
    p = platform()
    p("publish", phase="IDLE", followed=1, note="calm")
    rollout.wait("the status", lambda s: s.get("message") == "calm")
    before = rollout.get()["metadata"]["resourceVersion"]
    for _ in range(5):
        p("publish", phase="IDLE", followed=1, note="calm")
    save(p, "one", 0)  # is written, and the rest with it
    after = rollout.status()
    assert after["revision"] == 2 and rollout.get()["metadata"]["resourceVersion"] != before


def test_much_news_makes_few_writes(platform, rollout):
    p = platform()
    started = time.monotonic()
    for i in range(200):
        p("publish", phase="IDLE", followed=1, note=f"news {i}")
    rollout.wait("the last of it", lambda s: s.get("message") == "news 199")
    assert rollout.status()["revision"] <= 2 + (time.monotonic() - started)


def test_a_publication_and_a_record_are_one_write(platform, rollout):
    p = platform()
    p("publish", phase="IDLE", followed=1, note="first")
    rollout.wait("the first status", lambda s: s.get("message") == "first")
    p("publish", phase="IDLE", followed=1, note="second")
    save(p, "one", 0)
    assert rollout.status()["message"] == "second" and rollout.status()["revision"] == 2
    p("publish", phase="IDLE", followed=1, note="third")
    status = rollout.wait("the third status", lambda s: s.get("message") == "third" and s)
    assert status["record"] == "one"


def test_the_history_keeps_the_newest_twenty(platform, rollout):
    p = platform()
    for n in range(1, 23):
        p("publish", phase="CANARY", followed=1, event=event(n))
    save(p, "one", 0)
    p("publish", phase="CANARY", followed=1, event=event(23))
    p("publish", phase="CANARY", followed=1, event=event(23))
    rollout.wait("the last event", lambda s: s["history"][0]["number"] == 23)
    assert [e["number"] for e in rollout.status()["history"]] == list(range(23, 3, -1))
    assert [e["number"] for e in p("history", before=0, limit=100)["events"]] == list(range(23, 3, -1))
    assert [e["number"] for e in p("history", before=9, limit=3)["events"]] == [8, 7, 6]
    assert rollout.status()["record"] == "one"


def test_each_event_is_one_event(platform, rollout):
    p = platform()
    for _ in range(3):
        assert p("record", event=event(4, kind="rolling-back", why="the candidate broke a gate", actor="ann"))["failure"] is None
    assert p("record", event=event(5))["failure"] is None
    (back,) = [e for e in rollout.events() if e["reason"] == "RollingBack"]
    assert back["type"] == "Warning" and back["involvedObject"]["uid"] == rollout.get()["metadata"]["uid"]
    assert "broke a gate" in back["message"] and "by ann" in back["message"]
    (weight,) = [e for e in rollout.events() if e["reason"] == "Weight"]
    assert weight["type"] == "Normal"


def test_a_trouble_is_told_once(platform, rollout):
    p = platform()
    for _ in range(3):
        p("publish", phase="IDLE", trouble="PolicyNotFound")
    rollout.wait("the condition", lambda s: rollout.condition("SpecAccepted").get("status") == "False")
    assert rollout.condition("SpecAccepted")["reason"] == "PolicyNotFound"
    wait_until(lambda: [e["type"] for e in rollout.events() if e["reason"] == "PolicyNotFound"] == ["Warning"], "the Event", rollout.events)
    p("publish", phase="IDLE", followed=1)
    rollout.wait("acceptance", lambda s: rollout.condition("SpecAccepted").get("status") == "True")


def test_kubectl_waits_for_the_new_spec_not_the_old(platform, rollout, declare, kubectl, namespace):
    p = platform()
    p("publish", phase="DONE", stable="7", followed=1)
    kubectl("-n", namespace, "wait", "--for=condition=Complete", "mr/fraud", "--timeout=20s")
    declare(version=8)
    found = []
    waiter = threading.Thread(target=lambda: found.append(kubectl("-n", namespace, "wait", "--for=condition=Complete", "mr/fraud",
                                                                  "--timeout=30s")))
    waiter.start()
    p("publish", phase="DONE", stable="7", followed=1)
    rollout.wait("the new generation", lambda s: s["observedGeneration"] == 2)
    assert rollout.condition("Complete")["status"] == "False" and not found
    p("publish", phase="DONE", stable="8", followed=2)
    waiter.join(40)
    assert found and rollout.status()["stable"]["release"] == "8"
    p("publish", phase="ROLLED_BACK", stable="7", followed=2)
    kubectl("-n", namespace, "wait", "--for=condition=RolledBack", "mr/fraud", "--timeout=20s")


def test_a_time_of_transition_stays_with_its_status(platform, rollout):
    p = platform()
    p("publish", phase="DONE", stable="7", followed=1)
    rollout.wait("Complete", lambda s: rollout.condition("Complete").get("status") == "True")
    since = rollout.condition("Complete")["lastTransitionTime"]
    p.close()
    p = platform()
    p("publish", phase="DONE", stable="7", followed=1, note="another")
    p("publish", phase="DONE", stable="6", followed=1)
    rollout.wait("another stable", lambda s: s["stable"]["release"] == "6")
    assert rollout.condition("Complete")["lastTransitionTime"] == since


def test_people_read_columns_and_explanations(platform, rollout, kubectl, namespace):
    p = platform()
    p("publish", phase="ROLLED_BACK", stable="7.1", followed=1)
    rollout.wait("the status", lambda s: s.get("phase"))
    head, line = kubectl("-n", namespace, "get", "mr").splitlines()
    assert head.split() == ["NAME", "PHASE", "STABLE", "CANDIDATE", "STEP", "WEIGHT", "VERDICT", "AGE"]
    assert line.split()[:3] == ["fraud", "RolledBack", "7.1"]
    assert "MESSAGE" in kubectl("-n", namespace, "get", "modelrollouts", "-o", "wide")
    assert "fraud" in kubectl("-n", namespace, "get", "all")
    assert "like 90s, 5m or 1h30m" in wait_until(
        lambda: "hold" in (text := kubectl("explain", "mr.spec.strategy.canary.steps", check=False)) and text, "the explanation")


def test_a_mark_is_taken_away_only_if_it_is_the_one(platform, rollout):
    rollout.annotate(at="2026-01-01", by="ann")
    p = platform()
    p("unmark", mark="2025-12-31")
    p("unmark", mark="2026-01-01")
    wait_until(lambda: not any("sluice" in k for k in rollout.get()["metadata"].get("annotations", {})), "no mark", rollout.get)


def test_another_leads_when_the_first_is_gone(platform, rollout):
    p = platform()
    revision = save(p, "one", 0)
    p.process.send_signal(signal.SIGSTOP)  # it does not know yet
    try:
        started = time.monotonic()
        other = platform()
        assert time.monotonic() - started < 10 + 2 + 1
        (record,) = other("load")["records"].values()
        save(other, "two", record["revision"])
    finally:
        p.process.send_signal(signal.SIGCONT)
    p.say("save", record="mine", expected=revision)
    assert p.process.wait(10) == DEPOSED
    assert rollout.status()["record"] == "two"


def test_the_leaders_pod_is_the_one_that_is_labelled(platform, rollout, api, namespace, cluster, tmp_path):
    pods = f"/api/v1/namespaces/{namespace}/pods"
    for n, labels in enumerate([{"sluice.dev/leader": "true"}, {}, {"sluice.dev/leader": "true", "other": "yes"}]):
        api("POST", pods, {"metadata": {"name": f"rolloutd-{n}", "labels": labels},
                           "spec": {"schedulerName": "nobody", "containers": [{"name": "rolloutd", "image": "none"}]}})
    config = json.loads(pathlib.Path(cluster.kubeconfig).read_text())
    config["contexts"][0]["context"]["namespace"] = namespace
    path = tmp_path / "home.kubeconfig"
    path.write_text(json.dumps(config))
    platform(path, "http://registry", "token", "rolloutd-1")

    def labelled():
        return {p["metadata"]["name"] for p in api.get(pods)["items"] if p["metadata"].get("labels", {}).get("sluice.dev/leader")}

    wait_until(lambda: labelled() == {"rolloutd-1"}, "the label", labelled)


def test_a_deleted_rollout_is_gone(platform, rollout, api):
    p = platform()
    save(p, "one", 0)
    api("DELETE", rollout.path)
    p.until(lambda lines: any("gone" in line for line in lines), "that it is gone")
    assert p("save", record="two", expected=1)["failure"] == "NOT_FOUND"


@pytest.mark.parametrize("spec, says", [
    ({"strategy": {"canary": {"steps": [{"weight": 25}, {"weight": 5}]}}}, "must be above that of the step before it"),
    ({"strategy": {"canary": {"steps": [{"weight": 0.001}, {"weight": 100}]}}}, "finer than 0.01"),
    ({"autoscaling": {"maxReplicas": 3}}, "exclude each other"),
    ({"route": {"mode": "Adopted"}}, "must name the route's two Services"),
    ({"template": {"containers": [{"name": "web", "image": "i"}]}}, "one of them must be named scorer"),
    ({"template": {"containers": [{"name": "scorer"}]}}, "image is missing"),
])
def test_what_the_schema_lets_pass_has_a_sentence(platform, declare, spec, says):
    declare(**spec)
    p = platform()
    (line,) = p.until(lambda lines: [line for line in lines if "wanted" in line], "the announcement")
    assert says in line["invalid"]


@pytest.mark.parametrize("spec, says", [
    ({"version": 0}, "greater than or equal to 1"),
    ({"alias": "champion"}, "oneOf"),
    ({"strategy": {"canary": {"steps": [{"weight": 101}]}}}, "less than or equal to 100"),
    ({"strategy": {"canary": {"steps": [{"weight": 100, "hold": "5 minutes"}]}}}, "hold"),
    ({"strategy": {"canary": {"steps": []}}}, "at least 1 items"),
    ({"replicas": 0}, "greater than or equal to 1"),
    ({"surge": 200}, "less than or equal to 100"),
    ({"route": {"mode": "Stolen"}}, "Owned"),
    ({"route": {"parentRefs": [{"name": "g"}], "port": 70000}}, "65535"),
    ({"route": {"mode": "Adopted", "backends": ["a"]}}, "at least 2 items"),
])
def test_the_schema_refuses_what_it_can(declare, spec, says):
    with pytest.raises(Exception) as refused:
        declare(**spec)
    assert says in str(refused.value)


def test_the_younger_of_two_on_one_route_waits(platform, rollout, api):
    other = json.loads(json.dumps(rollout.get()))
    other["metadata"] = {"name": "younger"}
    other["spec"]["route"]["name"] = "fraud"
    # Times of creation are in whole seconds.
    wait_until(lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()) > rollout.get()["metadata"]["creationTimestamp"], "a second")
    api("POST", rollout.path.rsplit("/", 1)[0], other)
    p = platform()
    lines = p.until(lambda lines: len(w := [line for line in lines if "wanted" in line]) == 2 and w, "both")
    invalid = {line["wanted"].split(".")[1]: line["invalid"] for line in lines}
    assert invalid == {"fraud": "", "younger": "fraud, which is older, has the route fraud"}
    p.say("publish", target=f"{p.namespace}.younger", phase="IDLE")
    younger = Rollout(api, p.namespace)
    younger.path = rollout.path.replace("/fraud", "/younger")
    younger.wait("the condition", lambda s: younger.condition("SpecAccepted").get("reason") == "RouteConflict")
    api("DELETE", rollout.path)
    p.until(lambda lines: any(line.get("wanted", "").endswith("younger") and not line["invalid"] for line in lines), "its turn")
