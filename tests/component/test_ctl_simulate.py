"""ctl simulate: a policy against traffic that is made up or recorded; nothing but files is needed."""
import json
import random
import subprocess
import time

import pytest
from ctl import Ctl
from rollouts import Prometheus
from sluice import ROOT

SMALL = ROOT / "bench/judge/small.yaml"


@pytest.fixture
def ctl(tmp_path):
    return Ctl(tmp_path)


def simulate(ctl, *args):
    doc = json.loads(ctl.run("simulate", SMALL, "--runs", 40, "-o", "json", *args).stdout)
    return {s["name"]: {r["rule"]: r for r in s["rules"]} for s in doc["scenarios"]}


def test_bad_is_found_and_good_is_left_alone(ctl):
    names = simulate(ctl, "--rate", 100, "--errors", "0.5:0.5", "--errors", "0.2:10")
    good, bad = names["100/s, errors 0.5:0.5 %"], names["100/s, errors 0.2:10 %"]
    assert good["sluice"]["rolled_back_percent"] <= 7.5  # 1 % of 40, and what chance may add
    assert good["argo"]["rolled_back_percent"] > 50
    assert bad["sluice"]["rolled_back_percent"] == 100 and bad["sluice"]["median_s"] <= 20


def test_the_same_seed_gives_the_same_numbers(ctl):
    args = ("simulate", SMALL, "--rate", 20, "--errors", "1:3", "--runs", 30)
    one, two = (ctl.run(*args, "--seed", 7).stdout for _ in range(2))
    assert one == two != ctl.run(*args, "--seed", 8).stdout


def test_a_slower_median_within_the_objective_is_found(ctl):
    policy = ROOT / "bench/judge/latency.yaml"
    args = ("simulate", policy, "--rate", 100, "--errors", "0.2", "--runs", 20, "-o", "json")
    good, bad = (json.loads(ctl.run(*args, "--latency", ms).stdout)["scenarios"][0] for ms in ("8", "8:16"))
    assert good["good"] and not bad["good"]
    assert good["rules"][0]["rolled_back_percent"] <= 5 and bad["rules"][0]["rolled_back_percent"] == 100
    assert bad["rules"][0]["median_s"] <= 60 and "latency 8:16 ms" in bad["name"]
    ctl.fails(2, "at least 0.01 ms", *args, "--latency", "0")


def test_the_plot_is_written(ctl):
    ctl.run("simulate", SMALL, "--rate", 20, "--errors", "1:3", "--runs", 3, "--svg", "plot.svg")
    assert (ctl.cwd / "plot.svg").read_text().endswith("</svg>\n")


def recording(path, minutes=30, rps=40, share=0.01):
    """An hour that Prometheus recorded of one scorer with a shared incident, and a version that had hardly any traffic."""
    rng, ok, bad, series = random.Random(3), 0, 0, {"ok": [], "bad": [], "other": [], "up": []}
    for i in range(minutes * 12):
        at = 1_700_000_000 + 5 * i
        errors = sum(rng.random() < (0.2 if 100 < i < 130 else share) for _ in range(rps * 5))
        ok, bad = ok + rps * 5 - errors, bad + errors
        for key, value in (("ok", ok), ("bad", bad), ("other", i), ("up", 1)):
            series[key].append([at, str(value)])
    labels = {"instance": "a:1", "model": "m"}
    result = [
        {"metric": {"__name__": "up", "version": "3", **labels}, "values": series["up"]},
        {"metric": {"__name__": "scorer_requests_total", "version": "2", "code": "200", **labels}, "values": series["other"]},
        {"metric": {"__name__": "scorer_requests_total", "version": "3", "code": "200", **labels}, "values": series["ok"]},
        {"metric": {"__name__": "scorer_requests_total", "version": "3", "code": "500", **labels}, "values": series["bad"]},
    ]
    path.write_text(json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}))


def test_a_recorded_range_is_replayed(ctl):
    recording(ctl.cwd / "range.json")
    names = simulate(ctl, "--recorded", "range.json", "--harm", 8)
    assert names["recorded, as good"]["sluice"]["rolled_back_percent"] <= 7.5
    assert names["recorded, as good"]["flagger-5"]["rolled_back_percent"] == 100  # the incident
    assert names["recorded, 8 times as bad"]["sluice"]["rolled_back_percent"] == 100


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    """One that has scraped a scorer for half an hour, as far as it knows."""
    p, rng = Prometheus(tmp_path_factory.mktemp("prometheus"), ""), random.Random(3)
    labels = 'instance="a:1",target="credit",model="credit",version="3"'
    begin, ok, bad, lines = int(time.time()) // 5 * 5 - 1900, 0, 0, {"ok": [], "bad": [], "up": []}
    for at in range(begin, begin + 1800, 5):
        errors = sum(rng.random() < 0.01 for _ in range(200))
        ok, bad = ok + 200 - errors, bad + errors
        lines["up"].append(f"up{{{labels}}} 1 {at}")
        lines["ok"].append(f'scorer_requests_total{{{labels},code="200"}} {ok} {at}')
        lines["bad"].append(f'scorer_requests_total{{{labels},code="500"}} {bad} {at}')
    text = ["# TYPE up gauge", *lines["up"], "# TYPE scorer_requests counter", *lines["ok"], *lines["bad"], "# EOF", ""]
    (p.folder / "recorded.om").write_text("\n".join(text))
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", p.folder / "recorded.om", p.folder / "data"], check=True)
    try:
        yield p.start()
    finally:
        p.kill()


def test_what_prometheus_recorded_is_asked_for_and_replayed(ctl, prometheus):
    names = simulate(ctl, "--prometheus", prometheus.url, "--target", "credit", "--harm", 8)
    assert names["recorded, as good"]["sluice"]["rolled_back_percent"] <= 7.5
    found = names["recorded, 8 times as bad"]["sluice"]
    assert found["rolled_back_percent"] == 100 and found["median_s"] < 120 and found["errors_seen"] > 1


def test_a_prometheus_that_has_nothing_is_refused(ctl, prometheus):
    where = ("simulate", SMALL, "--prometheus")
    ctl.fails(2, "target nosuch, holds less than a minute", *where, prometheus.url, "--target", "nosuch")
    ctl.fails(6, "for a recording", *where, "http://127.0.0.1:1", "--target", "credit")


@pytest.mark.parametrize(
    "args, sentence",
    [
        (["--rate", "x", "--errors", "1"], '--rate: "x" is not a number'),
        (["--rate", "10"], "--rate and --errors belong together"),
        (["--rate", "10", "--errors", "1:200"], '--errors: "200" is not a number from 0 to 100'),
        (["--rate", "10", "--errors", "1", "--limit", "25h"], "--limit must be at most 24h"),
        (["--runs", "0"], "--runs must be 1 to"),
        (["--rate", "10", "--errors", "1", "--slow", "1", "--latency", "20"], "one of them"),
        (["--harm", "3"], "are for a recording"),
        (["--prometheus", "http://127.0.0.1:1"], "needs --target"),
        (["--prometheus", "http://127.0.0.1:1", "--target", "a b"], "may hold only"),
        (["--prometheus", "http://127.0.0.1:1", "--target", "a", "--last", "30s"], "--last must be"),
        (["--prometheus", "http://127.0.0.1:1", "--recorded", "x"], "one of them"),
        (["--only", "ugly"], "--only is good or bad"),
    ],
)
def test_misuse_is_refused_with_a_sentence(ctl, args, sentence):
    ctl.fails(2, sentence, "simulate", SMALL, *args)


def test_gates_that_cannot_be_simulated_are_named(ctl):
    (ctl.cwd / "asks.yaml").write_text("""name: asks
summary: two gates with questions
steps: [{ weight: 5, hold: 10m }, { weight: 100, hold: 10m }]
gates:
  promql: [{ name: queue, query: 'up', max: 1 }]
  kayenta: { metrics: [{ name: a, query: 'a{version="{{release}}"}' }] }
""")
    done = ctl.run("simulate", "asks.yaml", "--rate", 10, "--errors", 1, "--runs", 2)
    assert "2 PromQL and Kayenta gates of policy asks left out" in done.stderr


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("{", "Prometheus's answer"),
        ('{"status": "error", "error": "no such series"}', "Prometheus says: no such series"),
        ('{"status": "success", "data": {"resultType": "vector", "result": []}}', "not a matrix"),
        ('{"status": "success", "data": {"resultType": "matrix", "result": []}}', "less than a minute"),
    ],
)
def test_a_recording_that_is_none_is_refused(ctl, text, sentence):
    (ctl.cwd / "range.json").write_text(text)
    done = ctl.run("simulate", SMALL, "--recorded", "range.json", expect=None)
    assert done.returncode in (2, 6) and sentence in done.stderr
