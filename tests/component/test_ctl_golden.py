"""What ctl prints, word for word: help, manual, completion scripts, tables. `make golden` rewrites the files."""

import os
import subprocess

import pytest

from ctl import DONE, ROLLED_BACK, Ctl, Fake, ago, digest_of, json_reply, rollout
from sluice import ROOT

GOLDEN = ROOT / "tests/golden/ctl"
FILES = [{"path": "model.ubj", "digest": digest_of(b"a"), "size": 547123}, {"path": "docs/README.md", "digest": digest_of(b"b"), "size": 12}]


def check(name, text):
    path = GOLDEN / name
    if os.environ.get("SLUICE_GOLDEN") == "update":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert path.read_text() == text, f"{path.relative_to(ROOT)} differs; if it should, run make golden"


def version(number, files, **more):
    return {"model": "credit", "number": number, "digest": digest_of(b"%d" % number), "files": files, "metadata": {},
            "description": "", "size": sum(f["size"] for f in files), "created_at": ago(86400 * 3 * number + 60), "created_by": "ci",
            "aliases": [], **more}


def settled(**changes):
    """A rollout whose ages do not change while the tests run."""
    doc = rollout(**changes)
    return {**doc, "updated_at": ago(90), "verdict": {**doc["verdict"], "at": ago(90)}}


VERSIONS = [
    version(2, FILES, aliases=["champion", "shadow"], description="trained on München's loans",
            metadata={"auc": 0.91, "by": "ann", "git": {"commit": "3f2a", "dirty": False}}),
    version(1, FILES[:1]),
]


@pytest.fixture(scope="module")
def ctl(tmp_path_factory):
    fake = Fake()
    answers = {
        "/v1/models": {"models": [
            {"name": "credit", "description": "loan default", "created_at": ago(86400 * 40), "created_by": "ann", "versions": 2, "latest": 2,
             "aliases": {"champion": 2, "shadow": 2}},
            {"name": "fraud-eu", "description": "", "created_at": ago(7250), "created_by": "ci", "versions": 0, "latest": None,
             "aliases": {}}], "next": None},
        "/v1/models/credit/versions": {"versions": VERSIONS, "next": None},
        "/v1/models/credit/versions/2": VERSIONS[0],
        "/v1/models/credit/aliases": {"aliases": [
            {"model": "credit", "alias": "champion", "version": 2, "revision": 5, "updated_at": ago(600.5), "updated_by": "ann"}]},
        "/v1/models/credit/aliases/champion/history": {"events": [
            {"revision": 2, "version": 2, "previous": 1, "actor": "ann", "reason": "passed the review", "at": ago(600.5)},
            {"revision": 1, "version": 1, "previous": None, "actor": "ci", "reason": "", "at": ago(7250)}], "next": 1},
        "/v1/whoami": {"name": "ci", "role": "writer"},
        "/v1/tokens": {"tokens": [{"name": "ci", "role": "writer", "sha256": "0123456789abcdef", "created_at": ago(7250),
                                   "created_by": "admin"}]},
        "/v1/rollouts": {"rollouts": [
            settled(), settled(model="fraud-eu", paused=True, step=1, weight_asked=25, weight_observed=None, message="paused"),
            settled(model="spam", **DONE), settled(model="spend", **ROLLED_BACK)]},
        "/v1/rollouts/credit": settled(window=[{"version": 1, "until": ago(-3650)}]),
        "/v1/rollouts/spend": settled(model="spend", window=[], **ROLLED_BACK),
        "/v1/rollouts/credit/history": {"events": [
            {"number": 3, "rollout_id": 7, "at": ago(90), "kind": "weight", "from": "PENDING", "to": "CANARY", "stable": 1, "candidate": 2, "weight": 5,
             "why": "the candidate is ready and watched", "actor": "", "verdict": None},
            {"number": 2, "rollout_id": 7, "at": ago(190.5), "kind": "started", "from": "DONE", "to": "PENDING", "stable": 1, "candidate": 2, "weight": 0,
             "why": "a rollout was asked for: try it", "actor": "ann", "verdict": None}], "next": None},
        "/v1/rollouts/prod.fraud": settled(
            target="prod.fraud", model="fraud-eu", stable=7, stable_release="7", candidate=7, candidate_release="7.1",
            window=[{"version": 6, "release": "6.2", "until": ago(-3650), "left": True}], router="the Gateway has not accepted the route",
            running=[{"release": "7", "wanted": 4, "ready": 4, "weight": 95, "failed": False, "message": ""},
                     {"release": "7.1", "wanted": 1, "ready": 0, "weight": 5, "failed": True, "message": "1 pod: CrashLoopBackOff"}]),
        "/v1/decisions": {"decisions": [
            {"id": 12, "region": "eu-1", "target": "prod.fraud", "model": "fraud-eu", "epoch": 3, "reason": "", "received_at": ago(80),
             "received_by": "admin", "event": {
                 "number": 4, "rollout_id": 2, "at": ago(90), "kind": "rolling-back", "row": "canary.breach", "from": "CANARY", "to": "ROLLING_BACK",
                 "stable": 7, "stable_release": "7", "candidate": 7, "candidate_release": "7.1", "weight": 0,
                 "why": "a gate was broken: 9 % errors, not 0.2 %", "actor": "", "verdict": None}}], "next": None},
        "/v1/rollouts/credit/explain": {
            "rollout": settled(), "policy": "canary", "false_rollback_percent": 1.0, "false_promotion_percent": 5.0, "quality": "good",
            "quality_reason": "", "min_requests": 500, "requests": 812, "gates": [
                {"gate": "error-rate", "kind": "comparison", "state": "no-evidence", "says": "error-rate: it is not proved yet",
                 "stable": {"bad": 31, "of": 15411}, "candidate": {"bad": 3, "of": 812}, "max_ratio": 1.5, "false_rollback_percent": 0.5,
                 "evidence": 1.42, "evidence_needed": 200.0, "p": 0.61, "ratio": {"low": 0.3, "best": 1.5, "high": None}, "burst": 1.8,
                 "proof": 0.7, "proof_needed": 20.0, "requests_missing": 25200.0, "seconds_missing": 252.0},
                {"gate": "error-limit", "kind": "limit", "state": "healthy", "says": None, "stable": {"bad": 31, "of": 15411},
                 "candidate": {"bad": 3, "of": 812}, "limit_percent": 5.0},
                {"gate": "latency-p50", "kind": "comparison", "state": "healthy", "says": None,
                 "stable": {"bad": 6903, "of": 15411}, "candidate": {"bad": 371, "of": 812}, "max_ratio": 1.5, "false_rollback_percent": 0.5,
                 "evidence": 0.031, "evidence_needed": 200.0, "p": 1.0, "ratio": {"low": 0.7, "best": 1.0, "high": 1.25}, "burst": 1.0,
                 "bound_ms": 2.0, "quantiles": "p50, p90", "share_ratio": 1.225},
                {"gate": "latency-budget", "kind": "budget", "state": "breach", "says": "the candidate spends its budget too fast",
                 "stable": {"bad": 0, "of": 0}, "candidate": {"bad": 40, "of": 812}, "budget_percent": 0.1, "burn_rate": 49.3},
                {"gate": "null-features", "kind": "ratio", "state": "healthy", "says": None, "stable": {"bad": 900, "of": 200343},
                 "candidate": {"bad": 51, "of": 10556}, "max_ratio": 1.5, "false_rollback_percent": 0.25, "evidence": 0.12, "evidence_needed": 400.0,
                 "p": 0.7, "ratio": {"low": 0.7, "best": 1.0, "high": 1.5}, "burst": 3.2, "passed_over": 2, "query": "sum(n{version=\"2\"})"},
                {"gate": "predictions", "kind": "drift", "state": "breach", "says": "predictions: 0.9 to 0.95 is 9.00 % of 812 predictions",
                 "stable": {"bad": 310, "of": 15411}, "candidate": {"bad": 73, "of": 812}, "class": "0.9 to 0.95", "direction": "more", "max_ratio": 1.5,
                 "slack_percent": 1.0, "burst": 1.0, "false_rollback_percent": 0.25, "evidence": 52000.0, "evidence_needed": 400.0, "p": 1.9e-5,
                 "passed_over": 0, "query": "sum by (le) (p{version=\"2\"})"},
                {"gate": "mean-score", "kind": "mean", "state": "healthy", "says": None, "stable_mean": 0.2213, "candidate_mean": 0.2301,
                 "change": {"low": -0.004, "high": 0.0216}, "pairs": 14, "false_rollback_percent": 0.25, "evidence": 1.0, "evidence_needed": 400.0,
                 "p": 1.0, "passed_over": 0, "query": "sum(s{version=\"2\"})"},
                {"gate": "queue", "kind": "query", "state": "healthy", "says": None, "value": 17.0, "query": "max(backlog)"},
                {"gate": "kayenta", "kind": "kayenta", "state": "breach", "says": "kayenta: the score is 30, below 50: failures is high (2.31 times stable's)",
                 "score": 30.0, "pass": 75.0, "marginal": 50.0, "points": 52, "points_needed": 50, "interval_s": 60.0,
                 "groups": [{"name": "errors", "weight": 70.0, "score": 0.0}, {"name": "metrics", "weight": None, "score": 100.0}],
                 "metrics": [{"name": "failures", "group": "errors", "classification": "high", "critical": False, "ratio": 2.31, "effect": 2.31,
                              "candidate_points": 52, "stable_points": 50, "query": "sum(rate(x[1m]))"},
                             {"name": "latency", "group": "metrics", "classification": "pass", "critical": True, "ratio": None, "effect": None,
                              "candidate_points": 52, "stable_points": 52, "query": "avg(y)"}]}]},
        "/v1/policies": {"policies": [{"name": "canary", "steps": [5, 25, 100], "summary": "carefully, in an hour"},
                                      {"name": "half", "steps": [0.5, 100], "summary": ""}]},
    }
    for path, doc in answers.items():
        fake.on("GET", path, json_reply(200, doc))
    yield Ctl(tmp_path_factory.mktemp("golden"), registry=fake.url, rollout=fake.url, token="slc_test")
    fake.stop()


def test_golden_table_of_declared_targets(tmp_path):
    fake = Fake()
    fake.on("GET", "/v1/rollouts", json_reply(200, {"rollouts": [
        settled(target="prod.fraud", model="fraud-eu", stable_release="7", candidate_release="7.1"),
        settled(target="test.fraud", model="fraud-eu", **{**DONE, "stable_release": "7.2"})]}))
    own = Ctl(tmp_path, registry=fake.url, rollout=fake.url, token="slc_test")
    check("table/kube-rollouts.txt", own.run("rollout", "status").stdout)
    assert own.run("rollout", "status", "-o", "name").stdout == "prod.fraud\ntest.fraud\n"
    fake.stop()


COMMANDS = ["push", "pull", "models", "versions", "alias", "rollout start", "rollout status", "rollout watch", "rollout pause",
            "rollout resume", "rollout promote", "rollout retry", "rollout abort", "rollback", "history", "log", "policies", "policy lint", "explain", "simulate", "whoami", "token create",
            "token list", "token delete", "version", "completion", "help"]


def test_golden_help_overview(ctl):
    check("help.txt", ctl.run("help").stdout)
    assert ctl.run("--help").stdout == ctl.run("help").stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_golden_help(ctl, command):
    text = ctl.run(*command.split(), "--help").stdout
    check(f"help/{command.replace(' ', '-')}.txt", text)
    assert ctl.run("help", *command.split()).stdout == text


def test_golden_help_covers_every_command(ctl):
    words = [line.split("\t")[0] for line in ctl.run("__complete", "").stdout.splitlines()]
    assert set(words) == {c.split()[0] for c in COMMANDS}


def test_golden_manual(ctl):
    source = ctl.run("--man").stdout
    check("sluice-ctl.scd", source)
    page = subprocess.run(["scdoc"], input=source, capture_output=True, text=True, check=False)
    assert page.returncode == 0, page.stderr
    for command in COMMANDS:
        assert f"ctl {command}" in page.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_golden_completion(ctl, shell):
    check(f"completion.{shell}", ctl.run("completion", shell).stdout)


TABLES = {
    "explain": ["explain", "credit"],
    "models": ["models"], "versions": ["versions", "credit"], "version": ["versions", "credit", "2"], "aliases": ["alias", "credit"],
    "alias-history": ["alias", "credit", "champion", "--history", "--limit", "2"], "whoami": ["whoami"], "tokens": ["token", "list"],
    "rollouts": ["rollout", "status"], "rollout": ["rollout", "status", "credit"], "rolled-back": ["rollout", "status", "spend"],
    "kube-rollout": ["rollout", "status", "prod.fraud"], "log": ["log", "prod.fraud", "--region", "eu-1"],
    "history": ["history", "credit"], "policies": ["policies"], "names": ["models", "-o", "name"],
}


@pytest.mark.parametrize("name", TABLES)
def test_golden_table(ctl, name):
    check(f"table/{name}.txt", ctl.run(*TABLES[name]).stdout)
