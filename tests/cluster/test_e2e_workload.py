"""What runs, end to end: real scorers that check their golden rows, restart without the registry, and Services that come and go."""
import json
import pathlib

import numpy
import pytest
import xgboost

from waiting import wait_until

ROOT = pathlib.Path(__file__).parents[2]


def golden(model, off=0.0):
    """Rows with the scores that XGBoost gives them, or others."""
    booster = xgboost.Booster()
    booster.load_model(str(model))
    width = booster.num_features()
    rows = numpy.arange(3 * width, dtype=float).reshape(3, width)
    return "".join(json.dumps({
        "inputs": [{"name": "rows", "shape": [1, width], "datatype": "FP32", "data": list(row)}],
        "outputs": [{"name": "predict", "shape": [1], "datatype": "FP32", "data": [float(score) + off]}]}) + "\n"
        for row, score in zip(rows, booster.predict(xgboost.DMatrix(rows, feature_names=booster.feature_names))))


@pytest.fixture
def scoring(site):
    """A site whose versions are models that a real scorer loads; the second one's golden rows are not what it scores."""
    name = f"{site.model}-real"
    site.registry.model(name)
    for file, off in (("v2.ubj", 0.0), ("v3.ubj", 0.25)):
        path = ROOT / "demo/models" / file
        site.registry.version(name, site.registry.files(model_ubj=path.read_bytes(), golden_jsonl=golden(path, off).encode()))
    site.start()
    site.create(model=name, template=site.template(image="sluice/scorer:test"))
    site.at_rest(1)
    return site


def scorer_log(site, pod):
    text = site.base.kubelet.logs(site.namespace, pod["metadata"]["name"], "scorer")
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_a_version_that_scores_differently_gets_no_traffic(scoring):
    scoring.change(version=2)
    scoring.wait("2 is the candidate", candidate="2")
    wait_until(lambda: "golden rows, line 1" in json.dumps(scoring.status()), "the reason is in the status", scoring.explain)
    scoring.at_rest(1)
    assert scoring.share("2") == 0 and scoring.share("1") == 100
    assert not any(e["weight"] for e in scoring.history() if e["candidate"] == 2)


def test_a_container_that_is_restarted_needs_no_registry(scoring):
    pod, = scoring.pods("1")
    assert [line["from"] for line in scorer_log(scoring, pod) if line["msg"] == "ready"] == ["registry"]
    path = f"/api/v1/namespaces/{scoring.namespace}/pods/{pod['metadata']['name']}"
    scoring.api.patch(path, {"metadata": {"annotations": {"test.sluice.dev/crash": "now"}}})
    wait_until(lambda: scoring.api.get(path)["status"]["containerStatuses"][0]["restartCount"] == 1, "a restart", scoring.explain)
    ready = [{"golden_rows": line["golden_rows"], "from": line["from"]} for line in wait_until(
        lambda: (lambda r: len(r) == 2 and r)([x for x in scorer_log(scoring, pod) if x["msg"] == "ready"]), "it is ready again")]
    assert ready == [{"golden_rows": "3", "from": "registry"}, {"golden_rows": "3", "from": "cache"}]


def test_services_come_and_go_with_what_they_are_for(site):
    services = f"/api/v1/namespaces/{site.namespace}/services"
    site.start()
    site.serving(1)
    load = site.load()
    site.begin(2)
    assert site.api.get(f"{services}/fraud-preview")["spec"]["selector"]["sluice.dev/release"] == "2"
    site.steer("fraud", "promote", full=True)
    site.at_rest(2)
    wait_until(lambda: site.api.get(f"{services}/fraud-preview") is None, "the preview ends with the rollout")
    assert load.stop() == []
    site.api("DELETE", f"{services}/fraud-v2")
    wait_until(lambda: site.api.get(f"{services}/fraud-v2"), "it is made again", site.explain)
