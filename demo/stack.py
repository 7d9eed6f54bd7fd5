"""All of Sluice on this machine, in a temporary folder and on free ports: started, asked, and taken away again whole.

Used by the demonstration and by the benchmarks. Needs nothing but the Python standard library.
"""
import datetime
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = pathlib.Path(os.environ.get("SLUICE_BIN", ROOT / "build/release/bin")).resolve()

# Straight to this machine, whatever proxies the environment names.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Failure(Exception):
    """Something that should have happened did not."""


def boot_ms():
    """The clock of loadgen's time stamps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) * 1000


def unix_ms(stamp):
    """Of an RFC 3339 stamp, such as rolloutd's events have."""
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp() * 1000


def free_ports(n):
    """n different ports that nobody listens on right now."""
    held = [socket.socket() for _ in range(n)]
    try:
        for s in held:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in held]
    finally:
        for s in held:
            s.close()


def get_json(url, token=None, timeout=5.0):
    """GET; raises OSError (urllib's errors are such) when there is no good answer."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with _opener.open(urllib.request.Request(url, headers=headers), timeout=timeout) as r:
        return json.loads(r.read() or b"null")


class Stack:
    """with Stack() as s: s.start_registry(); ...   At the end everything it started is gone, folder included."""

    def __init__(self, name, keep=False):
        self.keep = keep
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-"))
        self.dir.chmod(0o755)  # PostgreSQL runs as another user when we are root
        self.logs = self.dir / "logs"
        self.logs.mkdir()
        self.running = {}  # name -> Popen, in the order of starting
        names = ("registry", "rollout", "prometheus", "traffic")
        self.port = dict(zip(names, free_ports(len(names))))
        self.url = {name: f"http://127.0.0.1:{port}" for name, port in self.port.items()}
        self.tokens = {"admin": self.dir / "registry" / "admin-token"}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # --- processes ---

    def launch(self, name, *command, **kwargs):
        """Start a child that a terminal's Ctrl-C does not reach, that is asked to leave if we die, and that logs to NAME.log."""
        with open(self.logs / f"{name}.log", "ab") as log:
            kwargs = {"stdout": log, "stderr": log, **kwargs}
            command = ["setpriv", "--pdeathsig", "TERM", *map(str, command)]
            self.running[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, cwd=self.dir,
                                                  **kwargs)
        return self.running[name]

    def check(self):
        """Fail if a program has ended that should be running."""
        for name, process in self.running.items():
            if process.poll() is not None:
                raise Failure(f"{name} ended by itself: {status_text(process.returncode)}")

    def wait(self, condition, what, timeout):
        """Poll until condition() is true, and return what it returned. OSError counts as not yet."""
        deadline = time.monotonic() + timeout
        while True:
            self.check()
            try:
                if value := condition():
                    return value
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise Failure(f"not within {timeout:g} s: {what}")
            time.sleep(0.05)

    def end(self, name, sig=signal.SIGTERM, timeout=20):
        """Signal one child, wait for it, kill it if it does not listen. Its exit status, None if there was none."""
        process = self.running.pop(name, None)
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(sig)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    # --- programs ---

    def start_registry(self, *args):
        self.launch("registryd", BIN / "registryd", "--listen", f"127.0.0.1:{self.port['registry']}",
                    "--data-dir", self.dir / "registry", *args)
        self.wait(lambda: get_json(self.url["registry"] + "/readyz"), "registryd is ready", 60)

    def start_prometheus(self):
        """Scrapes every second what rolloutd says there is to scrape."""
        config = self.dir / "prometheus.yml"
        discovery = {"url": self.url["rollout"] + "/v1/discovery/prometheus", "refresh_interval": "1s",
                     "authorization": {"type": "Bearer", "credentials_file": str(self.tokens["prometheus"])}}
        config.write_text(json.dumps({  # JSON is YAML
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [{"job_name": "scorer", "http_sd_configs": [discovery]}]}))
        self.launch("prometheus", "prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.dir / 'prometheus'}",
                    f"--web.listen-address=127.0.0.1:{self.port['prometheus']}", "--log.level=warn")
        ready = self.url["prometheus"] + "/api/v1/query?query=1"
        self.wait(lambda: get_json(ready)["status"] == "success", "Prometheus is ready", 60)

    def start_rollout(self, policies):
        self.launch("rolloutd", BIN / "rolloutd", "--listen", f"127.0.0.1:{self.port['rollout']}",
                    "--state-dir", self.dir / "rollout", "--policies", policies,
                    "--registry", self.url["registry"], "--registry-token-file", self.tokens["admin"],
                    "--admin-token-file", self.tokens["admin"], "--prometheus", self.url["prometheus"],
                    "--scrape-interval", "1s", "--tick", "1s", "--traffic-listen", f"127.0.0.1:{self.port['traffic']}",
                    "--scorer-bin", BIN / "scorer", "--stop-serving-on-exit")
        self.wait(lambda: get_json(self.url["rollout"] + "/readyz"), "rolloutd is ready", 30)

    def ctl(self, *args, token="admin", timeout=60, check=True):
        """Run ctl as the holder of that token; returns its CompletedProcess."""
        env = {**os.environ, "SLUICE_REGISTRY": self.url["registry"], "SLUICE_ROLLOUT": self.url["rollout"],
               "SLUICE_TOKEN_FILE": str(self.tokens[token]), "HOME": str(self.dir)}
        done = subprocess.run([BIN / "ctl", *map(str, args)], env=env, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=timeout, check=False)
        if check and done.returncode != 0:
            raise Failure(f"ctl {' '.join(map(str, args))}: exit status {done.returncode}: {done.stderr.strip()}")
        return done

    def add_token(self, name, role):
        self.tokens[name] = self.dir / f"{name}.token"
        self.ctl("token", "create", name, role, "--save", self.tokens[name])

    def ask_rollout(self, path):
        return get_json(self.url["rollout"] + path, self.tokens["admin"].read_text().strip())

    def samples(self, selector):
        """What Prometheus scraped of these series in the last minutes, each: {time of the scrape (Unix ms): value}."""
        query = urllib.parse.quote(f"{selector}[5m]")
        result = get_json(f"{self.url['prometheus']}/api/v1/query?query={query}")["data"]["result"]
        return [{float(at) * 1000: float(value) for at, value in series["values"]} for series in result]

    # --- the end ---

    def stop(self):
        """End everything in reverse order, then whatever of ours is left, then the folder."""
        for name in ["loadgen", *reversed(list(self.running))]:  # first who asks, then who answers
            self.end(name)
        end_leftovers(str(self.dir))
        if not self.keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    def log_tails(self, lines=12):
        """The last lines of each program's log, for a failure's report."""
        for log in sorted([*self.logs.glob("*.log"), *(self.dir / "rollout" / "logs").glob("*")]):
            tail = log.read_text(errors="replace").splitlines()[-lines:]
            if tail:
                yield log.name, tail


def status_text(code):
    return f"signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"exit status {code}"


def leftovers(mark):
    """Processes that name our folder in their command line or environment: those whose parent was killed."""
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            text = (entry / "cmdline").read_bytes() + b"\0" + (entry / "environ").read_bytes()
        except OSError:
            continue  # ended, or somebody else's
        if mark.encode() in text:
            yield int(entry.name)


def end_leftovers(mark, grace=3.0):
    """Ask them to leave, then make them. A pidfd names the process that was looked at, never a later one with its number."""
    held = {}
    for pid in leftovers(mark):
        try:
            held[pid] = os.pidfd_open(pid)
        except OSError:
            pass
    for sig, wait in ((signal.SIGTERM, grace), (signal.SIGKILL, 2.0)):
        alive = set(leftovers(mark)) & set(held)
        for pid in alive:
            try:
                signal.pidfd_send_signal(held[pid], sig)
            except OSError:
                pass
        deadline = time.monotonic() + wait
        while alive & set(leftovers(mark)) and time.monotonic() < deadline:
            time.sleep(0.05)
    for fd in held.values():
        os.close(fd)
