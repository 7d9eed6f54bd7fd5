"""What rolloutd does without its neighbours, and after it was killed in the middle of something."""

import concurrent.futures
import os
import pathlib

import pytest

from rollouts import Prometheus, Rollouts
from sluice import BIN, free_port, wait_until

FAULTS = pathlib.Path(os.environ.get("SLUICE_FAULTS_BIN", BIN.parent.parent / "faults/bin"))
# Where rolloutd is killed (lib/fault.h), and whether the candidate is a bad one.
KILLED = [("deployed:2", False), ("routed:2", False), ("saved:6", False), ("saved:9", False), ("recorded:6", False),
          ("routed:4", False), ("verdict", True), ("routed:3", True), ("retired", True)]
HAS_FAULTS = (FAULTS / "rolloutd").exists() or BIN.parent.name == "asan"


@pytest.fixture
def prometheus(registry, tmp_path):
    """Of the test's own, so that it can be killed."""
    p = Prometheus(tmp_path / "prometheus", registry.token("admin"), *(free_port() for _ in KILLED))
    try:
        yield p
    finally:
        p.kill()


@pytest.fixture
def make(registry, prometheus, tmp_path):
    made = []

    def rollouts(*args, **kwargs):
        (tmp_path / f"r{len(made)}").mkdir()
        made.append(Rollouts(tmp_path / f"r{len(made)}", registry, prometheus.url, *args,
                             port=prometheus.rollout_ports[len(made)], scorer_ports=23000 + 100 * len(made), **kwargs))
        return made[-1]

    yield rollouts
    for r in made:
        r.close()
        print(r.daemon.log_text())


@pytest.fixture
def model(registry, request):
    name = request.node.name.replace("_", "-").replace("[", "-").replace("]", "").replace(":", "-").lower()[:60].strip("-")
    registry.model(name)
    for n in range(1, 4):
        registry.version(name, registry.files(model_ubj=f"{name} {n}".encode()))
    return name


def test_without_prometheus_it_holds_and_says_so(make, prometheus, model):
    r = make()
    r.daemon.start()
    r.serve(model)  # the first version needs none
    r.load(model)
    r.ask(model, version=2)
    waits = r.wait(model, "it waits for somebody to watch", phase="PENDING", verdict=r.get(model)["verdict"])
    waits = wait_until(lambda: r.get(model)["verdict"] and r.get(model), "it says why")
    assert waits["phase"] == "PENDING" and waits["verdict"]["gate"] == "prometheus" and "Prometheus" in waits["message"]
    prometheus.start()
    r.wait(model, "it begins", phase="CANARY")
    prometheus.kill()
    waits = wait_until(lambda: (lambda x: x["verdict"] and x["verdict"]["gate"] == "prometheus" and x)(r.get(model)), "it says why")
    assert waits["phase"] == "CANARY" and waits["verdict"]["state"] == "no-evidence" and waits["weight_asked"] < 100
    held = waits["step"]
    wait_until(lambda: r.get(model)["hold_left_ms"] == 0, "the hold is over")
    assert r.get(model)["step"] == held, "and yet it goes no further"
    prometheus.start()
    r.wait(model, "it goes on and ends", phase="DONE", stable=2)


def test_an_empty_prometheus_is_no_evidence(make, registry, prometheus, model):
    config = prometheus.folder / "prometheus.yml"
    config.write_text(config.read_text().replace(registry.token("admin"), "slc_wrong"))
    prometheus.start()
    r = make()
    r.daemon.start()
    r.serve(model)
    r.ask(model, version=2)
    waits = wait_until(lambda: r.get(model)["verdict"] and r.get(model), "it says why")
    assert waits["phase"] == "PENDING" and waits["verdict"]["gate"] == "no-samples", waits
    assert "no samples of the candidate version 2" in waits["message"]
    assert r.ask(model, "/abort")["phase"] == "ROLLED_BACK"


def test_the_registry_is_not_needed_to_roll_back(make, postgres, make_registry, prometheus, tmp_path):
    reg = make_registry(postgres.new_database()).start()
    reg.model("credit")
    for n in (1, 2):
        reg.version("credit", reg.files(model_ubj=str(n).encode()))
    reg.token("deployer")
    prometheus.start()
    r = Rollouts(tmp_path, reg, prometheus.url, port=prometheus.rollout_ports[0])
    try:
        r.daemon.start()
        r.serve("credit")
        r.ask("credit", version=2, policy="slow")
        wait_until(lambda: r("GET", "/v1/rollouts", role="deployer").status == 200, "the token is known")
        wait_until(lambda: r("POST", "/v1/rollouts/credit/promote", role="deployer", json={}).status == 202, "it may begin", 20)
        r.wait("credit", "it has begun", phase="CANARY")
        reg.daemon.kill()
        r.daemon.kill()
        r.daemon.start()  # it knows the tokens from before
        answer = r("POST", "/v1/rollouts/credit/rollback", role="deployer", json={"reason": "registry is down"})
        assert answer.status == 202 and answer.body["phase"] == "ROLLED_BACK", answer
        answer = r("POST", "/v1/rollouts/credit", role="deployer", json={"version": 2})
        assert answer.status == 503 and "registryd" in answer.body["detail"], answer
    finally:
        r.close()
        print(r.daemon.log_text())


def test_a_restart_goes_on_where_it_was(make, prometheus, model):
    prometheus.start()
    r = make()
    r.daemon.start()
    r.serve(model)
    load = r.load(model)
    r.ask(model, version=2)
    r.wait(model, "the second step", phase="CANARY", step=1)
    wait_until(lambda: r.get(model)["hold_left_ms"] < 1000, "its weight stands")
    r.daemon.kill()
    r.daemon.start()
    seen = r.get(model)
    assert seen["phase"] in ("CANARY", "PROMOTING", "DONE") and seen["step"] >= 1 and seen["stable"] in (1, 2)
    r.wait(model, "it ends", phase="DONE", stable=2)
    assert r.rows(model, "promoting.stands").count("pending.ready") == 1
    load.stop()
    assert not load.failures


def kill_and_see(r, model, fault, bad):
    if bad:
        r.behave(2, errors=1)
        r.policy("quick", (r.folder / "policies/quick.yaml").read_text().replace("keep_failed: 5m", "keep_failed: 1s"))
    r.daemon.start()
    load = r.load(model, clients=2)
    try:
        r.serve(model)
        r.ask(model, version=2)
    except (OSError, AssertionError):
        pass  # it may have died already
    assert r.daemon.wait(60) == -9, "the fault point was reached"
    r.daemon.env.pop("SLUICE_FAULT")
    r.daemon.start()
    if r("GET", f"/v1/rollouts/{model}").status == 404 or r.get(model)["rollout_id"] < 2:
        r.wait(model, "the first one is done", phase="DONE")
        r.ask(model, version=2)  # it died before it had understood
    if bad:
        r.wait(model, "it is back", 60, phase="ROLLED_BACK", stable=1)
    else:
        r.wait(model, "it is done", 60, phase="DONE", stable=2)
    numbers = [e["number"] for e in r.events(model)]
    assert numbers == list(range(1, len(numbers) + 1)), "no event is lost or told twice"
    serving = 1 if bad else 2
    before = load.versions[serving]
    wait_until(lambda: load.versions[serving] > before + 20, "it serves")


def test_killed_after_any_action_it_converges(make, registry, prometheus):
    """A good version goes on to the end, a bad one is rolled back, wherever rolloutd was killed. All at once: they mostly wait."""
    assert HAS_FAULTS, "make MODE=faults build/faults/bin/rolloutd"
    prometheus.start()
    program = FAULTS / "rolloutd" if (FAULTS / "rolloutd").exists() else BIN / "rolloutd"
    jobs = []
    with concurrent.futures.ThreadPoolExecutor(len(KILLED)) as pool:
        for i, (fault, bad) in enumerate(KILLED):
            name = f"killed-{i}"
            registry.model(name)
            for n in (1, 2):
                registry.version(name, registry.files(model_ubj=f"{name} {n}".encode()))
            r = make(env={"SLUICE_FAULT": fault})
            r.daemon.program = os.path.relpath(program, BIN)
            jobs.append((fault, pool.submit(kill_and_see, r, name, fault, bad)))
    failures = [f"{fault}: {job.exception()!r}" for fault, job in jobs if job.exception()]
    assert not failures, "\n".join(failures)
