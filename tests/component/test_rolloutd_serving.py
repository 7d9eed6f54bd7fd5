"""What rolloutd serves on one machine, with real scorers behind a real HAProxy: who is killed, and who notices."""

import os
import signal

import pytest

from serving import Load, Serving, add_model
from sluice import http as call, wait_until


@pytest.fixture
def serving(registry, tmp_path):
    s = Serving(tmp_path, registry)
    try:
        s.daemon.start()
        yield s
    finally:
        s.close()
        print(s.daemon.log_text())


@pytest.fixture
def model(registry, request):
    return add_model(registry, request.node.name)


def test_shifts_fail_no_request(serving, model):
    serving.steer(model, version=1)
    serving.at_rest(model, 1)
    load = Load(serving.traffic, model)
    load.more(1)
    serving.begin(model, 2)
    load.more(2)
    serving.steer(model, "/rollback")
    serving.at_rest(model, 1)
    serving.begin(model, 2)
    serving.steer(model, "/promote", full=True)
    serving.at_rest(model, 2)
    load.more(2)
    serving.steer(model, "/rollback", reason="the test wants it")
    before = load.versions[2]
    load.more(1)
    assert load.versions[2] <= before + len(load.threads), "what was under way when the answer came, no more"
    assert load.stop() == []


def test_whoever_is_killed_comes_back_and_rolloutd_is_not_missed(serving, model):
    serving.steer(model, version=1)
    serving.at_rest(model, 1)
    load = Load(serving.traffic, model)
    load.more(1)
    haproxy, scorers = serving.processes("haproxy"), serving.processes("procs/")
    assert len(haproxy) == 1 and len(scorers) == 2

    serving.daemon.kill()
    load.more(1)
    serving.daemon.start()
    load.more(1)
    assert serving.processes("haproxy") == haproxy and serving.processes("procs/") == scorers
    assert load.failures == []

    os.kill(scorers[0], signal.SIGKILL)
    wait_until(lambda: len(set(serving.processes("procs/")) - set(scorers)) == 1, "another scorer is there", 20)
    load.more(1)
    assert load.failures == []  # not even what the dead one had in hand: the other one was asked

    os.kill(haproxy[0], signal.SIGKILL)
    wait_until(lambda: serving.processes("haproxy") not in ([], haproxy), "another HAProxy is there", 20)
    load.more(1)
    calm = len(load.failures)
    load.more(1, 300)
    assert len(load.stop()) == calm


def test_a_scorer_killed_while_rolloutd_is_away_is_replaced_when_it_is_back(serving, model):
    serving.steer(model, version=1)
    serving.at_rest(model, 1)
    scorers = serving.processes("procs/")
    serving.daemon.kill()
    os.kill(scorers[0], signal.SIGKILL)
    load = Load(serving.traffic, model)
    load.more(1)  # HAProxy sees by itself
    serving.daemon.start()
    wait_until(lambda: len(serving.processes("procs/")) == 2, "both scorers run", 20)
    load.more(1)
    assert load.stop() == []


def test_a_second_rolloutd_on_the_same_folder_says_so_and_leaves(serving, daemons):
    second = daemons("rolloutd", *serving.daemon.args).launch()
    assert second.wait() == 5  # conflict
    assert "another rolloutd (process" in second.log_text()


def test_paths_of_no_model_get_an_answer_in_json(serving):
    for path in ("/", "/v2/models/nobody/infer", "/v2/health/ready", "/metrics"):
        wait_until(lambda: serving.processes("haproxy"), "HAProxy runs")
        r = wait_until(lambda p=path: answer_of(serving.traffic, p), "HAProxy answers")
        assert r.status == 404 and r.body == {"error": "no such model"}


def answer_of(port, path):
    try:
        return call("GET", f"http://127.0.0.1:{port}{path}")
    except OSError:
        return None


def test_all_scorers_die_while_the_registry_is_away_and_come_back_without_it(postgres, make_registry, tmp_path):
    registry = make_registry(postgres.new_database()).start()
    serving, model = Serving(tmp_path, registry), add_model(registry, "orphan")
    try:
        serving.daemon.start()
        serving.steer(model, version=1)
        serving.at_rest(model, 1)
        assert registry.daemon.stop() == 0
        scorers = serving.processes("procs/")
        for pid in scorers:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: len(set(serving.processes("procs/")) - set(scorers)) == 2, "others are there", 20)
        load = Load(serving.traffic, model)
        load.more(1)
        load.stop()
    finally:
        serving.close()
        print(serving.daemon.log_text())
