"""Running ctl, and a scripted server for what the real ones never do."""

import hashlib
import http.server
import json
import os
import pathlib
import pty
import select
import subprocess
import threading
import time

from sluice import BIN, ROOT, free_port


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Ctl:
    """ctl in a home and a working folder of its own. run() gives a CompletedProcess with text."""

    def __init__(self, folder, registry=None, rollout=None, token=None):
        self.home, self.cwd = pathlib.Path(folder) / "home", pathlib.Path(folder) / "work"
        for d in (self.home, self.cwd):
            d.mkdir(exist_ok=True)
        away = f"http://127.0.0.1:{free_port()}"  # nobody is there
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "TZ": "UTC", "TERM": "xterm",
            "SLUICE_REGISTRY": registry or away, "SLUICE_ROLLOUT": rollout or away,
            "GIT_CEILING_DIRECTORIES": str(folder),
            **{k: v for k, v in os.environ.items() if k.startswith(("ASAN_", "UBSAN_"))},
            "LSAN_OPTIONS": f"suppressions={ROOT / 'tests/lsan.supp'}:print_suppressions=0",
        }
        if token:
            self.env["SLUICE_TOKEN"] = token

    def command(self, *args):
        return [str(BIN / "ctl"), *map(str, args)]

    def run(self, *args, env=None, expect=0, **kwargs):
        kwargs = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, "timeout": 60, **kwargs}
        done = subprocess.run(self.command(*args), env={**self.env, **(env or {})}, cwd=self.cwd, text=True, check=False, **kwargs)
        assert expect in (None, done.returncode), f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def fails(self, code, sentence, *args, **kwargs):
        """It ends with this code and says this on standard error, in one line that begins with "ctl:", and a hint at most."""
        done = self.run(*args, expect=code, **kwargs)
        errors = [line for line in done.stderr.splitlines() if line.startswith("ctl: ")]
        assert errors and sentence in errors[-1], done.stderr
        assert done.stderr.splitlines()[-1].startswith(("ctl: ", "hint: ")), done.stderr
        return done

    def start(self, *args, **kwargs):
        kwargs = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, **kwargs}
        return subprocess.Popen(self.command(*args), env=self.env, cwd=self.cwd, text=True, **kwargs)

    def on_terminal(self, *args, env=None, timeout=20):
        """Run with everything on a pseudo-terminal; returns (exit status, everything that was written)."""
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.cwd)
            os.execve(str(BIN / "ctl"), self.command(*args), {**self.env, **(env or {})})
        written, deadline = b"", time.monotonic() + timeout
        try:
            while time.monotonic() < deadline:
                if select.select([fd], [], [], 0.1)[0]:
                    try:
                        piece = os.read(fd, 65536)
                    except OSError:  # the other side is closed
                        break
                    if not piece:
                        break
                    written += piece
        finally:
            os.close(fd)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), written.decode()


def json_reply(status, doc, headers=None):
    return status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(doc).encode()


def problem(status, title, detail, headers=None):
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "request_id": "1"}
    return status, {"Content-Type": "application/problem+json", **(headers or {})}, json.dumps(body).encode()


class Fake:
    """An HTTP server that answers from a script.

    on("GET", "/v1/models", reply, reply, ...): each request takes the next reply, the last one stays. A reply is
    (status, headers, body) or a function of the handler, which writes what it likes. `seen` holds (method, path with query,
    headers, body) of every request.
    """

    def __init__(self):
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                fake.seen.append((self.command, self.path, dict(self.headers), body))
                reply = fake.next_reply(self.command, self.path.split("?")[0])
                if callable(reply):
                    self.close_connection = True
                    reply(self)
                    return
                status, headers, data = reply
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = serve

            def log_message(self, *_):
                pass

        self.seen, self.script, self.lock = [], {}, threading.Lock()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def on(self, method, path, *replies):
        self.script[(method, path)] = list(replies)
        return self

    def next_reply(self, method, path):
        with self.lock:
            replies = self.script.get((method, path))
            if not replies:
                return problem(404, "NOT_FOUND", f"the script has no {method} {path}")
            return replies.pop(0) if len(replies) > 1 else replies[0]

    def count(self, method, path):
        return sum(1 for m, p, _, _ in self.seen if (m, p.split("?")[0]) == (method, path))

    def bodies(self, method, path):
        return [json.loads(b) for m, p, _, b in self.seen if (m, p.split("?")[0]) == (method, path)]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def stream(*events, then=None):
    """A reply of server-sent events: ("rollout", {...}) or raw bytes; then() runs before the connection is closed."""

    def reply(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        for event in events:
            data = event if isinstance(event, bytes) else f"event: {event[0]}\ndata: {json.dumps(event[1])}\n\n".encode()
            handler.wfile.write(data)
            handler.wfile.flush()
        if then:
            then()

    return reply


def ago(seconds):
    """A time stamp of so long ago, as the servers write it."""
    now = time.time() - seconds
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"


def rollout(**changes):
    """A ROLLOUT as docs/api.md has it."""
    return {
        "target": changes.get("model", "credit"), "model": "credit", "phase": "CANARY", "stable": 1, "candidate": 2, "policy": "canary", "step": 0, "steps": [5, 25, 100],
        "weight_asked": 5, "weight_observed": 5.08, "paused": False, "hold_left_ms": 42000, "message": "step 1 of 3",
        "verdict": {"state": "healthy", "gate": None, "reason": "0.2 % errors, as before", "numbers": {}, "at": ago(10)},
        "window": [{"version": 1, "until": ago(-3630)}], "revision": 4, "rollout_id": 7, "started_at": ago(190),
        "updated_at": ago(10), "actor": "oncall", "started_by": "ann", **changes}


DONE = {"phase": "DONE", "stable": 2, "candidate": None, "weight_asked": 0, "weight_observed": None, "hold_left_ms": None,
        "message": "version 2 has all the traffic"}
ROLLED_BACK = {"phase": "ROLLED_BACK", "weight_asked": 0, "weight_observed": None, "hold_left_ms": None,
               "message": "version 1 has all the traffic: the candidate broke a gate",
               "verdict": {"state": "breach", "gate": "error-rate", "reason": "9 % errors, not 0.2 %", "numbers": {}, "at": ago(1)}}
