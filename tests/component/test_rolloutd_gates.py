"""Gates that compare what is predicted and what is missing, by real scorers' counters in a real Prometheus."""

import http.client
import json
import os
import random
import threading
import time

import numpy
import pytest
import xgboost

from rollouts import Prometheus, Rollouts
from sluice import BIN, free_port, http as call, wait_until

LABELS = 'target="{{target}}",version="{{release}}"'
POLICY = """
name: compared
summary: predictions, their mean and missing features
steps:
  - { weight: 50, hold: 4s }
  - { weight: 100, hold: 1s }
gates:
  promql:
    - name: predictions
      query: 'sum by (le) (scorer_predictions_bucket{LABELS,output="0"})'
      by: le
      max_ratio: 1.5
      slack_percent: 2
    - name: null-features
      query: 'sum(scorer_null_features_total{LABELS})'
      of: 'sum(scorer_features_total{LABELS})'
      max_ratio: 1.5
    - name: mean-score
      query: 'sum(scorer_predictions_sum{LABELS})'
      of: 'sum(scorer_predictions_count{LABELS})'
      max_change_percent: 100
      min_change_percent: -80
min_requests: 15
start_deadline: 20s
""".replace("LABELS", LABELS)
PATIENT = POLICY.replace("name: compared", "name: patient").replace("hold: 4s", "hold: 5m")  # a busy machine may take its time
# Rows with other nulls have other scores too: this one asks about nulls alone.
HEAD = PATIENT[:PATIENT.index("    - name: predictions")].replace("name: patient", "name: nulls")
NULLS = HEAD + PATIENT[PATIENT.index("    - name: null-features"):PATIENT.index("    - name: mean-score")] + "min_requests: 15\n"
FEATURES, ROWS = 3, 5


def train(seed, threshold):
    """A model that says how likely it is that the first feature is above the threshold."""
    rng = numpy.random.default_rng(seed)
    x = rng.normal(size=(2000, FEATURES))
    label = x[:, 0] + 0.7 * rng.normal(size=2000) > threshold
    return bytes(xgboost.train({"objective": "binary:logistic", "nthread": 1, "max_depth": 3, "eta": 0.3},
                               xgboost.DMatrix(x, label=label), 15).save_raw("ubj"))


MODELS = {"stable": train(1, 0), "trained anew": train(2, 0), "another": train(3, -1.2)}


class Scored:
    """Clients that send rows, one feature in twenty missing, until stop(); to a port of their choice."""

    def __init__(self, model, port, missing=0.05, clients=3):
        self.model, self.port, self.missing, self.going = model, port, missing, True
        self.threads = [threading.Thread(target=self.client, args=(i,), daemon=True) for i in range(clients)]
        for t in self.threads:
            t.start()

    def client(self, seed):
        rnd = random.Random(seed)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        while self.going:
            data = [None if rnd.random() < self.missing else rnd.gauss(0, 1) for _ in range(ROWS * FEATURES)]
            body = {"inputs": [{"name": "rows", "shape": [ROWS, FEATURES], "datatype": "FP32", "data": data}]}
            try:
                connection.request("POST", f"/v2/models/{self.model}/infer", json.dumps(body), {"Content-Type": "application/json"})
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                connection.close()
                time.sleep(0.05)
            time.sleep(0.02)
        connection.close()

    def stop(self):
        self.going = False
        for t in self.threads:
            t.join()


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
    r = Rollouts(tmp_path, registry, prometheus.url, "--scorer-bin", BIN / "scorer", port=rollout_port,
                 scorer_ports=24000 + os.getpid() % 400 * 10)
    r.clients = []
    try:
        r.policy("compared", POLICY)
        r.policy("patient", PATIENT)
        r.policy("nulls", NULLS)
        r.daemon.start()
        yield r
    finally:
        for c in r.clients:
            c.stop()
        r.close()
        print(r.daemon.log_text())


def begin(rollouts, registry, name, candidate, policy):
    """A rollout of the candidate over "stable", with traffic; its first step has begun."""
    registry.model(name)
    for data in (MODELS["stable"], MODELS[candidate]):
        registry.version(name, [{"path": "model.ubj", "digest": registry.push(data), "size": len(data)}])
    rollouts.serve(name)
    rollouts.clients.append(Scored(name, rollouts.traffic_port))
    rollouts.ask(name, version=2, policy=policy)
    wait_until(lambda: rollouts("POST", f"/v1/rollouts/{name}/promote", json={}).status == 202, "it may begin", 20)


def gates(rollouts, name):
    return {g["gate"]: g for g in rollouts("GET", f"/v1/rollouts/{name}/explain").body["gates"]}


def test_a_model_that_was_trained_anew_goes_on(rollouts, registry):
    begin(rollouts, registry, "gates-anew", "trained anew", "compared")
    rollouts.wait("gates-anew", "it is done", 60, phase="DONE", stable=2)
    seen = gates(rollouts, "gates-anew")
    assert {g: seen[g]["kind"] for g in seen} == {"predictions": "drift", "null-features": "ratio", "mean-score": "mean"}
    for gate in seen.values():
        assert gate["state"] == "healthy" and gate["evidence"] < gate["evidence_needed"] and gate["p"] > gate["false_rollback_percent"] / 100
        assert abs(gate["false_rollback_percent"] - 1 / 4) < 1e-9
    assert seen["predictions"]["candidate"]["of"] > 100 and seen["predictions"]["stable"]["of"] > 100
    nulls = seen["null-features"]["stable"]
    assert 0.02 < nulls["bad"] / nulls["of"] < 0.1
    assert seen["mean-score"]["pairs"] >= 5 and 0.3 < seen["mean-score"]["stable_mean"] < 0.7


def test_a_model_that_predicts_something_else_is_rolled_back(rollouts, registry):
    begin(rollouts, registry, "gates-drift", "another", "patient")
    back = rollouts.wait("gates-drift", "it is back", 60, phase="ROLLED_BACK", stable=1)
    assert back["verdict"]["gate"] == "predictions", back["verdict"]
    numbers = back["verdict"]["numbers"]
    assert numbers["evidence"] >= numbers["evidence_needed"] == 400 and numbers["candidate_of"] > 0 and numbers["max_ratio"] == 1.5
    assert "predictions of the candidate" in back["verdict"]["reason"]
    seen = gates(rollouts, "gates-drift")
    assert seen["predictions"]["state"] == "breach" and seen["predictions"]["class"]
    assert seen["null-features"]["state"] != "breach"


def test_features_that_stop_coming_are_found_and_a_restart_forgets_nothing(rollouts, registry):
    begin(rollouts, registry, "gates-nulls", "trained anew", "nulls")
    wait_until(lambda: gates(rollouts, "gates-nulls")["null-features"]["candidate"]["of"] > 0, "something is compared", 30)
    before = gates(rollouts, "gates-nulls")["null-features"]["candidate"]["of"]
    assert 'version="2"' in gates(rollouts, "gates-nulls")["null-features"]["query"]
    rollouts.daemon.kill()
    rollouts.daemon.start()
    wait_until(lambda: gates(rollouts, "gates-nulls")["null-features"]["candidate"]["of"] >= before, "it remembers", 30)
    # Whoever brings this version its features brings no more: rows straight to its scorer, in the same shape.
    found = call("GET", rollouts.daemon.url + "/v1/discovery/prometheus", token=registry.token("admin")).body
    mine = [t for t in found if t["labels"]["target"] == "gates-nulls" and t["labels"]["version"] == "2"]
    port = int(mine[0]["targets"][0].rsplit(":", 1)[1])
    rollouts.clients.append(Scored("gates-nulls", port, missing=0.6))
    back = rollouts.wait("gates-nulls", "it is back", 60, phase="ROLLED_BACK", stable=1)
    assert back["verdict"]["gate"] == "null-features", back["verdict"]
    seen = gates(rollouts, "gates-nulls")["null-features"]
    assert seen["state"] == "breach" and seen["ratio"]["low"] >= 1.25
