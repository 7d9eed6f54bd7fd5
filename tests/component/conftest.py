"""Fixtures of the component tests."""

import pytest

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
