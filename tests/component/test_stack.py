"""The demonstration's stack takes away everything that it started, however it ends."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

from sluice import ROOT, wait_until

sys.path.insert(0, str(ROOT / "demo"))

from stack import Failure, Stack, leftovers  # noqa: E402  (after the path to demo/)


def gone(folder):
    return not pathlib.Path(folder).exists() and not list(leftovers(str(folder)))


def test_a_plain_end_leaves_nothing():
    with Stack("sluice-test") as s:
        s.start_registry()
        s.add_token("ci", "writer")
        assert "ci" in s.ctl("token", "list").stdout
        assert len(list(leftovers(str(s.dir)))) >= 2, "registryd and PostgreSQL are told by the folder's name"
    assert gone(s.dir)


def test_a_killed_child_is_a_failure_and_its_own_children_are_ended_too():
    with pytest.raises(Failure, match="registryd ended by itself: signal 9"):
        with Stack("sluice-test") as s:
            s.start_registry()
            os.kill(s.running["registryd"].pid, signal.SIGKILL)
            s.wait(lambda: False, "never", 20)
    assert gone(s.dir)


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demonstration_leaves_nothing(sig):
    with subprocess.Popen([sys.executable, ROOT / "demo/demo.py"], stdout=subprocess.PIPE, text=True) as demo:
        told = ""
        try:
            while " all in /" not in told:
                told += demo.stdout.readline()
            folder = told.split(" all in ")[1].strip()
            wait_until(lambda: len(list(leftovers(folder))) > 1, "something runs")
        finally:
            demo.send_signal(sig)
        told += demo.stdout.read()
    assert demo.returncode == 1 and "interrupted by" in told
    assert gone(folder)
