"""The Kayenta gate against a real Prometheus: it passes, it rolls back, and it holds where there is nothing to judge."""

import pytest

from rollouts import Prometheus, Rollouts
from sluice import free_port, wait_until

POLICY = """
name: kayenta
summary: judged as Kayenta does
steps:
  - {{ weight: 50, hold: 1s, pause: true }}
  - {{ weight: 100, hold: 1s }}
gates:
  kayenta:
    interval: 1s
    points: 6
    metrics:
{metrics}
min_requests: 15
start_deadline: 20s
"""
LABELS = 'target="{{target}}",version="{{release}}"'
UP = "      - { name: up, query: 'sum(up{%s})', direction: decrease, critical: true }" % LABELS
LATENCY = """      - name: latency
        query: >-
          sum(rate(scorer_request_duration_seconds_sum{%s}[2s])) / sum(rate(scorer_request_duration_seconds_count{%s}[2s]))
        direction: increase
        allowed_increase: 1.5""" % (LABELS, LABELS)
BROKEN = "      - { name: broken, query: 'sum(up{%s}' }" % LABELS
NOTHING = "      - { name: nothing, query: 'no_such_metric{%s}' }" % LABELS


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
        yield r
    finally:
        r.close()
        print(r.daemon.log_text())


@pytest.fixture
def model(registry, request):
    name = "kayenta-" + request.node.name.replace("_", "-").replace("[", "-").replace("]", "").lower()[-40:].strip("-")
    registry.model(name)
    for n in range(1, 3):
        registry.version(name, registry.files(model_ubj=f"{name} {n}".encode()))
    return name


def begin(rollouts, model, *metrics):
    rollouts.policy("kayenta", POLICY.format(metrics="\n".join(metrics)))
    rollouts.daemon.start()
    rollouts.serve(model)
    rollouts.load(model)
    rollouts.ask(model, version=2, policy="kayenta")
    wait_until(lambda: rollouts("POST", f"/v1/rollouts/{model}/promote", json={}).status == 202, "it may begin", 20)


def gate_of(rollouts, model):
    explained = rollouts("GET", f"/v1/rollouts/{model}/explain").body
    return next(g for g in explained["gates"] if g["gate"] == "kayenta")


def says(rollouts, model, sentence):
    wait_until(lambda: sentence in (gate_of(rollouts, model)["says"] or ""), sentence, 60)


def test_what_passes_goes_on_and_shows_its_score(rollouts, model):
    begin(rollouts, model, UP)
    wait_until(lambda: "waits until somebody promotes" in rollouts.get(model)["message"], "its gates have passed", 60)
    gate = gate_of(rollouts, model)
    assert gate["state"] == "healthy" and gate["score"] == 100 and gate["points"] >= gate["points_needed"] == 6
    assert gate["groups"] == [{"name": "metrics", "weight": None, "score": 100}]
    metric = gate["metrics"][0]
    assert metric["classification"] == "pass" and metric["critical"] and metric["ratio"] == 1
    assert metric["candidate_points"] >= 1 and metric["stable_points"] >= 1 and 'version="2"' in metric["query"]
    verdict = rollouts.get(model)["verdict"]
    assert verdict["state"] == "healthy" and verdict["numbers"]["kayenta_score"] == 100
    rollouts.ask(model, "/promote")
    rollouts.wait(model, "it is done", phase="DONE", stable=2)


def test_what_fails_is_rolled_back(rollouts, model):
    rollouts.behave(2, delay_ms=60)
    begin(rollouts, model, LATENCY)
    back = rollouts.wait(model, "it is back", 60, phase="ROLLED_BACK", stable=1)
    assert back["verdict"]["gate"] == "kayenta" and back["verdict"]["numbers"]["kayenta_score"] == 0
    assert "kayenta: the score is 0, below 50: latency is high" in back["message"]
    gate = gate_of(rollouts, model)
    assert gate["state"] == "breach" and gate["metrics"][0]["classification"] == "high" and gate["metrics"][0]["ratio"] > 1.5


@pytest.mark.parametrize(
    "metrics, sentence",
    [((UP, BROKEN), "broken: Prometheus says: "), ((UP, NOTHING), "1 of 2 metrics have no data")],
    ids=["broken", "nothing"],
)
def test_what_cannot_be_judged_holds_and_says_why(rollouts, model, metrics, sentence):
    begin(rollouts, model, *metrics)
    says(rollouts, model, sentence)
    seen = rollouts.get(model)
    assert seen["phase"] == "CANARY" and seen["step"] == 0
    wait_until(lambda: f"no evidence: kayenta: {sentence}" in rollouts.get(model)["message"], "the message says so", 60)
