"""What the component tests share: starting and stopping the real programs, free ports, HTTP."""

import json as jsonlib
import os
import pathlib
import signal
import socket
import subprocess
import time
import typing
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SLUICE_BIN", ROOT / "build/release/bin"))


def free_port():
    """A port nobody listens on right now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(condition, what, timeout=10.0, every=0.02):
    """Poll condition() until it is true, and return what it returned."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}")
        time.sleep(every)


class Reply(typing.NamedTuple):
    status: int
    headers: typing.Any  # case-insensitive: headers["ETag"]
    body: typing.Any  # parsed when it is JSON, else bytes


# Straight to this machine, whatever proxies the environment names.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def http(method, url, token=None, json=None, body=None, headers=None, timeout=10.0):
    """One request. Any status is an answer; raises urllib.error.URLError when there is none."""
    rq = urllib.request.Request(url, method=method, data=body, headers=dict(headers or {}))
    if json is not None:
        rq.data = jsonlib.dumps(json).encode()
        rq.add_header("Content-Type", "application/json")
    if token:
        rq.add_header("Authorization", f"Bearer {token}")
    try:
        with _opener.open(rq, timeout=timeout) as r:
            status, head, data = r.status, r.headers, r.read()
    except urllib.error.HTTPError as e:
        with e:
            status, head, data = e.code, e.headers, e.read()
    if data and head.get_content_type() in ("application/json", "application/problem+json"):
        data = jsonlib.loads(data)
    return Reply(status, head, data)


class Daemon:
    """A program of ours with --listen on a port of its own.

    start() returns when `ready` answers 200; stop() drains and returns the exit status; kill() does not ask.
    """

    def __init__(self, program, *args, log, env=None, port=None, ready="/readyz", host="127.0.0.1"):
        self.program, self.args, self.env, self.ready = program, [str(a) for a in args], env or {}, ready
        self.port = port or free_port()
        self.host, self.url = host, f"http://{host}:{self.port}"
        self.log = pathlib.Path(log)
        self.process = None

    def launch(self):
        """Start without waiting."""
        command = [str(BIN / self.program), "--listen", f"{self.host}:{self.port}", *self.args]
        with open(self.log, "ab") as log:
            # Should pytest die, its daemons are asked to leave too.
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **self.env})
        return self

    def start(self, timeout=20.0):
        self.launch()
        wait_until(self.is_ready, f"{self.program} is ready\n{self.log_text()}", timeout)
        return self

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.program} ended with {self.process.returncode}\n{self.log_text()}")
        try:
            return http("GET", self.url + self.ready, timeout=2).status == 200
        except OSError:
            return False

    def wait(self, timeout=20.0):
        return self.process.wait(timeout)

    def stop(self, timeout=20.0):
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.program} did not stop within {timeout:g} s\n{self.log_text()}") from None

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def http(self, method, path, **kwargs):
        return http(method, self.url + path, **kwargs)

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def log_lines(self):
        """The JSON objects that it logged."""
        return [jsonlib.loads(line) for line in self.log_text().splitlines() if line.startswith("{")]
