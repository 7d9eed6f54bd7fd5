"""The scorer as a process: what it says about itself, how it loads, refuses, drains."""

import http.client
import json
import signal
import threading

import numpy
import pytest
import xgboost

from fake_registry import FakeRegistry
from sluice import wait_until

INFER = "/v2/models/model/infer"
NAMES = ["age", "income", "home_ownership"]
GOOD = {"id": "42", "inputs": [{"name": "rows", "shape": [2, 3], "datatype": "FP32", "data": [[1, 2, None], [0.5, 1, 3]]}]}


@pytest.fixture(scope="module")
def model_bytes(tmp_path_factory):
    rng = numpy.random.default_rng(5)
    x = rng.normal(size=(300, 3))
    path = tmp_path_factory.mktemp("model") / "model.ubj"
    xgboost.train({"objective": "binary:logistic", "nthread": 1, "max_depth": 3},
                  xgboost.DMatrix(x, label=x[:, 0] > 0, feature_names=NAMES), 5).save_model(path)
    return path.read_bytes()


@pytest.fixture
def model_file(tmp_path, model_bytes):
    path = tmp_path / "model.ubj"
    path.write_bytes(model_bytes)
    return path


@pytest.fixture
def fake(model_bytes):
    registry = FakeRegistry("credit", 3, {"model.ubj": model_bytes, "notes.txt": b"hello"}, token="slc_secret")
    yield registry
    registry.close()


def local(daemons, model_file, *args, **kwargs):
    return daemons("scorer", "--model-file", model_file, *args, ready="/v2/health/ready", **kwargs)


def remote(daemons, tmp_path, fake, *args):
    token = tmp_path / "token"
    token.write_text("slc_secret\n")
    return daemons("scorer", "--registry", fake.url, "--registry-token-file", token, "--model", "credit", "--version", 3, *args,
                   ready="/v2/health/ready")


def samples(scorer, name):
    text = scorer.http("GET", "/metrics").body.decode()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name)}


def test_it_describes_itself(daemons, model_file):
    s = local(daemons, model_file, "--model", "credit", "--version", 7, "--output-name", "pd").start()
    assert s.http("GET", "/v2/health/live").body == {"live": True}
    assert s.http("GET", "/v2/health/ready").body == {"live": True, "ready": True}
    assert s.http("GET", "/v2").body["name"] == "sluice-scorer"
    want = {"name": "credit", "versions": ["7"], "platform": "xgboost",
            "inputs": [{"name": n, "datatype": "FP32", "shape": [-1, 1]} for n in NAMES],
            "outputs": [{"name": "pd", "datatype": "FP32", "shape": [-1]}]}
    assert s.http("GET", "/v2/models/credit").body == want
    assert s.http("GET", "/v2/models/credit/versions/7").body == want
    assert s.http("GET", "/v2/models/credit/ready").body == {"name": "credit", "ready": True}
    assert s.http("GET", "/v2/models/credit/versions/7/ready").status == 200


def test_an_answer_has_id_version_and_exact_content_type(daemons, model_file):
    s = local(daemons, model_file).start()
    for path in (INFER, "/v2/models/model/versions/1/infer"):
        r = s.http("POST", path, json=GOOD)
        assert r.status == 200
        assert r.headers["Content-Type"] == "application/json"
        assert r.headers["X-Sluice-Version"] == "1"
        assert (r.body["model_name"], r.body["model_version"], r.body["id"]) == ("model", "1", "42")
        output, = r.body["outputs"]
        assert (output["name"], output["datatype"], output["shape"], len(output["data"])) == ("predict", "FP32", [2], 2)


@pytest.mark.parametrize("path,body,status,error", [
    ("/v2/models/other/infer", GOOD, 404, 'there is no model "other" here; this scorer serves "model"'),
    ("/v2/models/model/versions/2/infer", GOOD, 404, 'version "2" of "model" is not here; this scorer serves version 1'),
    (INFER, {}, 400, "the request has no inputs"),
    (INFER, {"inputs": [{"name": n, "shape": [1], "datatype": "FP32", "data": [1]} for n in NAMES[:2]]}, 400, 'missing input "home_ownership"'),
    (INFER, {"inputs": [{"name": n, "shape": [1], "datatype": "FP32", "data": [1]} for n in NAMES + ["zip"]]}, 400, 'unexpected input "zip"'),
    (INFER, {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}, 400, "expected 3 columns, got 4"),
    (INFER, {"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, float("inf"), 3]}]}, 400,
     'input "x": byte 83: data[1] is infinite; missing values are null or NaN'),
    (INFER, {"inputs": [{"name": "x", "shape": [3, 3], "datatype": "FP32", "data": [0] * 9}]}, 400, "the request has 3 rows, at most 2 are taken"),
    (INFER, {"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [0] * 999}]}, 413, "the body is over 1024 bytes"),
])
def test_errors_are_the_protocols(daemons, model_file, path, body, status, error):
    s = local(daemons, model_file, "--max-rows", 2, "--max-body", "1KiB").start()
    r = s.http("POST", path, json=body)
    assert (r.status, r.body) == (status, {"error": error})
    assert r.headers["Content-Type"] == "application/json"
    assert r.headers["X-Sluice-Version"] == "1"


def test_only_inference_is_counted_by_code(daemons, model_file, promtool):
    s = local(daemons, model_file).start()
    s.http("GET", "/v2/models/model")
    s.http("GET", "/nothing")
    for body in (GOOD, GOOD, {}):
        s.http("POST", INFER, json=body)
    s.http("POST", "/v2/models/other/infer", json=GOOD)
    count = "scorer_requests_total{model=\"model\",version=\"1\",code=\"%s\"}"
    wait_until(lambda: samples(s, "scorer_requests_total")[count % 404] == 1, "all are counted")
    got = samples(s, "scorer_requests_total")
    assert (got[count % 200], got[count % 400], got[count % 500]) == (2, 1, 0)
    assert sum(got.values()) == 4
    assert samples(s, "scorer_request_duration_seconds_count")['scorer_request_duration_seconds_count{model="model",version="1"}'] == 4
    promtool(s.http("GET", "/metrics").body.decode())
    assert samples(s, "scorer_ready") == {'scorer_ready{model="model",version="1"}': 1}


def test_what_is_scored_is_counted(daemons, model_file, promtool):
    s = local(daemons, model_file).start()
    labels = 'model="model",version="1"'
    assert samples(s, "scorer_features_total") == {f"scorer_features_total{{{labels}}}": 0}  # golden rows and warming up do not count
    rows = {"inputs": [{"name": "x", "shape": [2, 3], "datatype": "FP32", "data": [1, None, 3, None, float("nan"), 6]}]}
    scores = s.http("POST", INFER, json=rows).body["outputs"][0]["data"]
    s.http("POST", INFER, json={})
    s.http("POST", INFER, json=rows)
    assert samples(s, "scorer_features_total") == {f"scorer_features_total{{{labels}}}": 12}
    assert samples(s, "scorer_null_features_total") == {f"scorer_null_features_total{{{labels}}}": 6}
    seen = samples(s, "scorer_predictions")
    assert seen[f'scorer_predictions_count{{{labels},output="0"}}'] == 4
    assert abs(seen[f'scorer_predictions_sum{{{labels},output="0"}}'] - 2 * sum(scores)) < 1e-6
    for bound in ("0.01", "0.5", "0.99", "+Inf"):
        assert seen[f'scorer_predictions_bucket{{{labels},output="0",le="{bound}"}}'] == 2 * sum(p <= float(bound) for p in scores)
    promtool(s.http("GET", "/metrics").body.decode())


def test_it_fetches_and_verifies_a_version(daemons, tmp_path, fake):
    s = remote(daemons, tmp_path, fake).start()
    r = s.http("POST", "/v2/models/credit/versions/3/infer", json=GOOD)
    assert r.status == 200 and r.body["model_version"] == "3"
    info, = samples(s, "scorer_model_info")
    assert fake.digest in info and "binary:logistic" in info
    assert set(fake.served) == {"manifest", "model.ubj", "notes.txt"}


def test_it_is_alive_but_not_ready_until_the_registry_answers(daemons, tmp_path, fake):
    fake.fail_first = 3
    s = remote(daemons, tmp_path, fake)
    fake.hold.clear()
    s.launch()
    wait_until(lambda: _status(s, "/v2/health/live") == 200, "it is alive")
    assert _status(s, "/v2/health/ready") == 503
    r = s.http("POST", "/v2/models/credit/infer", json=GOOD)
    assert r.status == 503 and r.body == {"error": "the model is being loaded"} and r.headers["Retry-After"]
    fake.hold.set()
    wait_until(lambda: _status(s, "/v2/health/ready") == 200, "it is ready")
    assert any(line["msg"] == "the registry answers again" for line in s.log_lines())


def _status(s, path):
    try:
        return s.http("GET", path, timeout=5).status
    except OSError:
        return None


def last_error(s):
    return [line for line in s.log_lines() if line["level"] == "error"][-1]["error"]


@pytest.mark.parametrize("fault,code,error", [
    ("wrong bytes", 2, "its bytes have digest"),
    ("too short", 2, "the manifest says"),
    ("too long", 2, "it is longer than the"),
    ("changed manifest", 2, "the manifest has digest"),
    ("another version", 2, 'the registry answered with version 4 of "credit"'),
    ("no json", 2, "version: line 1"),
    ("wrong token", 3, "fetch the version"),
    ("unknown", 4, "there is no version 3"),
    ("cut off", 6, ""),
    ("down", 6, ""),
])
def test_a_faulty_registry_is_one_clear_error(daemons, tmp_path, fake, fault, code, error):
    fake.fault = fault
    s = remote(daemons, tmp_path, fake, "--registry-wait", "300ms").launch()
    assert s.wait() == code
    assert last_error(s).startswith('version 3 of "credit": ')
    assert error in last_error(s)
    if "bytes" in fault or "too" in fault:
        assert 'file "model.ubj"' in last_error(s)


def test_a_version_over_max_size_is_not_downloaded(daemons, tmp_path, fake):
    s = remote(daemons, tmp_path, fake, "--max-size", "100").launch()
    assert s.wait() == 2
    assert last_error(s) == 'version 3 of "credit": the version\'s files are over the 100 bytes of max_size'
    assert fake.served == ["manifest"]


def test_sigterm_ends_the_wait_for_a_registry(daemons, tmp_path, fake):
    fake.fault = "down"
    s = remote(daemons, tmp_path, fake, "--registry-wait", "10m").launch()
    wait_until(lambda: any(line["msg"] == "trying again" for line in s.log_lines()), "it waits")
    assert s.stop() == 0


@pytest.mark.parametrize("change,error", [
    (lambda m: m["learner"]["objective"].update(name="rank:ndcg"), "learner.objective.name: \"rank:ndcg\" is not supported"),
    (lambda m: m["learner"]["gradient_booster"]["model"]["trees"][3]["split_type"].__setitem__(0, 1),
     "learner.gradient_booster.model.trees[3].split_type[0]: is 1; only numeric splits (0) are supported"),
    (lambda m: m["learner"].update(extra=1), "learner.extra: is not a field that this scorer understands"),
])
def test_a_model_that_is_not_understood_is_refused(daemons, tmp_path, model_file, change, error):
    path = tmp_path / "changed.json"
    xgboost.Booster(model_file=model_file).save_model(path)
    model = json.loads(path.read_text())
    change(model)
    path.write_text(json.dumps(model))
    s = local(daemons, path).launch()
    assert s.wait() == 2
    assert last_error(s).startswith(f"the model {path} is refused: {error}")


@pytest.mark.parametrize("args,error", [
    ([], "registry, model and version say what to serve; or model_file does"),
    (["--model", "Credit!", "--version", "1"], "model"),
    (["--model", "credit", "--version", "@champion"], "version"),
    (["--model", "credit", "--version", "1", "--max-rows", "0"], "max_rows must be from 1 to 65536, not 0"),
])
def test_settings_are_checked_first(daemons, args, error):
    s = daemons("scorer", *args).launch()
    assert s.wait() == 2
    assert error in last_error(s)


class Client(threading.Thread):
    """A keep-alive client that goes away when it is asked to, as routers do, and counts what it never got an answer to."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.answered, self.lost, self.not_ok, self.asked_to_leave = port, 0, [], [], False

    def run(self):
        body = json.dumps(GOOD)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self.asked_to_leave:
            try:
                connection.request("POST", INFER, body)
                r = connection.getresponse()
                r.read()
            except (OSError, http.client.HTTPException) as e:
                self.lost.append(repr(e))
                return
            self.answered += 1
            if r.status != 200:
                self.not_ok.append(r.status)
            self.asked_to_leave = r.headers["Connection"] == "close"
        connection.close()


def test_sigterm_under_load_loses_no_request(daemons, model_file):
    s = local(daemons, model_file, "--drain-delay", "400ms").start()
    clients = [Client(s.port) for _ in range(8)]
    for c in clients:
        c.start()
    wait_until(lambda: all(c.answered > 20 for c in clients), "the load is on")
    s.process.send_signal(signal.SIGTERM)
    wait_until(lambda: _status(s, "/v2/health/ready") == 503, "readiness goes off first")
    before = [c.answered for c in clients]
    assert s.wait() == 0
    for c in clients:
        c.join(10)
    assert [c.lost for c in clients] == [[]] * len(clients)
    assert [c.not_ok for c in clients] == [[]] * len(clients)
    assert all(c.asked_to_leave for c in clients), "each was asked to leave by an answer"
    assert sum(c.answered for c in clients) > sum(before), "it served on while routers took notice"


def test_a_second_sigterm_ends_it_at_once(daemons, model_file):
    s = local(daemons, model_file, "--drain-delay", "10m").start()
    s.process.send_signal(signal.SIGTERM)
    wait_until(lambda: _status(s, "/v2/health/ready") == 503, "it drains")
    s.process.send_signal(signal.SIGTERM)
    assert s.wait(5) == 0
