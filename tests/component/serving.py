"""Real scorers behind a real HAProxy under a real rolloutd, and clients that notice every request that fails."""

import collections
import http.client
import json
import os
import pathlib
import signal
import threading
import time

from sluice import BIN, ROOT, Daemon, free_port, wait_until

POLICY = """
name: quick
summary: everything at once
steps:
  - { weight: 50, hold: 1m }
  - { weight: 100, hold: 1s }
gates:
  error_rate: { limit_percent: 50 }
replicas: 2
rollback_window: 10m
keep_failed: 0s
"""
FEATURES = 13


class Load:
    """Clients on kept connections until stop(); counts answers by version, keeps what failed."""

    def __init__(self, port, model, clients=3):
        self.port, self.model = port, model
        self.versions, self.failures, self.going = collections.Counter(), [], True
        body = {"inputs": [{"name": "rows", "shape": [1, FEATURES], "datatype": "FP32", "data": [1.0] * FEATURES}]}
        self.body = json.dumps(body)
        self.threads = [threading.Thread(target=self.client, daemon=True) for _ in range(clients)]
        for t in self.threads:
            t.start()

    def client(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while self.going:
            try:
                connection.request("POST", f"/v2/models/{self.model}/infer", self.body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                text = answer.read()
                if answer.status == 200:
                    self.versions[int(json.loads(text)["model_version"])] += 1
                else:
                    self.failures.append(f"{answer.status} {text[:200]!r}")
            except (OSError, http.client.HTTPException) as e:
                self.failures.append(repr(e))
                connection.close()
                time.sleep(0.01)
            time.sleep(0.001)
        connection.close()

    def more(self, version, n=50):
        """Wait for n more answers of a version."""
        goal = self.versions[version] + n
        wait_until(lambda: self.versions[version] >= goal, f"{n} more answers of version {version}, had {dict(self.versions)}; "
                   f"failures: {self.failures[:3]}", 20)

    def stop(self):
        self.going = False
        for t in self.threads:
            t.join()
        return self.failures


class Serving:
    """rolloutd on a registry, without a Prometheus: nothing here waits for evidence."""

    def __init__(self, folder, registry, program="rolloutd", env=None):
        self.registry, self.folder = registry, pathlib.Path(folder)
        self.state, self.traffic = self.folder / "state", free_port()
        (self.folder / "policies").mkdir()
        (self.folder / "policies/quick.yaml").write_text(POLICY)
        (self.folder / "token").write_text(registry.token("admin") + "\n")
        self.daemon = Daemon(program, "--state-dir", self.state, "--policies", self.folder / "policies", "--default-policy", "quick",
                             "--registry", registry.daemon.url, "--registry-token-file", self.folder / "token",
                             "--admin-token-file", self.folder / "token",
                             "--prometheus", "http://127.0.0.1:9", "--traffic-listen", f"127.0.0.1:{self.traffic}",
                             "--scorer-port-base", 22000 + os.getpid() % 1000 * 10, "--tick", "200ms",
                             "--scorer-bin", BIN / "scorer", env=env, log=self.folder / "rolloutd.log", port=free_port())

    def processes(self, name):
        """Ids of what carries our mark with this NAME's beginning."""
        mark, found = f"SLUICE_LOCAL={self.state}/{name}".encode(), []
        for p in pathlib.Path("/proc").glob("[0-9]*/environ"):
            try:
                if any(v.startswith(mark) for v in p.read_bytes().split(b"\0")):
                    found.append(int(p.parent.name))
            except OSError:
                pass
        return sorted(found)

    def rollout(self, model):
        r = self.daemon.http("GET", f"/v1/rollouts/{model}", token=self.registry.token("admin"))
        assert r.status == 200, r
        return r.body

    def steer(self, model, verb="", **body):
        path = f"/v1/rollouts/{model}{verb}"
        r = self.daemon.http("POST", path, token=self.registry.token("admin"), json=body)
        assert r.status == 202, r
        return r.body

    def begin(self, model, version):
        """A rollout that has traffic; by hand, since nobody watches it."""
        self.steer(model, version=version)
        path, admin = f"/v1/rollouts/{model}/promote", self.registry.token("admin")
        wait_until(lambda: self.daemon.http("POST", path, token=admin, json={}).status == 202, "it may begin", 20)
        wait_until(lambda: self.rollout(model)["phase"] == "CANARY", "the candidate gets traffic", 20)

    def at_rest(self, model, stable):
        def is_so():
            r = self.rollout(model)
            return r["phase"] in ("DONE", "ROLLED_BACK") and r["stable"] == stable
        wait_until(is_so, f"{model} rests on {stable}: {self.rollout(model)}", 20)

    def close(self):
        self.daemon.kill()  # whatever state it is in; what serves goes on
        for pid in self.processes(""):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self.processes(""), "all are gone")


def add_model(registry, name):
    """A model with two versions that work."""
    name = name.replace("_", "-").replace("[", "-").replace(":", "-")[:60].strip("-]")
    registry.model(name)
    for file in ("v1.json", "v2.ubj"):
        data = (ROOT / "demo/models" / file).read_bytes()
        registry.version(name, [{"path": file, "digest": registry.push(data), "size": len(data)}])
    return name
