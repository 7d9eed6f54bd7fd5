"""rolloutd killed after each kind of action goes on where it was: the rollout arrives, no request fails, nothing is left over."""

import threading

import pytest

from serving import Load, Serving, add_model
from sluice import BIN, ROOT, wait_until

# Programs with fault points compiled in: all of the asan build, of the faults build just this one.
FAULTY = BIN / "rolloutd" if BIN.parent.name == "asan" else ROOT / "build/faults/bin/rolloutd"
REST = ("DONE", "ROLLED_BACK")

FAULTS = ["saved", "saved:5", "recorded:2", "deployed:2", "routed", "routed:3", "retired", "local-saved:3", "local-config-written:2",
          "local-proc-recorded", "local-proc-started:2", "local-proc-started:4", "local-routed", "local-routed:3"]


class Reviver:
    """Starts rolloutd again, without the fault, when it has died of it."""

    def __init__(self, daemon):
        self.daemon, self.deaths, self.going = daemon, 0, True
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        while self.going:
            try:
                self.daemon.process.wait(0.05)
            except Exception:  # still running
                continue
            self.deaths += 1
            self.daemon.env.pop("SLUICE_FAULT", None)
            self.daemon.start()

    def stop(self):
        self.going = False
        self.thread.join()


def drive(serving, model, asks, arrived):
    """Ask, whoever answers or does not, until the rollout is where it should be."""
    admin = serving.registry.token("admin")

    def once():
        try:
            r = serving.daemon.http("GET", f"/v1/rollouts/{model}", token=admin)
            if r.status == 200 and arrived(r.body):
                return True
            for verb, body in asks:
                serving.daemon.http("POST", f"/v1/rollouts/{model}{verb}", token=admin, json=body)
        except OSError:
            pass
        return False

    wait_until(once, f"{asks} takes {model} where it should go", 30, every=0.05)


def at_rest_on(version):
    return lambda r: r["phase"] in REST and r["stable"] == version


def in_canary(r):
    return r["phase"] == "CANARY"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_rollout_survives_a_kill(registry, tmp_path, request, fault):
    assert FAULTY.exists(), "make MODE=faults build/faults/bin/rolloutd"
    serving = Serving(tmp_path, registry, FAULTY, env={"SLUICE_FAULT": fault})
    model = add_model(registry, request.node.name)
    reviver = load = None
    try:
        serving.daemon.launch()
        reviver = Reviver(serving.daemon)
        drive(serving, model, [("", {"version": 1})], at_rest_on(1))
        load = Load(serving.traffic, model, clients=2)
        load.more(1)
        drive(serving, model, [("", {"version": 2}), ("/promote", {})], in_canary)
        drive(serving, model, [("/rollback", {"to": 1})], at_rest_on(1))
        wait_until(lambda: len(serving.processes("procs/")) == 2, "the failed candidate is retired", 20)
        drive(serving, model, [("", {"version": 2}), ("/promote", {})], in_canary)
        drive(serving, model, [("/promote", {"full": True})], at_rest_on(2))
        drive(serving, model, [("/rollback", {"to": 1})], at_rest_on(1))
        load.more(1)
        assert load.stop() == []
        wait_until(lambda: len(serving.processes("procs/")) == 4, "two of each version run, no more", 20)
        wait_until(lambda: len(serving.processes("haproxy")) == 1, "one HAProxy runs")
        assert reviver.deaths == 1, "the fault happened"
    finally:
        if reviver:
            reviver.stop()
        if load:
            load.stop()
        serving.close()
        print(serving.daemon.log_text())
