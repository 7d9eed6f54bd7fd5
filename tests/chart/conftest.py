"""`make golden` first brings up to date what the chart repeats, then what is rendered from it."""

from chart import UPDATE, refresh


def pytest_sessionstart():
    if UPDATE:
        refresh()
