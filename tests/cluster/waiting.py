"""Waiting for what takes time, with a limit."""
import time

PATIENCE_S = 60


def wait_until(probe, what, explain=lambda: "", patience_s=PATIENCE_S, every_s=0.02):
    """What probe() returns once it is true."""
    deadline = time.monotonic() + patience_s
    while True:
        value = probe()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not come: {explain()}"
        time.sleep(every_s)
