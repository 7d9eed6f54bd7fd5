"""Every decision reaches the registry's log, once, whatever dies on the way, and nothing waits for it."""

import os
import pathlib
import shutil

import pytest

from registry import Registry
from rollouts import Rollouts
from sluice import BIN, wait_until

NOBODY = "http://127.0.0.1:9"
FAULTS = pathlib.Path(os.environ.get("SLUICE_FAULTS_BIN", BIN.parent.parent / "faults/bin"))


@pytest.fixture
def own_registry(postgres, tmp_path):
    """Of the test's own, so that it can be stopped."""
    r = Registry(tmp_path / "registry", postgres.new_database()).start()
    yield r
    r.daemon.kill()
    print(r.daemon.log_text())


@pytest.fixture
def make(own_registry, tmp_path):
    made = []

    def rollouts(*args, **kwargs):
        (tmp_path / "r").mkdir()
        made.append(Rollouts(tmp_path / "r", own_registry, NOBODY, *args, scorer_ports=24000, **kwargs))
        made[-1].daemon.start()
        return made[-1]

    yield rollouts
    for r in made:
        r.close()
        print(r.daemon.log_text())


@pytest.fixture
def model(own_registry):
    own_registry.model("credit")
    for n in (1, 2):
        own_registry.version("credit", own_registry.files(model_ubj=f"{n}".encode()))
    return "credit"


def logged(registry, model="credit"):
    """Oldest first."""
    return registry.get(f"/v1/decisions?target={model}&limit=1000")["decisions"][::-1]


def all_logged(rollouts, registry, model="credit"):
    """The log says what the history says: each event, and each once."""
    events = {}

    def same():
        events["wanted"] = rollouts.events(model)
        return events["wanted"] and [d["event"] for d in logged(registry, model)] == events["wanted"]

    wait_until(same, "the log says what the history says", 30)
    return logged(registry, model)


def waiting(rollouts):
    folder = rollouts.state / "decisions"
    return sum(p.stat().st_size for p in folder.glob("*.log"))


def test_the_log_says_what_the_history_says(make, own_registry, model):
    r = make("--region", "eu-1")
    r.serve(model)
    r.begin(model, 2)
    r.ask(model, "/rollback", reason="complaints")
    r.wait(model, "it is back", phase="ROLLED_BACK")
    found = all_logged(r, own_registry)
    back = next(d for d in found if d["event"]["kind"] == "rolling-back")
    assert back["region"] == "eu-1" and back["model"] == model and back["epoch"] == 0 and "complaints" in back["event"]["why"]
    assert back["event"]["actor"] == "admin"


def metric(rollouts, name):
    text = rollouts("GET", "/metrics").body.decode()
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name + " ") or line.startswith(name + "{"))


def test_while_the_registry_is_away_decisions_wait_on_disk(make, own_registry, model, promtool):
    r = make()
    r.serve(model)
    r.begin(model, 2)
    own_registry.daemon.kill()
    r.ask(model, "/rollback", reason="without the registry")  # returns when the weights stand
    r.wait(model, "it is back", phase="ROLLED_BACK")
    r.rows(model, "rolling-back.stands")
    assert metric(r, "rolloutd_decisions_waiting") >= 2 and metric(r, "rolloutd_decisions_spool_bytes") > 0
    wait_until(lambda: metric(r, "rolloutd_decisions_oldest_seconds") > 0.01, "they grow old")
    promtool(r("GET", "/metrics").body.decode())
    r.daemon.kill()
    assert waiting(r) > 0
    r.daemon.start()
    own_registry.start()
    all_logged(r, own_registry)
    wait_until(lambda: metric(r, "rolloutd_decisions_waiting") == 0, "none waits any more")
    assert metric(r, "rolloutd_leader") == 1


@pytest.mark.parametrize("fault", ["saved:4", "spooled:3", "recorded:2"])
def test_a_kill_loses_none_and_doubles_none(make, own_registry, model, fault):
    r = make()
    r.serve(model)
    all_logged(r, own_registry)
    r.daemon.stop()
    assert (FAULTS / "rolloutd").exists() or BIN.parent.name == "asan", "make MODE=faults build/faults/bin/rolloutd"
    normal = r.daemon.program
    r.daemon.program = FAULTS / "rolloutd" if BIN.parent.name != "asan" else normal
    r.daemon.env["SLUICE_FAULT"] = fault
    r.daemon.start()
    try:
        r.begin(model, 2)
        r.ask(model, "/rollback")
    except (OSError, AssertionError):
        pass
    r.daemon.wait()
    r.daemon.env.pop("SLUICE_FAULT")
    r.daemon.program = normal
    r.daemon.start()
    all_logged(r, own_registry)


def test_a_disk_that_refuses_stops_nothing(make, own_registry, model):
    r = make()
    r.serve(model)
    all_logged(r, own_registry)
    r.daemon.stop()
    shutil.rmtree(r.state / "decisions")
    (r.state / "decisions").write_text("in the way")
    r.daemon.start()
    r.begin(model, 2)
    r.ask(model, "/rollback")
    r.wait(model, "it is back", phase="ROLLED_BACK")
    all_logged(r, own_registry)
    assert "the disk refuses" in r.daemon.log_text()


@pytest.mark.parametrize("setting, words", [
    (("--region", "EU 1"), "region"), (("--region", ""), "region"), (("--decision-spool", "1KiB"), "decision_spool")])
def test_settings_of_the_log_are_checked(own_registry, tmp_path, setting, words):
    (tmp_path / "r").mkdir()
    r = Rollouts(tmp_path / "r", own_registry, NOBODY, *setting)
    r.daemon.launch()
    assert r.daemon.wait() == 2 and words in r.daemon.log_text()
