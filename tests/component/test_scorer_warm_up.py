"""Before a scorer is ready: golden rows, settled latency, the pinned digest, and starts without a registry."""

import json

import numpy
import pytest
import xgboost

from fake_registry import FakeRegistry
from sluice import wait_until

READY = "/v2/health/ready"
ROWS = [[0.5, 2.0], [1.5, None], [-3.0, 0.25]]


@pytest.fixture(scope="module")
def booster():
    rng = numpy.random.default_rng(7)
    x = rng.normal(size=(300, 2))
    return xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(x, label=x[:, 0] > 0), 5)


@pytest.fixture(scope="module")
def model_bytes(booster, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.ubj"
    booster.save_model(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def golden(booster):
    """One line a row, with the scores of XGBoost itself."""
    scores = booster.predict(xgboost.DMatrix(numpy.array(ROWS, dtype=float)))
    return "".join(json.dumps({
        "inputs": [{"name": "rows", "shape": [1, 2], "datatype": "FP32", "data": row}],
        "outputs": [{"name": "predict", "shape": [1], "datatype": "FP32", "data": [float(score)]}]}) + "\n"
        for row, score in zip(ROWS, scores))


@pytest.fixture
def make_fake(model_bytes):
    made = []

    def make(**files):
        made.append(FakeRegistry("credit", 3, {"model.ubj": model_bytes, **{k.replace("_", "."): v for k, v in files.items()}},
                                 token="slc_secret"))
        return made[-1]

    yield make
    for f in made:
        f.close()


@pytest.fixture
def start(daemons):
    def make(fake, *args):
        return daemons("scorer", "--registry", fake.url, "--model", "credit", "--version", 3, *args, ready=READY,
                       env={"SLUICE_SCORER_REGISTRY_TOKEN": "slc_secret"})
    return make


def gauge(scorer, name):
    line, = [line for line in scorer.http("GET", "/metrics").body.decode().splitlines() if line.startswith(name + "{")]
    return float(line.rsplit(" ", 1)[1])


def last_error(s):
    return [line for line in s.log_lines() if line["level"] == "error"][-1]["error"]


def test_golden_rows_of_the_version_are_scored_before_readiness(start, make_fake, golden):
    s = start(make_fake(golden_jsonl=golden.encode())).start()
    assert gauge(s, "scorer_golden_rows") == 3
    assert gauge(s, "scorer_warm_up_settled") == 1


def test_a_score_that_differs_refuses_the_version(start, make_fake, golden):
    lines = golden.splitlines()
    wrong = json.loads(lines[1])
    wrong["outputs"][0]["data"][0] += 0.01
    s = start(make_fake(golden_jsonl="\n".join([lines[0], json.dumps(wrong)]).encode())).launch()
    assert s.wait() == 2
    assert "the model is refused: golden rows, line 2: row 1: score 1 is" in last_error(s)
    assert not any(line["msg"] == "ready" for line in s.log_lines())


def test_a_tolerance_is_given_by_the_line(start, make_fake, golden):
    line = json.loads(golden.splitlines()[0])
    line["outputs"][0]["data"][0] += 0.01
    s = start(make_fake(golden_jsonl=json.dumps({**line, "tolerance": 0.02}).encode())).start()
    assert gauge(s, "scorer_golden_rows") == 1


def test_a_model_file_is_checked_with_a_golden_file(daemons, tmp_path, model_bytes, golden):
    (tmp_path / "model.ubj").write_bytes(model_bytes)
    (tmp_path / "rows").write_text(golden)
    s = daemons("scorer", "--model-file", tmp_path / "model.ubj", "--golden-file", tmp_path / "rows", "--warm-up-max", "0s",
                ready=READY).start()
    assert gauge(s, "scorer_golden_rows") == 3
    assert gauge(s, "scorer_warm_up_seconds") == 0


def test_a_version_with_another_digest_is_refused(start, make_fake):
    fake = make_fake()
    other = "sha256:" + 64 * "0"
    s = start(fake, "--digest", other).launch()
    assert s.wait() == 2
    assert f"its digest is {fake.digest}, and has to be {other}" in last_error(s)
    start(fake, "--digest", fake.digest).start()


def test_the_cache_stands_in_for_a_registry_that_is_away(start, make_fake, tmp_path, golden):
    fake = make_fake(golden_jsonl=golden.encode(), notes_txt=b"hello")
    cache = ("--cache-dir", tmp_path / "cache")
    start(fake, *cache).start().stop()
    assert len(list((tmp_path / "cache").iterdir())) == 3  # the version, the model, the golden rows
    fake.fault, fake.served = "down", []
    s = start(fake, *cache).start()
    assert gauge(s, "scorer_golden_rows") == 3
    assert any(line["msg"] == "the registry is away: the version is taken from the cache" for line in s.log_lines())
    assert fake.served == []


def test_a_pinned_version_is_taken_from_the_cache_without_asking(start, make_fake, tmp_path):
    fake = make_fake()
    args = ("--cache-dir", tmp_path / "cache", "--digest", fake.digest)
    start(fake, *args).start().stop()
    fake.served = []
    s = start(fake, *args).start()
    assert fake.served == []
    assert not any(line["level"] == "warn" for line in s.log_lines())
    assert [line["from"] for line in s.log_lines() if line["msg"] == "ready"] == ["cache"]


@pytest.mark.parametrize("what", ["blob", "version"])
def test_no_byte_of_the_cache_is_trusted(start, make_fake, tmp_path, what):
    fake = make_fake()
    args = ("--cache-dir", tmp_path / "cache", "--digest", fake.digest)
    start(fake, *args).start().stop()
    for path in (tmp_path / "cache").glob(f"{what}-*"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    fake.served = []
    s = start(fake, *args).start()  # as if there were no such file
    assert ("model.ubj" if what == "blob" else "manifest") in fake.served
    s.stop()
    fake.served = []
    start(fake, *args).start()  # and it is whole again
    assert fake.served == []


def test_a_tampered_cache_is_no_substitute_for_a_registry(start, make_fake, tmp_path):
    fake = make_fake()
    cache = ("--cache-dir", tmp_path / "cache", "--registry-wait", "0s")
    start(fake, *cache).start().stop()
    for path in (tmp_path / "cache").glob("blob-*"):
        path.write_bytes(b"x" * path.stat().st_size)
    fake.fault = "down"
    s = start(fake, *cache).launch()
    assert s.wait() == 6


def test_a_cache_that_cannot_be_written_hinders_nobody(start, make_fake, tmp_path):
    (tmp_path / "file").write_text("")
    s = start(make_fake(), "--cache-dir", tmp_path / "file/cache").start()
    assert any(line["msg"] == "the cache cannot keep a file" for line in s.log_lines())


def test_readiness_says_what_is_being_done(start, make_fake):
    """Probes are answered until the end, and say what is being done."""
    fake = make_fake()
    fake.hold.clear()
    s = start(fake).launch()
    wait_until(lambda: _body(s) == {"error": "the model is being loaded"}, "it says what it does")
    fake.hold.set()
    wait_until(lambda: _body(s) == {"live": True, "ready": True}, "it is ready")


def _body(s):
    try:
        return s.http("GET", READY, timeout=5).body
    except OSError:
        return None
