"""The scorer serves what a real registryd holds, and nothing that was changed behind its back."""

import numpy
import pytest
import xgboost

from sluice import wait_until

READY = "/v2/health/ready"


@pytest.fixture(scope="module")
def model_bytes(tmp_path_factory):
    rng = numpy.random.default_rng(9)
    x = rng.normal(size=(300, 2))
    path = tmp_path_factory.mktemp("model") / "model.ubj"
    xgboost.train({"objective": "reg:squarederror", "nthread": 1}, xgboost.DMatrix(x, label=x[:, 1], feature_names=["a", "b"]), 4).save_model(path)
    return path.read_bytes()


@pytest.fixture
def start(daemons, tmp_path, registry):
    def make(model, version, *args, role="reader"):
        token = tmp_path / "token"
        token.write_text(registry.token(role) + "\n")
        return daemons("scorer", "--registry", registry.daemon.url + "/", "--registry-token-file", token, "--model", model,
                       "--version", version, *args, ready=READY)

    return make


def infer(s, model):
    return s.http("POST", f"/v2/models/{model}/infer",
                  json={"inputs": [{"name": n, "shape": [1], "datatype": "FP32", "data": [1.5]} for n in ("a", "b")]})


def test_a_version_is_served(registry, start, model_bytes):
    registry.model("served")
    # Metadata with everything JSON numbers and texts can be, because the digest is computed again from it.
    metadata = {"scorer": {"file": "model.ubj"}, "auc": 0.1 + 0.2, "tiny": 1e-300, "n": 12345678901234567, "é": "\u2028 \"x\"/", "l": [1.0, None]}
    v = registry.version("served", registry.files(model_ubj=model_bytes, other_ubj=b"no model", notes_txt=b""), metadata=metadata)
    s = start("served", v["number"]).start()
    r = infer(s, "served")
    assert r.status == 200 and r.body["model_version"] == str(v["number"])
    assert v["digest"] in s.http("GET", "/metrics").body.decode()


def test_two_candidates_for_the_model_file_are_refused(registry, start, model_bytes):
    registry.model("ambiguous")
    registry.version("ambiguous", registry.files(model_ubj=model_bytes, other_json=b"{}"))
    s = start("ambiguous", 1).launch()
    assert s.wait() == 2
    assert "metadata.scorer.file has to say which one is the model" in s.log_text()


def test_a_version_that_does_not_exist_ends_with_code_4(registry, start):
    registry.model("empty")
    s = start("empty", 1, "--registry-wait", "10m").launch()
    assert s.wait() == 4


def test_a_token_that_is_not_known_ends_with_code_3(daemons, registry):
    s = daemons("scorer", "--registry", registry.daemon.url, "--model", "served", "--version", 1,
                env={"SLUICE_SCORER_REGISTRY_TOKEN": "slc_wrong"}).launch()
    assert s.wait() == 3
    assert "slc_wrong" not in s.log_text()


def test_it_waits_for_a_registry_that_comes_later(postgres, make_registry, daemons, model_bytes):
    r = make_registry(postgres.new_database()).start()
    r.model("later")
    r.version("later", r.files(model_ubj=model_bytes))
    token = r.token("reader")
    assert r.daemon.stop() == 0
    s = daemons("scorer", "--registry", r.daemon.url, "--model", "later", "--version", 1, ready=READY,
                env={"SLUICE_SCORER_REGISTRY_TOKEN": token}).launch()
    wait_until(lambda: any(line["msg"] == "trying again" for line in s.log_lines()), "it waits")
    r.start()
    wait_until(lambda: s.http("GET", READY).status == 200, "it is ready", 20)
    assert infer(s, "later").status == 200
