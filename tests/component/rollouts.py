"""rolloutd with scorers that behave as told, behind a real HAProxy, watched by a real Prometheus."""

import collections
import http.client
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

from sluice import Daemon, free_port, http as ask_http, wait_until

HERE = pathlib.Path(__file__).parent

QUICK = """
name: quick
summary: three steps of a second
steps:
  - { weight: 10, hold: 1s }
  - { weight: 50, hold: 1s }
  - { weight: 100, hold: 1s }
gates:
  error_rate: { max_ratio: 2, limit_percent: 20 }
  latency: { objective: 50ms, max_ratio: 3, limit_percent: 50 }
min_requests: 15
max_hold: 1m
start_deadline: 20s
keep_failed: 5m
rollback_window: 10m
window_versions: 3
"""
SLOW = QUICK.replace("quick", "slow").replace("hold: 1s", "hold: 1m")


class Prometheus:
    """Scrapes twice a second what the rolloutds on those ports, or at those URLs, say there is to scrape."""

    def __init__(self, folder, token, *rollouts, host="127.0.0.1", port=None):
        self.folder, self.host, self.port = pathlib.Path(folder), host, port or free_port()
        self.url = f"http://{host}:{self.port}"
        self.folder.mkdir(exist_ok=True)
        self.rollout_ports = rollouts
        urls = [f"http://127.0.0.1:{r}" if isinstance(r, int) else r for r in rollouts]
        discovery = [{"url": f"{url}/v1/discovery/prometheus", "refresh_interval": "500ms",
                      "authorization": {"type": "Bearer", "credentials": token}} for url in urls]
        (self.folder / "prometheus.yml").write_text(json.dumps({  # JSON is YAML
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"},
            "scrape_configs": [{"job_name": "scorer", "http_sd_configs": discovery}]}))
        self.process = None

    def start(self):
        command = ["prometheus", f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data",
                   f"--web.listen-address={self.host}:{self.port}", "--log.level=warn"]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command], stdout=log, stderr=log)
        wait_until(self.answers, "Prometheus answers", 30)
        return self

    def answers(self):
        try:
            return ask_http("GET", self.url + "/api/v1/query?query=1").status == 200
        except OSError:
            return False

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()


class Traffic:
    """Clients on kept connections until stop(); counts answers by version and what failed."""

    def __init__(self, port, model, clients=4):
        self.port, self.model = port, model
        self.versions, self.failures, self.going = collections.Counter(), collections.Counter(), True
        self.threads = [threading.Thread(target=self.client, daemon=True) for _ in range(clients)]
        for t in self.threads:
            t.start()

    def client(self):
        connection = http_connection(self.port)
        while self.going:
            try:
                connection.request("POST", f"/v2/models/{self.model}/infer", b"{}", {"Content-Type": "application/json"})
                answer = connection.getresponse()
                version = int(json.loads(answer.read())["model_version"])
                self.versions[version] += 1
                if answer.status != 200:
                    self.failures[version] += 1
            except (OSError, http.client.HTTPException, ValueError, KeyError) as e:
                self.failures[repr(e)[:80]] += 1
                connection.close()
                time.sleep(0.05)
            time.sleep(0.01)
        connection.close()

    def stop(self):
        self.going = False
        for t in self.threads:
            t.join()


def http_connection(port):
    return http.client.HTTPConnection("127.0.0.1", port, timeout=5)


class Rollouts:
    """rolloutd, its state folder and what it is asked."""

    def __init__(self, folder, registry, prometheus_url, *args, port=None, scorer_ports=23000, env=None):
        self.folder, self.registry = pathlib.Path(folder), registry
        self.state, self.traffic_port = self.folder / "state", free_port()
        self.behaviour = self.folder / "behaviour"
        (self.folder / "policies").mkdir()
        self.behaviour.mkdir()
        self.policy("quick", QUICK)
        self.policy("slow", SLOW)
        (self.folder / "token").write_text(registry.token("admin") + "\n")
        self.daemon = Daemon(
            "rolloutd", "--state-dir", self.state, "--policies", self.folder / "policies", "--default-policy", "quick",
            "--registry", registry.daemon.url, "--registry-token-file", self.folder / "token",
            "--admin-token-file", self.folder / "token", "--prometheus", prometheus_url,
            "--traffic-listen", f"127.0.0.1:{self.traffic_port}", "--scorer-bin", HERE / "fake_scorer.py",
            "--scorer-port-base", scorer_ports, "--tick", "300ms", "--scrape-interval", "500ms",
            "--token-sync", "1s", *args,
            log=self.folder / "rolloutd.log", port=port or free_port(), env={"FAKE_SCORER": str(self.behaviour), **(env or {})})
        self.traffic = []

    def policy(self, name, text):
        (self.folder / "policies" / f"{name}.yaml").write_text(text)

    def behave(self, version, **how):
        fresh = self.behaviour / f"{version}.new"
        fresh.write_text(json.dumps(how))
        fresh.rename(self.behaviour / f"{version}.json")

    def load(self, model, **kwargs):
        self.traffic.append(Traffic(self.traffic_port, model, **kwargs))
        return self.traffic[-1]

    def __call__(self, method, path, role="admin", **kwargs):
        return self.daemon.http(method, path, token=self.registry.token(role), **kwargs)

    def get(self, model):
        r = self("GET", f"/v1/rollouts/{model}")
        assert r.status == 200, r
        return r.body

    def ask(self, model, verb="", status=202, **body):
        r = self("POST", f"/v1/rollouts/{model}{verb}", json=body)
        assert r.status == status, r
        return r.body

    def events(self, model):
        """Oldest first."""
        r = self("GET", f"/v1/rollouts/{model}/history?limit=1000")
        assert r.status == 200, r
        return r.body["events"][::-1]

    def rows(self, model, last):
        """Without verdicts, once the history, which follows the deeds, ends with this one."""
        def read():
            rows = [e["row"] for e in self.events(model) if e["kind"] != "verdict"]
            return rows if rows[-1:] == [last] else None
        return wait_until(read, f"the history ends with {last}")

    def wait(self, model, what, timeout=30, **members):
        """Until the rollout has these members."""
        last = {}

        def fits():
            last.update(self.get(model))
            return all(last[k] == v for k, v in members.items())

        try:
            wait_until(fits, what, timeout, 0.05)
        except AssertionError:
            raise AssertionError(f"not within {timeout} s: {what}; but {json.dumps(last)}") from None
        return last

    def serve(self, model, version=1):
        self.ask(model, version=version, policy="quick")
        self.wait(model, f"version {version} serves", phase="DONE", stable=version)

    def begin(self, model, version):
        """A slow rollout at its first step, by hand: Prometheus notices new targets only every five seconds."""
        self.ask(model, version=version, policy="slow")
        wait_until(lambda: self("POST", f"/v1/rollouts/{model}/promote", json={}).status == 202 or self.get(model)["phase"] != "PENDING",
                   "it may begin", 20)
        self.wait(model, f"version {version} has traffic", phase="CANARY")

    def processes(self):
        mark, found = f"SLUICE_LOCAL={self.state}/".encode(), []
        for p in pathlib.Path("/proc").glob("[0-9]*/environ"):
            try:
                if any(v.startswith(mark) for v in p.read_bytes().split(b"\0")):
                    found.append(int(p.parent.name))
            except OSError:
                pass
        return found

    def haproxy(self):
        for pid in self.processes():
            if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "haproxy":
                return pid
        return None

    def close(self):
        for t in self.traffic:
            t.stop()
        self.daemon.kill()  # whatever state it is in; what serves goes on
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self.processes(), "all are gone")


class Watch(threading.Thread):
    """A client of /watch: what it was told, as (event, id, data)."""

    def __init__(self, rollouts, model):
        super().__init__(daemon=True)
        self.told = []
        self.connection = http_connection(rollouts.daemon.port)
        self.connection.request("GET", f"/v1/rollouts/{model}/watch",
                                headers={"Authorization": f"Bearer {rollouts.registry.token('admin')}"})
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200
        self.start()

    def run(self):
        event, number = None, None
        try:
            for line in self.answer:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "event":
                    event = value
                elif name == "id":
                    number = int(value)
                elif name == "data":
                    self.told.append((event, number, json.loads(value)))
                    number = None
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            pass  # the daemon has gone
