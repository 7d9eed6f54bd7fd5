"""Fixtures of the component tests."""

import subprocess

import pytest

from postgres import Postgres
from registry import Registry
from sluice import Daemon


@pytest.fixture
def daemons(tmp_path):
    """daemons("registryd", "--data-dir", d) makes a Daemon (call .start()); all are stopped when the test ends, however it ends."""
    made = []

    def make(program, *args, **kwargs):
        kwargs.setdefault("log", tmp_path / f"{program}-{len(made)}.log")
        made.append(Daemon(program, *args, **kwargs))
        return made[-1]

    yield make
    failures = []
    for d in reversed(made):
        try:
            d.stop()
        except AssertionError as e:
            failures.append(str(e))
        print(f"--- {d.program} {d.url}\n{d.log_text()}")  # pytest shows it when the test failed
    assert not failures, "\n".join(failures)


@pytest.fixture(scope="session")
def postgres():
    """One PostgreSQL for the whole run; each test module takes a database of its own. Who stops it must start it again."""
    p = Postgres()
    try:
        yield p.start()
    finally:
        p.remove()


@pytest.fixture(scope="module")
def registry(postgres, tmp_path_factory):
    """A registryd that the tests of a module share, so they use names of their own in it."""
    r = Registry(tmp_path_factory.mktemp("registry"), postgres.new_database())
    try:
        yield r.start()
    finally:
        status = r.daemon.stop()
        print(r.daemon.log_text())
    assert status == 0


@pytest.fixture
def make_registry(tmp_path):
    """make_registry(db, "--upload-grace", "1s") makes a Registry of the test's own (call .start())."""
    made = []

    def make(db, *args):
        made.append(Registry(tmp_path / f"registry{len(made)}", db, *args))
        return made[-1]

    yield make
    for r in made:
        r.daemon.stop()
        print(r.daemon.log_text())


@pytest.fixture(scope="session")
def promtool():
    """promtool(text) fails unless Prometheus finds the exposition in order."""

    def check(text):
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    return check
